"""Times and their ratios as text: the median of several runs, and the least and the greatest."""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float


def spread(values: Float[np.ndarray, " n"] | Sequence[float], form: str = ".2f") -> str:
    """'median [least, greatest]' of at least one value; `form` is the format of each."""
    return f"{np.median(values):{form}} [{min(values):{form}}, {max(values):{form}}]"


def clock_and_processor(ours: Float[np.ndarray, "n 2"], theirs: Float[np.ndarray, "n 2"]) -> str:
    """The ratios of pairs of runs as text; above 1, ours is faster.

    On a virtual machine that shares its processors with others, processor time varies less than the clock.

    Args:
        ours, theirs: seconds of each run, on the clock and of processor time.
    """
    ratios = theirs / ours
    return f"ratio {spread(ratios[:, 0])}, of processor time {spread(ratios[:, 1])}, n {len(ratios)}"
