"""Means of a judge's scores, with intervals over persons, and how much the judge differs from itself.

Axes: n rows, K repeats, P persons, R bootstrap samples.
"""

import dataclasses
import math
import warnings

import numpy as np
from jaxtyping import Float, Int

from deemo_jax.core.stats import SAMPLES, SEED, Interval, over_persons
from deemo_jax.evaluation.scores.resampled_tables import FEWEST_PERSONS


@dataclasses.dataclass(frozen=True, slots=True)
class JudgedMean:
    """The mean of one score.

    Attributes:
        mean: over rows, each the mean of its repeats, with its 95 % interval; NaN where no row has a score.
        with_failures: the same where rows without a score count as `lowest`: a lower bound.
        rows: rows with a score.
        missing: rows without one.
        between_repeats: standard deviation of the means of the repeats; NaN with one repeat.
        within_row: mean standard deviation of a row's repeats; NaN with one repeat.
    """

    mean: Interval
    with_failures: float
    rows: int
    missing: int
    between_repeats: float
    within_row: float


def judged_mean(
    scores: Float[np.ndarray, "n K"], persons: Int[np.ndarray, " n"] | None = None, lowest: float = 1.0
) -> JudgedMean:
    """The mean of a judge's scores.

    Args:
        scores: of each row and repeat; NaN where the judge gave none.
        persons: of each row, its person, 0 to P - 1, who is drawn with all their rows; None where they are unknown, and
            rows are drawn. With fewer than `FEWEST_PERSONS` persons, or rows, there is no interval.
        lowest: of the scale.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # of rows and repeats without any score, whose mean is NaN
        each = np.nanmean(scores, axis=1)
        means = np.nanmean(scores, axis=0)
        spreads = np.nanstd(scores, axis=1, ddof=1)
    known = np.isfinite(each)
    several = scores.shape[1] > 1
    return JudgedMean(
        mean=clustered_mean(each, persons),
        with_failures=float(np.where(known, each, lowest).mean()) if len(each) else math.nan,
        rows=int(known.sum()),
        missing=int((~known).sum()),
        between_repeats=float(np.nanstd(means, ddof=1)) if several and np.isfinite(means).sum() > 1 else math.nan,
        within_row=float(np.nanmean(spreads)) if several and np.isfinite(spreads).any() else math.nan,
    )


def clustered_mean(values: Float[np.ndarray, " n"], persons: Int[np.ndarray, " n"] | None = None) -> Interval:
    """A mean over rows that have a value, with its bootstrap interval.

    Args:
        values: NaN where a row has none.
        persons: as for `judged_mean`; persons without a value are in no sample.
    """
    known = np.isfinite(values)
    if not known.any():
        return Interval(math.nan, math.nan, math.nan)
    groups = np.arange(int(known.sum())) if persons is None else np.unique(persons[known], return_inverse=True)[1]
    sums, counts = np.bincount(groups, values[known]), np.bincount(groups)
    if len(counts) < FEWEST_PERSONS:
        return Interval(float(sums.sum() / counts.sum()), math.nan, math.nan)
    # In 64-bit floats, since products of integers would be slow.
    return over_persons(lambda drawn: (drawn @ sums) / (drawn @ counts.astype(np.float64)), len(counts), SAMPLES, SEED)
