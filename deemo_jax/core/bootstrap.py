"""Bootstrap intervals over clips, for every score that is a function of a table of counts.

Axes: R bootstrap replicates.
"""

import dataclasses

import numpy as np
from jaxtyping import Float, Int

SAMPLES = 4000
SEED = 20250
LEVEL = 0.95


@dataclasses.dataclass(frozen=True, slots=True)
class Interval:
    """A score and its 95 % interval."""

    value: float
    low: float
    high: float

    def __format__(self, sign: str) -> str:
        """In percent; '+' shows the sign of a difference."""
        value, low, high = (f"{100 * x:{sign}.1f}" for x in (self.value, self.low, self.high))
        return f"{value} [{low}, {high}]"

    def __str__(self) -> str:
        return f"{self}"

    def bounds(self) -> list[float]:
        return [self.low, self.high]


def resample(
    counts: Int[np.ndarray, " *cells"], samples: int = SAMPLES, seed: int = SEED
) -> Int[np.ndarray, " R *cells"]:
    """Tables of counts of bootstrap samples of the clips behind `counts`.

    A bootstrap sample (Efron 1979) of n clips enters a score only through how often each cell occurs, and that is
    Multinomial(n, counts / n): the same law as drawing clips with replacement, at a cost that does not grow with n.
    """
    total = int(counts.sum())
    if total == 0:
        return np.zeros((samples, *counts.shape), np.int64)
    drawn = np.random.default_rng(seed).multinomial(total, counts.ravel() / total, size=samples)
    return drawn.reshape(samples, *counts.shape)


def interval(value: float | np.ndarray, replicates: Float[np.ndarray, " R"]) -> Interval:
    """A score (a scalar) with the percentile interval of its replicates."""
    low, high = np.quantile(replicates, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return Interval(float(value), float(low), float(high))


def ratio(part: np.ndarray, whole: np.ndarray) -> np.ndarray:
    """part / whole, and 0 where there is nothing to divide by: a score that nothing supports is not earned."""
    return np.divide(part, whole, out=np.zeros(np.broadcast(part, whole).shape), where=whole > 0)
