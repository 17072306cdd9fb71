"""Preferences among systems as tables and notes."""

from deemo_jax.core.stats import Interval
from deemo_jax.core.tables import Table
from deemo_jax.evaluation.judge.number_text import number, with_interval
from deemo_jax.evaluation.judge.preference_scores import PreferenceScores
from deemo_jax.evaluation.judge.statistics.bradley_terry import Strengths
from deemo_jax.evaluation.judge.statistics.corrected_rate import CorrectedRate


def tables(found: PreferenceScores, judge: str) -> list[Table]:
    """The scores as tables.

    Args:
        found: preferences among at least two systems.
        judge: who judged, in a line.
    """
    first = found.systems[0]
    header = ("system", f"preferred to {first}, %", "log odds", "won", "even", "lost", "failed")
    rows = []
    for place, name in enumerate(found.systems):
        told = ["-", "-"]
        if isinstance(found.strengths, Strengths) and place:
            told = [
                with_interval(_percent(found.strengths.preferred[place]), 1),
                with_interval(found.strengths.log_odds[place]),
            ]
        rows.append((name, *told, *map(str, found.records[place])))
    shown = [Table(f"Preferred reasonings, Bradley-Terry [95 % interval], judged by {judge}", header, tuple(rows))]
    sides = [
        ("the text that stands first", found.place),
        ("the longer text", found.longer),
    ]
    lines = [
        (name, number(100 * side.share, 1), str(side.decided), f"{side.p:.2g}" if side.decided else "-")
        for name, side in sides
    ]
    shown.append(Table("What the judge leans to", ("preferred", "% of verdicts", "verdicts", "p"), tuple(lines)))
    if found.human and isinstance(found.human.rate, CorrectedRate):
        fixed = found.human.rate
        row = (
            with_interval(_percent(fixed.corrected), 1),
            number(100 * fixed.judged, 1),
            number(fixed.sensitivity),
            number(fixed.specificity),
            f"{fixed.yes} + {fixed.no}",
        )
        caption = f"How often {first} is preferred, corrected by people (contests without ties)"
        columns = ("corrected, %", "judge, %", "sensitivity", "specificity", "contests of people")
        shown.append(Table(caption, columns, (row,)))
    return shown


def notes(found: PreferenceScores) -> list[str]:
    """What a reader of the tables must know, a sentence a line."""
    said = []
    if isinstance(found.strengths, str):
        said.append(f"No strengths: {found.strengths}.")
    said.append(
        f"In both orders the verdict is the same in {number(100 * found.consistent, 1)} % of contests; every contest "
        "counts with both orders, so that a leaning to a place moves no system."
    )
    check = found.human
    if check is None:
        said.append("Not calibrated: nobody has checked this judge on these contests; --human FILE does it.")
    else:
        said.append(
            f"Judge and people say the same of {number(100 * check.same, 1)} % of {check.contests} contests (Cohen's "
            f"kappa {number(check.kappa)})."
        )
        if isinstance(check.rate, str):
            said.append(f"Not calibrated: {check.rate}.")
    return said


def _percent(found: Interval) -> Interval:
    return Interval(100 * found.value, 100 * found.low, 100 * found.high)
