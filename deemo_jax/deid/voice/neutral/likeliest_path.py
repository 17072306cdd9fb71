"""The likeliest row of states under what each frame sounds like and what comes after what (Viterbi; Rabiner 1989).

Axes: F frames, S states.
"""

from collections.abc import Iterable

import numpy as np
from jaxtyping import Float, Int


def likeliest_path(scores: Iterable[Float[np.ndarray, "_ S"]], step: Float[np.ndarray, "S S"]) -> Int[np.ndarray, " F"]:
    """The state of each frame. What it keeps of a frame is a byte for each state.

    Args:
        scores: block by block of frames, at least one: the log-likelihood of each state, up to a constant of the frame.
        step: log of how often each state (row) comes after each other (column); at most 256 states.
    """
    states = np.arange(len(step))
    total = np.zeros(0, np.float32)
    before: list[np.ndarray] = []  # of each block of frames: the state from which each state was reached
    for block in scores:
        origin = np.zeros(block.shape, np.uint8)
        for t, row in enumerate(block):
            if total.size:
                reached = step + total
                origin[t] = reached.argmax(axis=1)
                total = reached[states, origin[t]]
                total += row
                total -= total.max()  # float32 stays exact however long the clip is
            else:
                total = row.astype(np.float32)
        before.append(origin)
    path = np.empty(sum(map(len, before)), np.int64)
    t, state = len(path), int(total.argmax())
    for origin in reversed(before):
        for row in origin[::-1]:
            t -= 1
            path[t] = state
            state = int(row[state])
    return path
