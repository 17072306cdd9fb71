"""What a sweep trains and asks, planned before anything is done: pure functions of what a person asks for."""

import dataclasses
import enum
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from deemo_jax.core.errors import UserError
from deemo_jax.core.schema import Modality, set_name

# Name of the run, without its seed, whose model answers all rows of an ablation at inference.
FULL = "full"


class When(enum.StrEnum):
    """When modalities are left out."""

    INFERENCE = "inference"  # of what one model, trained as its recipe says, is given
    TRAINING = "training"  # of what a model of its own is trained on, and then given

    @classmethod
    def parse(cls, text: str) -> "tuple[When, ...]":
        """Reads 'inference', 'training', or 'both'.

        Raises:
            UserError: another word.
        """
        if text == "both":
            return tuple(cls)
        if text not in set(cls):
            raise UserError(f"--when {text!r}: choose from {', '.join(cls)}, both")
        return (cls(text),)


@dataclasses.dataclass(frozen=True, slots=True)
class Cell:
    """One row of a sweep's table, with one seed.

    Attributes:
        name: of the row: a subset, such as 'TV', or what a recipe's `sweep()` calls it.
        when: modalities are left out.
        modalities: what the model is given when it answers; None for all that it is shown.
        overrides: dotted key of the config -> value, of the run that answers; without its seed.
        seed: of that run.
    """

    name: str
    when: When
    modalities: frozenset[Modality] | None
    overrides: Mapping[str, Any]
    seed: int

    @property
    def run(self) -> str:
        """Name of the folder of the run that answers."""
        return f"{FULL if self.when == When.INFERENCE else self.name}-seed{self.seed}"


def plan_subsets(
    subsets: Mapping[str, frozenset[Modality]], when: Sequence[When], seeds: Sequence[int]
) -> tuple[Cell, ...]:
    """The cells of an ablation over modalities, row by row, and within a row seed by seed.

    A run that is trained on a subset is always shown all of it: `modality_dropout`, which has one model learn to answer
    from every subset, is off.

    Args:
        subsets: as `parse_subsets` reads them.
        when: kinds of rows.
        seeds: of the runs of each row.
    """
    return tuple(
        Cell(name, kind, chosen, _shown(chosen) if kind == When.TRAINING else {}, seed)
        for kind in When
        if kind in when
        for name, chosen in subsets.items()
        for seed in seeds
    )


def plan_generated(overrides: Mapping[str, Mapping[str, Any]], seeds: Sequence[int]) -> tuple[Cell, ...]:
    """The cells of a recipe's own sweep, row by row, and within a row seed by seed.

    Args:
        overrides: name of a row -> overrides, as `generated.read_sweep` gives them.
        seeds: of the runs of each row.
    """
    return tuple(
        Cell(name, When.TRAINING, None, changes, seed) for name, changes in overrides.items() for seed in seeds
    )


def by_run(cells: Iterable[Cell]) -> dict[str, tuple[Cell, ...]]:
    """Name of a run -> the cells that it answers, in the order of the cells."""
    runs: dict[str, tuple[Cell, ...]] = {}
    for cell in cells:
        runs[cell.run] = (*runs.get(cell.run, ()), cell)
    return runs


def by_row(cells: Iterable[Cell]) -> dict[str, tuple[Cell, ...]]:
    """Name of a table's row -> its cells, one a seed; where both kinds are there, the kind is in the name."""
    cells = tuple(cells)
    both = len({cell.when for cell in cells}) > 1
    rows: dict[str, tuple[Cell, ...]] = {}
    for cell in cells:
        name = f"{cell.name} ({cell.when})" if both else cell.name
        rows[name] = (*rows.get(name, ()), cell)
    return rows


def _shown(chosen: frozenset[Modality]) -> dict[str, Any]:
    return {"data.modalities": set_name(chosen), "data.modality_dropout": {}}
