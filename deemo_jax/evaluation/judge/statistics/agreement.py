"""How far a judge and people agree. Axes: C who score, n rows."""

import dataclasses
import math

import numpy as np
from jaxtyping import Float
from scipy.stats import spearmanr


@dataclasses.dataclass(frozen=True, slots=True)
class Agreement:
    """Agreement on the rows that both scored.

    Attributes:
        rows: how many.
        alpha: Krippendorff's, ordinal; 1 is full agreement, 0 that of chance. NaN where it is not defined.
        spearman: rank correlation, -1 to 1; NaN where one of both gave everything the same score.
        exact: share of rows with the same score, rounded to whole ones, 0 to 1.
    """

    rows: int
    alpha: float
    spearman: float
    exact: float


def agreement(judge: Float[np.ndarray, " n"], people: Float[np.ndarray, " n"]) -> Agreement | None:
    """Compares two sets of scores; None where no row has both. NaN is no score."""
    both = np.isfinite(judge) & np.isfinite(people)
    a, b = judge[both], people[both]
    if not len(a):
        return None
    return Agreement(
        rows=len(a),
        alpha=ordinal_alpha(np.stack([a, b])),
        spearman=rank_correlation(a, b),
        exact=float((np.floor(a + 0.5) == np.floor(b + 0.5)).mean()),
    )


def ordinal_alpha(scores: Float[np.ndarray, "C n"]) -> float:
    """Krippendorff's alpha with the ordinal difference (Krippendorff 2011); NaN where it is not defined.

    Args:
        scores: of each who scores; NaN for none. Rows that fewer than two scored are left out.
    """
    scores = scores[:, np.isfinite(scores).sum(axis=0) >= 2]
    known = np.isfinite(scores)
    values, places = np.unique(scores[known], return_inverse=True)
    if len(values) < 2:
        return math.nan
    rows = np.broadcast_to(np.arange(scores.shape[1]), scores.shape)[known]
    # How often each row has each value, and the coincidences of values within rows.
    counts = np.zeros((scores.shape[1], len(values)))
    np.add.at(counts, (rows, places), 1)
    weights = 1 / (counts.sum(axis=1) - 1)
    seen = (counts * weights[:, None]).T @ counts - np.diag(weights @ counts)
    totals = seen.sum(axis=1)
    chance = (np.outer(totals, totals) - np.diag(totals)) / (totals.sum() - 1)
    # Two values differ by the number of scores between them, each end counted half.
    middles = np.cumsum(totals) - totals / 2
    far = np.square(middles[:, None] - middles[None, :])
    return float(1 - (seen * far).sum() / (chance * far).sum())


def rank_correlation(first: Float[np.ndarray, " n"], second: Float[np.ndarray, " n"]) -> float:
    """Spearman's rank correlation over rows where both are known; NaN with fewer than 3 such rows, or no spread."""
    both = np.isfinite(first) & np.isfinite(second)
    a, b = first[both], second[both]
    return float(spearmanr(a, b).statistic) if len(a) > 2 and np.ptp(a) > 0 and np.ptp(b) > 0 else math.nan
