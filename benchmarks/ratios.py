"""Times and their ratios as text: the median of several runs, and the least and the greatest."""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float


def spread(values: Float[np.ndarray, " n"] | Sequence[float], form: str = ".2f") -> str:
    """'median [least, greatest]' of at least one value; `form` is the format of each."""
    return f"{np.median(values):{form}} [{min(values):{form}}, {max(values):{form}}]"


def clock_and_processor(ours: Float[np.ndarray, "n 2"], theirs: Float[np.ndarray, "n 2"]) -> str:
    """Pairs of runs, each in seconds on the clock and of processor time; above 1, ours is faster.

    A virtual machine whose processors are lent away in the middle shows it on the clock, less in processor time.
    """
    ratios = theirs / ours
    return f"ratio {spread(ratios[:, 0])}, of processor time {spread(ratios[:, 1])}, n {len(ratios)}"
