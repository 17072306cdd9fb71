"""Scores with their 95 % intervals: bootstrap over clips or over persons, and exact bounds of a rate.

Axes: R bootstrap samples, P persons.
"""

import dataclasses
import math
from collections.abc import Callable

import numpy as np
from jaxtyping import Float, Int
from scipy.special import betaincinv

# Bootstrap samples, the seed of their draws, and the level of intervals.
SAMPLES = 4000
SEED = 20250
LEVEL = 0.95


@dataclasses.dataclass(frozen=True, slots=True)
class Interval:
    """A score and its 95 % interval, whose ends are NaN where it is unknown."""

    value: float
    low: float
    high: float

    def __format__(self, sign: str) -> str:
        """In percent; '+' shows the sign of a difference."""
        value, low, high = (f"{100 * x:{sign}.1f}" for x in (self.value, self.low, self.high))
        return f"{value} [{low}, {high}]" if self.known else value

    def __str__(self) -> str:
        return f"{self}"

    @property
    def known(self) -> bool:
        """Whether there is an interval."""
        return not (math.isnan(self.low) or math.isnan(self.high))

    def bounds(self) -> list[float] | None:
        """Both ends, for JSON; None where the interval is unknown."""
        return [self.low, self.high] if self.known else None


def interval(value: float | np.ndarray, replicates: Float[np.ndarray, " R"]) -> Interval:
    """A score (a scalar) with the percentile interval of its replicates."""
    low, high = np.quantile(replicates, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return Interval(float(value), float(low), float(high))


def resample(
    counts: Int[np.ndarray, " *cells"], samples: int = SAMPLES, seed: int = SEED
) -> Int[np.ndarray, " R *cells"]:
    """Draws bootstrap samples (Efron 1979) of the n clips that a table counts, as tables of counts.

    The counts of n clips drawn with replacement are distributed as Multinomial(n, counts / n), which is drawn directly,
    at a cost that does not grow with n.

    Args:
        counts: how many clips each cell has.
        samples: tables to draw, R.
        seed: of the draws.
    """
    total = int(counts.sum())
    if total == 0:
        return np.zeros((samples, *counts.shape), np.int64)
    drawn = np.random.default_rng(seed).multinomial(total, counts.ravel() / total, size=samples)
    return drawn.reshape(samples, *counts.shape)


def over_persons(
    score: Callable[[Int[np.ndarray, "R P"]], Float[np.ndarray, " R"]], persons: int, samples: int, seed: int
) -> Interval:
    """A score with its bootstrap interval over persons; a person is drawn with all their clips.

    The clips of one person are alike, so an interval over clips would be too narrow. The draws depend only on the
    numbers of persons and samples and on the seed, so that two systems are scored on the same draws.

    Args:
        score: how often each person counts, in each of R samples -> the score of each sample. Samples whose score is
            NaN are left out of the interval.
        persons: P >= 1.
        samples: bootstrap samples to draw.
        seed: of the draws.
    """
    drawn = np.random.default_rng(seed).multinomial(persons, np.full(persons, 1 / persons), size=samples)
    value, replicates = score(np.ones((1, persons), np.int64))[0], score(drawn)
    known = np.isfinite(replicates)
    return interval(value, replicates[known]) if known.any() else Interval(math.nan, math.nan, math.nan)


def ratio(part: np.ndarray | np.number, whole: np.ndarray | np.number) -> np.ndarray:
    """part / whole, broadcast; 0 where `whole` is 0, as for the precision of a class that is never predicted."""
    return np.divide(part, whole, out=np.zeros(np.broadcast(part, whole).shape), where=whole > 0)


def upper_bound(misses: int, looks: int) -> float:
    """The one-sided 95 % upper bound of the rate behind `misses` in `looks` independent looks.

    It is exact (Clopper and Pearson, 1934): with a higher rate, so few misses would have less than 5 % probability.

    Raises:
        ValueError: more misses than looks, or a negative number.
    """
    if not 0 <= misses <= looks:
        raise ValueError(f"{misses} misses in {looks} looks")
    return 1.0 if misses == looks else float(betaincinv(misses + 1, looks - misses, LEVEL))


def rate_interval(hits: int, looks: int) -> tuple[float, float]:
    """The exact two-sided 95 % interval (Clopper and Pearson, 1934) of the rate behind `hits` in `looks` looks.

    Raises:
        ValueError: more hits than looks, or a negative number.
    """
    if not 0 <= hits <= looks:
        raise ValueError(f"{hits} hits in {looks} looks")
    tail = (1 - LEVEL) / 2
    low = 0.0 if hits == 0 else float(betaincinv(hits, looks - hits + 1, tail))
    high = 1.0 if hits == looks else float(betaincinv(hits + 1, looks - hits, 1 - tail))
    return low, high
