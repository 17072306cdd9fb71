"""Makes the parts of a caption dataset on many machines, with Beam (extra `beam`).

Every worker must see the media and the folder of the build under the same paths. A part that is done is not made again,
so a pipeline that broke off is started once more.
"""

import functools
import shlex
from collections.abc import Sequence

from deemo_jax.core.errors import UserError
from deemo_jax.data.captions.parts import Part, Plan, make_part

try:
    import apache_beam as beam
    from apache_beam.options.pipeline_options import PipelineOptions
except ImportError as error:
    raise UserError("Apache Beam is not installed; run: make setup EXTRAS=beam") from error


def make_parts(plan: Plan, parts: Sequence[Part], options: str, workers: int = 1) -> None:
    """Makes parts, one a step of the pipeline, and waits until all are done.

    Args:
        plan: that they belong to, in a folder that all workers share.
        parts: to be made.
        options: of Beam, as on a command line: `--runner=DirectRunner --direct_num_workers=2`.
        workers: processes in which each Beam worker reads media; 0 for none but its own.

    Raises:
        UserError: the options are malformed, or name a runner that there is not.
    """
    try:
        pipeline = beam.Pipeline(options=PipelineOptions(shlex.split(options)))
    except ValueError as error:
        raise UserError(f"--beam {options!r}: {error}") from error
    with pipeline:
        made = pipeline | beam.Create(list(parts)) | beam.Reshuffle()
        _ = made | "part" >> beam.Map(functools.partial(make_part, plan, workers=workers))
