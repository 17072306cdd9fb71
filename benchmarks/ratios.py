"""How the ratios of paired runs are told."""

import numpy as np
from jaxtyping import Float


def spread(ratios: Float[np.ndarray, " n"]) -> str:
    """The median, and the least and the greatest."""
    return f"{np.median(ratios):.2f} [{ratios.min():.2f}, {ratios.max():.2f}]"


def clock_and_processor(ours: Float[np.ndarray, "n 2"], theirs: Float[np.ndarray, "n 2"]) -> str:
    """Pairs of runs, each in seconds on the clock and of processor time; above 1, ours is faster.

    A virtual machine whose processors are lent away in the middle shows it on the clock, less in processor time.
    """
    ratios = theirs / ours
    return f"ratio {spread(ratios[:, 0])}, of processor time {spread(ratios[:, 1])}, n {len(ratios)}"
