"""What a judge of pairs prefers beside the better text: a place, or length. Axis: c verdicts."""

import dataclasses
import math

import numpy as np
from jaxtyping import Bool, Int
from scipy.stats import binomtest


@dataclasses.dataclass(frozen=True, slots=True)
class Leaning:
    """How often one of two sides is preferred, among verdicts that are no ties.

    Attributes:
        wins: of that side.
        decided: verdicts.
        p: the two-sided p-value of the sign test, exact; verdicts count as independent.
    """

    wins: int
    decided: int
    p: float

    @property
    def share(self) -> float:
        """From 0 to 1; NaN without verdicts."""
        return self.wins / self.decided if self.decided else math.nan


def leaning(preferred: Bool[np.ndarray, " c"]) -> Leaning:
    """Whether the side, first or longer, won each verdict -> how often it did."""
    wins, decided = int(preferred.sum()), len(preferred)
    return Leaning(wins, decided, float(binomtest(wins, decided).pvalue) if decided else 1.0)


def longer_preferred(
    lengths: Int[np.ndarray, "c 2"], first_won: Bool[np.ndarray, " c"], second_won: Bool[np.ndarray, " c"]
) -> Leaning:
    """How often the longer text was preferred; ties, and texts of one length, are left out.

    Args:
        lengths: of both texts, characters.
        first_won: whether the first was preferred.
        second_won: whether the second was.
    """
    decided = (first_won | second_won) & (lengths[:, 0] != lengths[:, 1])
    return leaning(first_won[decided] == (lengths[decided, 0] > lengths[decided, 1]))
