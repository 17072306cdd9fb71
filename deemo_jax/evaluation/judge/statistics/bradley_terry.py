"""Strengths of systems from pairwise preferences (Bradley and Terry, 1952), with intervals over persons.

Axes: c comparisons, M systems, D = M - 1 systems beside the reference, G groups (persons).
"""

import dataclasses
import math

import numpy as np
from jaxtyping import Float, Int
from scipy.sparse.csgraph import connected_components
from scipy.special import expit
from scipy.stats import t

from deemo_jax.core.stats import LEVEL, Interval
from deemo_jax.evaluation.scores.resampled_tables import FEWEST_PERSONS

# Newton's steps, at most, and the size of a step at which the fit is done.
STEPS, DONE = 100, 1e-13


@dataclasses.dataclass(frozen=True, slots=True)
class Strengths:
    """Strengths relative to the first system, whose own is 0.

    Attributes:
        log_odds: of each system against the first: natural logarithm of the odds that it is preferred, with its 95 %
            interval.
        preferred: the same as probabilities, 0 to 1; 0.5 for the first.
    """

    log_odds: tuple[Interval, ...]
    preferred: tuple[Interval, ...]


def bradley_terry(
    pairs: Int[np.ndarray, "c 2"], wins: Float[np.ndarray, " c"], groups: Int[np.ndarray, " c"], systems: int
) -> Strengths | str:
    """Fits strengths by maximum likelihood; a tie counts as half a win of each.

    Args:
        pairs: the two systems of each comparison, 0 to M - 1.
        wins: of the first of both: 1, 0, or 0.5 for a tie.
        groups: who is seen, 0 to G - 1. Comparisons of one group are alike, so the errors are those of sums over groups
            (the sandwich of Liang and Zeger, 1986). With fewer than `FEWEST_PERSONS` groups, no interval has ends.
        systems: M, at least 2.

    Returns:
        The strengths, or in words why they are not finite.
    """
    beaten = np.zeros((systems, systems))
    np.add.at(beaten, (pairs[:, 0], pairs[:, 1]), wins)
    np.add.at(beaten, (pairs[:, 1], pairs[:, 0]), 1 - wins)
    if connected_components(beaten > 0, connection="strong")[0] > 1:
        return "some systems were always preferred to the others, or never compared with them: no finite strength"
    design = np.zeros((len(pairs), systems))
    np.add.at(design, (np.arange(len(pairs)), pairs[:, 0]), 1)
    np.add.at(design, (np.arange(len(pairs)), pairs[:, 1]), -1)
    design = design[:, 1:]  # the first system's strength is 0
    found = np.zeros(systems - 1)
    for _ in range(STEPS):
        expected = expit(design @ found)
        step = np.linalg.solve(_information(design, expected), design.T @ (wins - expected))
        # A long step may lead over the top: it is cut to a length at which the likelihood is near its parabola.
        found = found + step * min(1.0, 2 / max(np.abs(step).max(), 1e-300))
        if np.abs(step).max() < DONE:
            break
    expected = expit(design @ found)
    inverse = np.linalg.inv(_information(design, expected))
    G = int(groups.max()) + 1
    scores = np.zeros((G, systems - 1))
    np.add.at(scores, groups, design * (wins - expected)[:, None])
    errors = np.sqrt(np.diag(inverse @ (scores.T @ scores) @ inverse) * G / max(G - 1, 1))
    intervals = [Interval(0.0, 0.0, 0.0)]
    for value, error in zip(found.tolist(), errors.tolist(), strict=True):
        reach = t.ppf((1 + LEVEL) / 2, G - 1) * error if G >= FEWEST_PERSONS else math.nan
        intervals.append(Interval(value, value - reach, value + reach))
    return Strengths(tuple(intervals), tuple(map(_probability, intervals)))


def _information(design: Float[np.ndarray, "c D"], expected: Float[np.ndarray, " c"]) -> Float[np.ndarray, "D D"]:
    return (design * (expected * (1 - expected))[:, None]).T @ design


def _probability(log_odds: Interval) -> Interval:
    return Interval(*(float(expit(end)) for end in (log_odds.value, log_odds.low, log_odds.high)))
