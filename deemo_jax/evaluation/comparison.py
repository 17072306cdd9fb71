"""Scores systems on the same clips as one table, the paper's Table 5: each with intervals, and against the first."""

import dataclasses
from collections.abc import Sequence
from typing import Any

from deemo_jax.core.schema import Labels
from deemo_jax.evaluation import published, results
from deemo_jax.evaluation.compared_systems import System
from deemo_jax.evaluation.published import PublishedRow
from deemo_jax.evaluation.scores.metrics import HEADLINE, Difference


@dataclasses.dataclass(frozen=True, slots=True)
class Comparison:
    """Systems on the same clips.

    Attributes:
        systems: in the order in which they were named.
        scores: of the systems by name; its differences are those of the first system minus each other one.
        published: rows of the paper that are shown beside.
    """

    systems: tuple[System, ...]
    scores: results.Results
    published: tuple[PublishedRow, ...] = ()

    def difference(self, system: System) -> Difference | None:
        """The first system minus this one; None for the first itself."""
        return self.scores.differences.get(f"{self.systems[0].name} - {system.name}")

    def rows(self) -> list[dict[str, Any]]:
        """The table as flat rows of plain values, for JSON and CSV; what is unknown is None."""
        return [*map(self._row, self.systems), *map(self._published_row, self.published)]

    def to_json(self) -> dict[str, Any]:
        """The comparison as comparison.json has it."""
        return {"rows": self.rows(), "scores": self.scores.to_json()}

    def _row(self, system: System) -> dict[str, Any]:
        found, gap = self.scores.sets[system.name], self.difference(system)
        row: dict[str, Any] = {"system": system.name, "published": False, "modalities": system.modalities}
        row |= {"clips": found.n, "unparsed": found.unparsed}
        for name in HEADLINE:
            row |= _flat(name, getattr(found, name).value, getattr(found, name).bounds())
        for name in HEADLINE:
            of = getattr(gap, name) if gap else None
            row |= _flat(f"less_than_first_{name}", of.value if of else None, of.bounds() if of else None)
        row |= {key: getattr(gap, key) if gap else None for key in ("discordance", "p", "p_holm")}
        return row | {"file": str(system.file), "sha256": system.sha256}

    def _published_row(self, row: PublishedRow) -> dict[str, Any]:
        empty = dict.fromkeys(self._row(self.systems[0]))
        known = {"system": row.method, "published": True, "modalities": row.modalities, "clips": published.CLIPS}
        return empty | known | {"accuracy": row.accuracy, "f1_weighted": row.f1_weighted}


def compare(systems: Sequence[System], labels: Labels, rows: Sequence[PublishedRow] = ()) -> Comparison:
    """Scores systems, and each against the first.

    Args:
        systems: at least one, as `read_systems` gives them.
        labels: of all of them.
        rows: of the paper, to show beside.
    """
    first, *others = (system.name for system in systems)
    scores = results.score(
        {system.name: system.rows for system in systems},
        f"Comparison of {', '.join(system.name for system in systems)}",
        labels=labels,
        pairs=[(first, other) for other in others],
    )
    return Comparison(tuple(systems), scores, tuple(rows))


def _flat(name: str, value: float | None, bounds: list[float] | None) -> dict[str, float | None]:
    low, high = bounds or (None, None)
    return {name: value, f"{name}_low": low, f"{name}_high": high}
