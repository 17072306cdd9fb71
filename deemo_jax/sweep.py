"""What each modality is worth, or each choice of a recipe: the paper's Table 4 of your own runs.

    python -m deemo_jax.sweep --workdir runs/sample
    python -m deemo_jax.sweep --workdir runs/sample --subsets T,TV,TVA --truth truth.jsonl --published
    python -m deemo_jax.sweep --config configs/sample.py --workdir runs/table4 --subsets T,TV,TVA --when both --seeds 3
    python -m deemo_jax.sweep --config configs/sample_sweep.py --workdir runs/parts --generated

The first two take one run, which answers the test split once per subset of modalities; nothing is trained. With
--config, models are trained into folders below --workdir: one for each subset and seed (--when training), or one for
each seed that answers from every subset (--when inference), or both; --generated takes the rows from the function
sweep() of the recipe's file instead. Each answers what it was trained for, and all of them become one table.

The same command goes on where it was stopped, and does nothing twice; what is finished is only shown. --processes N
does N runs at a time on this machine, --run INDEX just one of them, for an array of a cluster (docs/launch.md). The
table is comparison.md, .csv, .tex, .json, .png and .svg, beside the evaluation's files or in --workdir. Exit code 75:
stopped by a signal, and saved.
"""

from deemo_jax.core.start_signals import begin_work, end_when_asked, exit_when_asked

if __name__ == "__main__":
    end_when_asked()  # the imports that follow take their time

import sys
from pathlib import Path
from typing import TYPE_CHECKING

from absl import flags

from deemo_jax.ablation.cells import When
from deemo_jax.ablation.local_processes import end_with_parent, in_processes, visible_gpus
from deemo_jax.ablation.sweep_folder import SweepFolder
from deemo_jax.core import cli
from deemo_jax.core.compilation_cache import default_folder, keep_compiled
from deemo_jax.core.config import plain
from deemo_jax.core.errors import UserError
from deemo_jax.core.recipe_flag import define_config, given, recipe_file
from deemo_jax.evaluation import comparison_report
from deemo_jax.evaluation.comparison import Comparison
from deemo_jax.evaluation.run_flags import define_run_flags, path_of
from deemo_jax.evaluation.subsets import TABLE_4, parse_subsets

if TYPE_CHECKING:
    from deemo_jax.ablation.sweep import SweepRequest

CONFIG = define_config("A recipe, whose models are trained below --workdir; --config.a.b=value changes a key of it.")
RUN = define_run_flags()
SUBSETS = flags.DEFINE_string(
    "subsets",
    TABLE_4,
    "What the model is given, divided by commas: letters of T (transcript), V (video), A (audio), N (NFBL). Each is "
    "compared with the last one.",
)
WHEN = flags.DEFINE_string(
    "when",
    "training",
    "With --config: modalities are left out in training (a model for each subset), at inference (one model for all), "
    "or both.",
)
GENERATED = flags.DEFINE_bool("generated", False, "With --config: the rows are those that its sweep() yields.")
ROWS = flags.DEFINE_list("rows", [], "With --generated: only these of its rows, divided by commas.")
SEEDS = flags.DEFINE_integer(
    "seeds", 1, "With --config: so many runs of each model; their seeds count up from the recipe's.", lower_bound=1
)
PROCESSES = flags.DEFINE_integer(
    "processes", 1, "With --config: so many runs at a time, which divide the GPUs of this machine.", lower_bound=1
)
ONLY = flags.DEFINE_integer("run", None, "With --config: only this run, counted from 0; no table.", lower_bound=0)
SHOW_RUNS = flags.DEFINE_bool("show_runs", False, "With --config: print the runs, and end.")
CACHE = flags.DEFINE_bool(
    "cache",
    False,
    "First make what frozen encoders give of each clip, where it is missing beside the dataset (docs/cache.md).",
)
PUBLISHED = flags.DEFINE_bool("published", False, "Show the rows of the paper's Table 4 beside.")
WITH_CONFIG = (WHEN, GENERATED, ROWS, SEEDS, PROCESSES, ONLY, SHOW_RUNS)
WITHOUT_CONFIG = (RUN.overwrite, RUN.from_step, RUN.data_dir)


def main() -> int:
    if not RUN.workdir.value:
        raise UserError("name a run, or with --config the folder of the sweep, with --workdir")
    if CONFIG.value is None:
        return _one_run()
    if wrong := [flag.name for flag in WITHOUT_CONFIG if flag.present]:
        raise UserError(f"--{wrong[0]} is for a run that is there, without --config")
    return _runs()


def _one_run() -> int:
    if wrong := [flag.name for flag in WITH_CONFIG if flag.present]:
        raise UserError(f"--{wrong[0]} trains models: name a recipe with --config")
    parse_subsets(SUBSETS.value)
    # JAX is imported only here, so that mistakes in flags answer at once.
    from deemo_jax.evaluation.ablation import ablate

    begin_work()

    found, folder = ablate(RUN.request(calibrate=False), SUBSETS.value, published=PUBLISHED.value, cache=CACHE.value)
    # They follow from the predictions beside them, so that nothing is lost when they are written again.
    comparison_report.write(found, folder, overwrite=True)
    _show(found, folder)
    return 0


def _runs() -> int:
    if GENERATED.value and (SUBSETS.present or WHEN.present):
        raise UserError("--generated has its own rows; leave out --subsets and --when")
    if ROWS.present and not GENERATED.value:
        raise UserError("--rows names rows of --generated; --subsets names subsets of modalities")
    when, subsets, config = When.parse(WHEN.value), parse_subsets(SUBSETS.value), plain(given(CONFIG))
    # JAX is imported only here, so that mistakes in flags answer at once.
    from deemo_jax.ablation.sweep import SweepRequest, check, do_all, do_one, planned

    file = recipe_file() if GENERATED.value else None
    cells, rows = planned(config, subsets, when, SEEDS.value, file, ROWS.value)
    request = SweepRequest(
        workdir=Path(RUN.workdir.value),
        config=config,
        cells=cells,
        evaluation=RUN.request(calibrate=False),
        generated=rows,
        published=PUBLISHED.value,
        out=path_of(RUN.out),
        cache=CACHE.value,
    )
    names = [*request.runs]
    if ONLY.value is not None and ONLY.value >= len(names):
        raise UserError(f"--run {ONLY.value}: this sweep has the runs 0 to {len(names) - 1}; --show_runs lists them")
    check(request, [] if SHOW_RUNS.value else None if ONLY.value is None else [names[ONLY.value]])
    if SHOW_RUNS.value:
        print("\n".join(f"{number} {name}" for number, name in enumerate(names)))
        return 0
    exit_when_asked()
    end_with_parent()
    if remark := keep_compiled(default_folder()):
        print(f"warning: {remark}", file=sys.stderr)
    if ONLY.value is not None:
        return cli.EXIT_STOPPED if do_one(request, names[ONLY.value]) is None else 0
    if PROCESSES.value > 1 and (code := _at_once(request, PROCESSES.value)):
        return code
    found = do_all(request)
    if found is None:
        return cli.EXIT_STOPPED
    _show(found, request.out or request.workdir)
    return 0


def _at_once(request: "SweepRequest", processes: int) -> int:
    """Does all runs in processes of their own, this command with --run; returns 0, or an exit code if stopped."""
    folder, command = SweepFolder(request.workdir), [sys.executable, "-m", "deemo_jax.sweep", *sys.argv[1:]]
    folder.begin(request.base)
    commands = {name: [*command, "--processes=1", f"--run={place}"] for place, name in enumerate(request.runs)}
    return in_processes(commands, processes, folder.log, visible_gpus())


def _show(found: Comparison, folder: Path) -> None:
    print(comparison_report.text(found))
    print(f"\nwritten: {folder / 'comparison.md'}")


if __name__ == "__main__":
    cli.run(main)
