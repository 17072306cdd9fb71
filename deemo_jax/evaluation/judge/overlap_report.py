"""A system's judged reasonings as tables and notes."""

import math
from collections.abc import Mapping

from deemo_jax.core.tables import Table
from deemo_jax.evaluation.judge.number_text import number, with_interval
from deemo_jax.evaluation.judge.overlap_scores import AVERAGE, OverlapScore
from deemo_jax.evaluation.judge.statistics.corrected_mean import CorrectedMean
from deemo_jax.evaluation.scores.resampled_tables import FEWEST_PERSONS

NAMES = {"clue": "clue overlap", "label": "label overlap", AVERAGE: "average"}
NOT_CALIBRATED = "not calibrated"


def tables(scores: Mapping[str, OverlapScore], judge: str) -> list[Table]:
    """The scores as tables.

    Args:
        scores: clue, label and average.
        judge: who judged, in a line.
    """
    header = ("score", "mean", "corrected by people", "failures as 1", "rows", "failed", "correlation with length")
    rows = [
        (
            NAMES[name],
            with_interval(one.judged.mean),
            with_interval(one.corrected.corrected) if one.corrected else NOT_CALIBRATED,
            number(one.judged.with_failures),
            str(one.judged.rows),
            str(one.judged.missing),
            number(one.length),
        )
        for name, one in scores.items()
    ]
    found = [Table(f"Reasoning, 1 to 10 [95 % interval], judged by {judge}", header, tuple(rows))]
    if any(one.agreement for one in scores.values()):
        found.append(_agreement(scores))
    if not all(math.isnan(one.judged.within_row) for one in scores.values()):
        repeats = [
            (NAMES[name], number(one.judged.between_repeats, 3), number(one.judged.within_row, 3))
            for name, one in scores.items()
        ]
        title = "The judge against itself: standard deviation over repeats"
        found.append(Table(title, ("score", "of the mean", "of a row"), tuple(repeats)))
    return found


def _agreement(scores: Mapping[str, OverlapScore]) -> Table:
    header = ["score", "rows of people", "alpha", "Spearman", "same score, %", "alpha among people"]
    header += ["people's mean", "people less judge", "corrected, weighted"]
    rows = []
    for name, one in scores.items():
        if one.agreement is None:
            continue
        same, fixed = one.agreement, one.corrected
        told = [str(same.rows), number(same.alpha), number(same.spearman), number(100 * same.exact, 1)]
        rows.append((NAMES[name], *told, number(one.people_alpha), *_corrections(fixed)))
    return Table("Judge and people on the rows that both scored", tuple(header), tuple(rows))


def _corrections(fixed: CorrectedMean | None) -> tuple[str, str, str]:
    if fixed is None:
        return "-", "-", "-"
    tuned = f"{with_interval(fixed.tuned)} (weight {fixed.weight:.2f})"
    return with_interval(fixed.people), f"{fixed.difference:+.2f}", tuned


def notes(scores: Mapping[str, OverlapScore], groups: int | None, failures: Mapping[str, int]) -> list[str]:
    """What a reader of the tables must know, a sentence a line.

    Args:
        scores: clue, label and average.
        groups: persons whom the rows show; None where this is unknown.
        failures: kind -> judgements that lack a reply.
    """
    said: list[str] = []
    if not any(one.corrected for one in scores.values()):
        said.append(
            f"{NOT_CALIBRATED.capitalize()}: nobody has checked this judge on these rows; --human FILE does it."
        )
    said.append(certainty(groups, next(iter(scores.values())).judged.rows))
    if failures:
        kinds = ", ".join(f"{count} {kind.replace('_', ' ')}" for kind, count in sorted(failures.items()))
        said.append(
            f"Requests without a reply: {kinds}. Rows without a score are in no mean; where they count as 1, the means "
            "are those under 'failures as 1'."
        )
    return said


def certainty(groups: int | None, rows: int) -> str:
    """What intervals rest on, in a sentence."""
    if groups is None:
        few = f", and {FEWEST_PERSONS} are the fewest for one" if rows < FEWEST_PERSONS else ""
        return f"Intervals are over {rows} rows, as if each showed another person: not every row has a person_id{few}."
    if groups < FEWEST_PERSONS:
        return f"No intervals: the rows show {groups} persons, and {FEWEST_PERSONS} are the fewest for one."
    return f"Intervals are over {groups} persons, each with all their rows."
