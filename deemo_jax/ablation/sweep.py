"""A sweep: all of its runs, and their table."""

import dataclasses
import functools
import sys
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any

from deemo_jax.ablation.cells import Cell, When, by_row, by_run, plan_generated, plan_subsets
from deemo_jax.ablation.generated import read_sweep
from deemo_jax.ablation.one_run import Answered, asked, do_run, learns, run_config
from deemo_jax.ablation.overrides import differing
from deemo_jax.ablation.sweep_folder import SweepFolder
from deemo_jax.core.errors import UserError
from deemo_jax.core.recipe import Recipe
from deemo_jax.core.run_folder.lock import InUseError
from deemo_jax.core.schema import Modality, set_name
from deemo_jax.data.clip_source import open_builder
from deemo_jax.evaluation import comparison_report, output_folder
from deemo_jax.evaluation.compared_systems import System, on_same_clips, over_seeds, systems_of_sets
from deemo_jax.evaluation.comparison import Comparison, compare
from deemo_jax.evaluation.evaluate_run import EvaluationRequest
from deemo_jax.evaluation.modality_sets import shown_to
from deemo_jax.evaluation.published import TABLE_4

TOLD = {
    When.INFERENCE: "inference: one model, trained as the recipe says, that is given the subset only",
    When.TRAINING: "training: a model that was trained on the subset only",
}


@dataclasses.dataclass(frozen=True, kw_only=True)
class SweepRequest:
    """What a person asks for, by the flags of `sweep --config`.

    Attributes:
        workdir: folder of the sweep.
        config: that all runs change, as plain nested dicts.
        cells: of the table.
        evaluation: how each run is evaluated; its workdir, sets and folder are not used.
        generated: name of a row -> its overrides, where a recipe's `sweep()` gave them; else empty.
        published: whether the paper's rows are shown beside.
        out: folder of the table; None for the sweep's.
        cache: whether features of frozen encoders that are missing are made first, once for all runs that read them.
    """

    workdir: Path
    config: Mapping[str, Any]
    cells: tuple[Cell, ...]
    evaluation: EvaluationRequest
    generated: Mapping[str, Mapping[str, Any]] = dataclasses.field(default_factory=dict)
    published: bool = False
    out: Path | None = None
    cache: bool = False

    @property
    def runs(self) -> dict[str, tuple[Cell, ...]]:
        """Name of a run -> the cells that it answers."""
        return by_run(self.cells)

    @functools.cached_property
    def base(self) -> dict[str, Any]:
        """The config that all runs change, with all defaults.

        Raises:
            UserError: it is wrong.
        """
        return Recipe.from_config(self.config).resolved()

    @functools.cached_property
    def configs(self) -> dict[str, dict[str, Any]]:
        """Name of a run -> its config.

        Raises:
            UserError: one is wrong.
        """
        return {name: run_config(self.config, cells[0]) for name, cells in self.runs.items()}

    @functools.cached_property
    def recipes(self) -> dict[str, Recipe]:
        """Name of a run -> its recipe.

        Raises:
            UserError: one is wrong.
        """
        return {name: Recipe.from_config(config) for name, config in self.configs.items()}


def planned(
    config: Mapping[str, Any],
    subsets: Mapping[str, frozenset[Modality]],
    when: Sequence[When],
    seeds: int,
    file: Path | None = None,
    only: Collection[str] = (),
) -> tuple[tuple[Cell, ...], dict[str, dict[str, Any]]]:
    """The cells of a sweep.

    Args:
        config: that all runs change, as plain nested dicts.
        subsets: as `parse_subsets` reads them.
        when: modalities are left out.
        seeds: runs of each model; their seeds count up from the config's.
        file: of a recipe whose `sweep()` gives the rows in place of subsets; None for none.
        only: names of the rows of `sweep()` that are wanted; empty for all.

    Returns:
        The cells, and the overrides of the rows that `sweep()` gives, by name of the row.

    Raises:
        UserError: the config is wrong, or as `read_sweep`.
    """
    first = Recipe.from_config(config).seed
    of_runs = range(first, first + seeds)
    if file is None:
        return plan_subsets(subsets, when, of_runs), {}
    rows = read_sweep(file, config, only)
    return plan_generated(rows, of_runs), rows


def check(request: SweepRequest, names: Collection[str] | None = None) -> None:
    """Checks everything that can be known before the first run; nothing is written.

    Args:
        request: of the sweep.
        names: of the runs that are to be done, whose weights must be there; None for all.

    Raises:
        UserError: a config is wrong, the weights that a run begins with are not there, a run is not shown what it is
            asked about, or the folder is of something else.
    """
    SweepFolder(request.workdir).check(request.base)
    done = {name: recipe for name, recipe in request.recipes.items() if names is None or name in names}
    for name, recipe in done.items():
        if recipe.init and not Path(recipe.init).exists():
            rest = "make it first, or leave the row out with --rows" if request.generated else "name another"
            raise UserError(f"{name}: config.init {recipe.init} is not there; {rest}")
    known = {name: shown_to(recipe) for name, recipe in request.recipes.items()}
    lacking = {cell.name: known[cell.run] for cell in request.cells if (cell.modalities or set()) - known[cell.run]}
    if lacking:
        shown = set_name(next(iter(lacking.values())))
        raise UserError(f"--subsets {','.join(lacking)}: this recipe's model is shown {shown} only; leave them out")
    for data_dir, dataset in sorted({(of.data.data_dir, one) for of in done.values() for one in of.data.datasets}):
        open_builder(data_dir, dataset)


def do_one(request: SweepRequest, name: str) -> Answered | None:
    """Does one run of a sweep.

    Args:
        request: checked.
        name: of the run.

    Returns:
        Its answers; None where a signal stopped its training, which is saved.

    Raises:
        InUseError: another process is at it.
        UserError: as `do_run`.
    """
    folder = SweepFolder(request.workdir)
    folder.begin(request.base)
    number = 1 + [*request.runs].index(name)
    print(f"run {number} of {len(request.runs)}: {folder.run(name)}", file=sys.stderr, flush=True)
    return do_run(folder, request.configs[name], request.runs[name], request.evaluation, cache=request.cache)


def do_all(request: SweepRequest) -> Comparison | None:
    """Does the runs of a sweep, one after the other, and writes their table.

    Args:
        request: checked.

    Returns:
        The table; None where a signal stopped a run's training, which is saved.

    Raises:
        UserError: as `do_run`; or other processes are at some runs, when all others are done.
    """
    answered: dict[str, Answered] = {}
    busy = []
    for name in request.runs:
        try:
            found = do_one(request, name)
        except InUseError:
            busy.append(name)
            continue
        if found is None:
            return None
        answered[name] = found
    if busy:
        raise UserError(
            f"{request.workdir}: other processes are at {', '.join(busy)}, and all else is done; the same command "
            "writes the table when they have ended"
        )
    table = compared(request, answered)
    # It follows from the predictions of the runs, so that nothing is lost when it is written again.
    comparison_report.write(table, request.out or request.workdir, overwrite=True)
    return table


def compared(request: SweepRequest, answered: Mapping[str, Answered]) -> Comparison:
    """The table of a sweep.

    Args:
        request: of the sweep.
        answered: name of a run -> its answers, of all runs.

    Raises:
        UserError: runs answered different clips, as when the dataset was changed between them.
    """
    labels = output_folder.scored_labels(next(iter(answered.values())).predictions.parent)
    single: list[tuple[str, Cell, System]] = []
    for name, cells in by_row(request.cells).items():
        for cell in cells:
            chosen = {f"{name}, seed {cell.seed}": set_name(asked(cell, request.recipes[cell.run]))}
            (system,) = systems_of_sets(answered[cell.run].predictions, labels, chosen)
            single.append((name, cell, system))
    same = on_same_clips([system for *_, system in single])
    rows: dict[str, dict[int, System]] = {}
    for (name, cell, _), system in zip(single, same, strict=True):
        rows.setdefault(name, {})[cell.seed] = system
    differs = differing(request.config, request.generated)
    systems = [
        dataclasses.replace(over_seeds(name, of_seeds), differs=differs.get(name, {}))
        for name, of_seeds in rows.items()
    ]
    given = {system.modalities for system in systems}
    best = {name: value for found in answered.values() for name, value in found.bayes.items()}
    return compare(
        systems,
        labels,
        [row for row in TABLE_4 if request.published and row.modalities in given],
        reference=systems[-1].name,
        best=best,
        notes=_notes(request),
    )


def _notes(request: SweepRequest) -> list[str]:
    """What a reader of the table must know of its runs, a sentence a line."""
    kinds = [] if request.generated else dict.fromkeys(TOLD[cell.when] for cell in request.cells)
    said = [f"Rows of {kind}." for kind in kinds]
    still = {name for name, recipe in request.recipes.items() if not learns(recipe)}
    frozen = dict.fromkeys(cell.name for cell in request.cells if cell.run in still)
    if frozen:
        said.append(
            f"Of what config.trainable names, nothing learns from {', '.join(frozen)} alone: these rows are those of "
            "the model as it is before training."
        )
    return said
