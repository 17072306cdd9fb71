"""A second Beam worker: `python -m benchmarks.deid_beam [--repeats 3] [--clips 12]` (extra `beam`).

De-identifies clips by `deemo_jax.deid.beam` with Beam's DirectRunner, with one worker process and with two in
turn, a thread a worker; start-up is in the time. On a machine that does other work two workers get less than twice the
time of one: the load is printed, too.
"""

import os
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from benchmarks.deid_scaling import CLIP_SECONDS, DIM
from benchmarks.films import write_film
from benchmarks.ratios import spread
from deemo_jax.core import cli
from deemo_jax.deid.keys import load_key
from deemo_jax.deid.settings import Settings
from deemo_jax.sample import hard

RUNNER = ("--runner=DirectRunner", "--direct_running_mode=multi_processing")


def main(arguments: list[str] | None = None) -> int:
    """Prints the ratio of pairs of runs."""
    parser = cli.Parser("python -m benchmarks.deid_beam", description=__doc__)
    parser.add_argument("--repeats", type=int, default=3, help="pairs of runs (default %(default)s)")
    parser.add_argument("--clips", type=int, default=12, help="in the folder (default %(default)s)")
    flags = parser.parse_args(arguments)
    loads, pairs = [os.getloadavg()[0]], []
    with tempfile.TemporaryDirectory() as folder:
        films = [Path(folder) / f"clip{n:02d}.mp4" for n in range(flags.clips)]
        for n, film in enumerate(films):
            write_film(film, CLIP_SECONDS, DIM + n * len(hard.KINDS))
        load_key(Path(folder) / "key")
        for turn in range(flags.repeats):
            pairs.append([_run(Path(folder), films, f"{turn}-{workers}", workers) for workers in (1, 2)])
            loads.append(os.getloadavg()[0])
    times = np.array(pairs)
    print(
        f"two Beam workers beside one, {flags.clips} clips of {CLIP_SECONDS} s:"
        f" {spread(times[:, 0] / times[:, 1])} times as fast, n {flags.repeats}; seconds with one"
        f" {spread(times[:, 0], '.1f')}; load of the machine {spread(loads, '.1f')} on {os.cpu_count()} cores"
    )
    return 0


def _run(folder: Path, films: list[Path], name: str, workers: int) -> float:
    """Seconds of a run into a folder of its own."""
    import apache_beam as beam
    from apache_beam.options.pipeline_options import PipelineOptions

    from deemo_jax.deid.beam import Deidentify

    out = folder / name
    start = time.perf_counter()
    with beam.Pipeline(options=PipelineOptions([*RUNNER, f"--direct_num_workers={workers}"])) as pipeline:
        work = Deidentify(out, Settings(), folder / "key")
        _ = pipeline | beam.Create([str(film) for film in films]) | work
    made = len(list(out.glob("*.manifest.json")))
    if made < len(films) / 2:
        raise SystemExit(f"{out}: {made} of {len(films)} clips were made")
    return time.perf_counter() - start


if __name__ == "__main__":
    sys.exit(cli.guarded(main))
