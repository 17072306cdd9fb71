"""Scores systems on the same clips as one table, the paper's Table 5: each with intervals, and against one of them."""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

from deemo_jax.core.schema import Labels
from deemo_jax.core.stats import Interval
from deemo_jax.evaluation import published, results
from deemo_jax.evaluation.compared_systems import System
from deemo_jax.evaluation.judge.joined_scores import JoinedScores
from deemo_jax.evaluation.published import PublishedRow
from deemo_jax.evaluation.scores.metrics import HEADLINE, Difference
from deemo_jax.evaluation.seed_spread import SeedSpread, seed_spread


@dataclasses.dataclass(frozen=True, slots=True)
class Comparison:
    """Systems on the same clips.

    Attributes:
        systems: in the order in which they were named.
        scores: of the systems by name; its differences are those of the reference minus each other one.
        reference: name of one system.
        published: rows of the paper that are shown beside.
        spreads: name of a system -> its scores by seed, where systems were trained with several; else empty.
        judged: scores of their reasonings by one judge; None where there are none.
    """

    systems: tuple[System, ...]
    scores: results.Results
    reference: str
    published: tuple[PublishedRow, ...] = ()
    spreads: Mapping[str, SeedSpread] = dataclasses.field(default_factory=dict)
    judged: JoinedScores | None = None

    @property
    def columns(self) -> tuple[str, ...]:
        """Names of what tells the systems apart (`System.differs`)."""
        return tuple(self.systems[0].differs)

    def difference(self, system: System) -> Difference | None:
        """The reference minus this one; None for the reference itself."""
        return self.scores.differences.get(f"{self.reference} - {system.name}")

    def overlap_difference(self, system: System, score: str) -> Interval | None:
        """The same of clue or label overlap; None for the reference, and where one judge did not score both."""
        if self.judged is None or system.name == self.reference:
            return None
        return self.judged.difference(self.reference, system.name, score)

    def rows(self) -> list[dict[str, Any]]:
        """The table as flat rows of plain values, for JSON and CSV; what is unknown is None."""
        return [*map(self._row, self.systems), *map(self._published_row, self.published)]

    def to_json(self) -> dict[str, Any]:
        """The comparison as comparison.json has it."""
        spreads = {name: spread.to_json() for name, spread in self.spreads.items()}
        seeds = {"seeds": spreads} if spreads else {}
        judge = {"judge": {"who": self.judged.judge, "calibrated": self.judged.calibrated}} if self.judged else {}
        return {"reference": self.reference, "rows": self.rows(), **seeds, **judge, "scores": self.scores.to_json()}

    @property
    def has_overlaps(self) -> bool:
        """Whether any row has scores of its reasonings."""
        return self.judged is not None or any(row.clue_overlap is not None for row in self.published)

    def _row(self, system: System) -> dict[str, Any]:
        found, gap = self.scores.sets[system.name], self.difference(system)
        row: dict[str, Any] = {"system": system.name, "published": False, "modalities": system.modalities}
        row |= system.differs
        row |= {"clips": self.scores.n, "unparsed": found.unparsed}
        row |= {"bayes_optimal_accuracy": self.scores.bayes.get(system.name)}
        for name in HEADLINE:
            row |= _flat(name, getattr(found, name).value, getattr(found, name).bounds())
        for name in ("clue", "label") if self.has_overlaps else ():
            mean = self.judged.of(system.name, name) if self.judged else None
            row |= _flat(f"{name}_overlap", mean.value if mean else None, mean.bounds() if mean else None)
            less = self.overlap_difference(system, name)
            row |= _flat(
                f"reference_minus_this_{name}_overlap", less.value if less else None, less.bounds() if less else None
            )
        if spread := self.spreads.get(system.name):
            row |= {"seeds": len(spread.by_seed)} | {f"{name}_sd_over_seeds": spread.sd(name) for name in HEADLINE}
        for name in HEADLINE:
            of = getattr(gap, name) if gap else None
            row |= _flat(f"reference_minus_this_{name}", of.value if of else None, of.bounds() if of else None)
        row |= {key: getattr(gap, key) if gap else None for key in ("discordance", "p", "p_holm")}
        files = list(system.repeats.values()) or [system]
        return row | {
            "file": ";".join(str(one.file) for one in files),
            "sha256": ";".join(one.sha256 for one in files),
        }

    def _published_row(self, row: PublishedRow) -> dict[str, Any]:
        empty = dict.fromkeys(self._row(self.systems[0]))
        known: dict[str, Any] = {
            "system": row.method,
            "published": True,
            "modalities": row.modalities,
            "clips": published.CLIPS,
        }
        if self.has_overlaps:
            known |= {"clue_overlap": row.clue_overlap, "label_overlap": row.label_overlap}
        return empty | known | {"accuracy": row.accuracy, "f1_weighted": row.f1_weighted}


def compare(
    systems: Sequence[System],
    labels: Labels,
    rows: Sequence[PublishedRow] = (),
    *,
    reference: str = "",
    best: Mapping[str, float] | None = None,
    notes: Sequence[str] = (),
    judged: JoinedScores | None = None,
) -> Comparison:
    """Scores systems, and a reference among them against each other one.

    Args:
        systems: at least one, as `read_systems` gives them, or `over_seeds`, all with as many seeds.
        labels: of all of them.
        rows: of the paper, to show beside.
        reference: name of a system; empty for the first.
        best: modality set -> the best accuracy that is possible, 0 to 1, where it is known.
        notes: sentences for a reader of the table.
        judged: scores of the systems' reasonings by one judge; None for none.
    """
    reference = reference or systems[0].name
    scores = results.score(
        {system.name: system.rows for system in systems},
        f"Comparison of {', '.join(system.name for system in systems)}",
        labels=labels,
        notes=notes,
        pairs=[(reference, system.name) for system in systems if system.name != reference],
        repeats=len(systems[0].repeats) or 1,
    )
    spreads = {system.name: spread for system in systems if (spread := seed_spread(system, labels))}
    bayes = {system.name: best[system.modalities] for system in systems if best and system.modalities in best}
    return Comparison(tuple(systems), dataclasses.replace(scores, bayes=bayes), reference, tuple(rows), spreads, judged)


def _flat(name: str, value: float | None, bounds: list[float] | None) -> dict[str, float | None]:
    low, high = bounds or (None, None)
    return {name: value, f"{name}_low": low, f"{name}_high": high}
