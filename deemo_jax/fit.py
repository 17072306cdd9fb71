"""Says whether a recipe fits on a cluster, what bounds its step and what an epoch costs, before a chip is paid for.

    python -m deemo_jax.fit --config configs/deemo_llama_7b.py --topology v5e:16x16 \\
        --config.mesh.data=4 --config.mesh.fsdp=64 --config.data.batch_size=512 --clips 24722 --price 1.20
    python -m deemo_jax.fit --config configs/deemo_llama_7b.py --topology h100:8x4 --config.data.batch_size=64
    python -m deemo_jax.fit --config configs/sample.py --topology cpu:8
    python -m deemo_jax.fit --config configs/deemo_llama_7b.py --topology v6e:8x8 --search --report fit.html

The step that training runs is compiled for the topology, without a chip of it and without weights or data: TPUs need
the extra tpu; programs for GPUs are compiled only where they are (--topology local), and elsewhere the report is an
estimate, and says so. Exit code 0: it fits; 1: it does not, and the report says what to change; 2: a mistake that you
can mend. See docs/fit.md.
"""

import json
import os
import shlex
import sys
from pathlib import Path

from absl import flags

from deemo_jax.core import cli
from deemo_jax.core.errors import UserError
from deemo_jax.core.files import check_place
from deemo_jax.core.recipe_flag import define_config, given

CONFIG = define_config("A recipe, e.g. configs/deemo_llama_7b.py; --config.a.b=value changes a key of it.")
TOPOLOGY = flags.DEFINE_string(
    "topology", "", "v5e:16x16, v5p:4x4x8, v6e:8x8, h100:8x4 (8 on each of 4), cpu:8, local."
)
COMPILE = flags.DEFINE_bool("compile", True, "Compile the step; --nocompile estimates, in seconds.")
SEARCH = flags.DEFINE_bool("search", False, "Try meshes, batch sizes and remat policies, and recommend the best.")
CLIPS = flags.DEFINE_integer("clips", None, "Clips of an epoch, where the dataset is not at hand.", lower_bound=1)
PRICE = flags.DEFINE_float("price", None, "Of a chip for an hour.", lower_bound=0)
DECODE_RATE = flags.DEFINE_float(
    "decode_rate",
    None,
    "Clips that a core decodes in a second, without the feature cache; if left out, a core of this machine is timed.",
    lower_bound=1e-3,
)
cli.finite("price", "decode_rate")
JSON = flags.DEFINE_bool("json", False, "Print the report as JSON.")
REPORT = flags.DEFINE_string("report", "", "Write the report to this file, .md or .html.")

EXIT_DOES_NOT_FIT = 1


def main() -> int:
    if CONFIG.value is None or not TOPOLOGY.value:
        raise UserError("name a recipe with --config and chips with --topology, such as v5e:16x16")
    config, report_file = given(CONFIG), Path(REPORT.value) if REPORT.value else None
    if TOPOLOGY.value != "local":
        # Where libtpu is installed without a TPU, JAX would look for one first.
        os.environ.setdefault("JAX_PLATFORMS", "cpu")
    # JAX is imported only here, so that mistakes in flags and --help answer at once.
    from deemo_jax.training.fit.cost import Question
    from deemo_jax.training.fit.fit_recipe import clips_of, fit_recipe
    from deemo_jax.training.fit.report import check_ending, write

    if report_file:
        check_ending(report_file)
        check_place(report_file.parent)
    question = Question(CLIPS.value or clips_of(config), PRICE.value, DECODE_RATE.value)
    command = shlex.join(["python", "-m", "deemo_jax.fit", *sys.argv[1:]])
    report = fit_recipe(
        config, TOPOLOGY.value, question, compiles=COMPILE.value, searches=SEARCH.value, command=command
    )
    print(json.dumps(report.json(), indent=2) if JSON.value else report.text())
    if report_file:
        write(report, report_file)
    return 0 if report.plan.fits else EXIT_DOES_NOT_FIT


if __name__ == "__main__":
    cli.run(main)
