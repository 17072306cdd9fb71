"""A judge's mean score, corrected by people: the prediction-powered mean (Angelopoulos et al., Science 382, 2023).

People score some of the rows, drawn at random. The judge's mean over all rows is moved by the mean difference between
people and judge on those. The variance has both parts, and what they share: the rows of people are among all rows.
Axes: n rows, G groups (persons).
"""

import dataclasses
import math

import numpy as np
from jaxtyping import Float, Int
from scipy.stats import t

from deemo_jax.core.stats import LEVEL, Interval
from deemo_jax.evaluation.scores.resampled_tables import FEWEST_PERSONS


@dataclasses.dataclass(frozen=True, slots=True)
class CorrectedMean:
    """What people would have given on average.

    Attributes:
        corrected: the prediction-powered mean with its 95 % interval.
        tuned: the same with the judge's part weighted so that the variance is least (PPI++, arXiv 2311.01453): where
            the judge knows nothing, it is near the people's mean.
        weight: of the judge's part in `tuned`; 1 is that of `corrected`.
        people: the mean of the people's scores alone.
        judge: the judge's mean over all rows; its interval knows nothing of the judge's errors, and is not given.
        difference: people less judge, on the rows that both scored.
        labelled: rows that people scored.
        rows: rows that the judge scored.
    """

    corrected: Interval
    tuned: Interval
    weight: float
    people: Interval
    judge: float
    difference: float
    labelled: int
    rows: int


def corrected_mean(
    judge: Float[np.ndarray, " n"], people: Float[np.ndarray, " n"], persons: Int[np.ndarray, " n"] | None = None
) -> CorrectedMean | None:
    """Corrects a judge's mean by people.

    Args:
        judge: its score of each row; rows with NaN are left out.
        people: their score, or the mean of several people's; NaN where a row has none.
        persons: who is seen in each row, 0 to P - 1; their rows count as one group. None where this is unknown, and
            each row is a group. With fewer than `FEWEST_PERSONS` groups that people scored, no interval has ends.

    Returns:
        None where fewer than two rows have both scores.
    """
    known = np.isfinite(judge)
    judge, people = judge[known], people[known]
    groups = np.arange(len(judge)) if persons is None else np.unique(persons[known], return_inverse=True)[1]
    scored = np.isfinite(people)
    N, n = len(judge), int(scored.sum())
    if n < 2:
        return None
    truth = np.where(scored, people, 0)
    y, f_scored, f = truth[scored].mean(), judge[scored].mean(), judge.mean()
    # What each row moves the people's mean by, and the judge's part (mean over all less mean over the scored rows).
    of_people = scored * (truth - y) / n
    of_judge = (judge - f) / N - scored * (judge - f_scored) / n
    a, b = np.bincount(groups, of_people), np.bincount(groups, of_judge)
    labelled_groups = len(np.unique(groups[scored]))
    weight = float(np.clip(-(a @ b) / (b @ b), 0, 1)) if b @ b > 0 else 0.0

    def powered(share: float) -> Interval:
        return _interval(y + share * (f - f_scored), a + share * b, labelled_groups)

    return CorrectedMean(
        corrected=powered(1.0),
        tuned=powered(weight),
        weight=weight,
        people=powered(0.0),
        judge=float(f),
        difference=float(y - f_scored),
        labelled=n,
        rows=N,
    )


def _interval(value: float, moved: Float[np.ndarray, " G"], groups: int) -> Interval:
    """A mean with Student's interval; its error is the root of the summed squares of what each group moves it by."""
    if groups < FEWEST_PERSONS:
        return Interval(float(value), math.nan, math.nan)
    reach = t.ppf((1 + LEVEL) / 2, groups - 1) * math.sqrt(float(moved @ moved) * groups / (groups - 1))
    return Interval(float(value), float(value - reach), float(value + reach))
