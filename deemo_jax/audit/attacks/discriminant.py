"""What an attacker learns from voices of known speakers: a linear discriminant.

Axes: N training voices, M trials, W rows of a voice, X rows of all, E numbers of a row, S speakers.
"""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float, Int

# Share of the mean variance that is mixed into the covariance, since it is estimated from few voices; and what is added
# at least, so that it can be inverted.
SHRINKAGE = 0.1
LEAST_VARIANCE = 1e-9
# Share of the spread of all numbers that is added to that of each before they are scaled.
LEAST_SPREAD = 1e-3


def discriminant_scores(
    learnt: Sequence[Float[np.ndarray, "_ E"]],
    owners: Int[np.ndarray, " N"],
    trials: Sequence[Float[np.ndarray, "_ E"]],
) -> Float[np.ndarray, "M S"]:
    """Linear discriminant analysis with a shrunken covariance; a trial's score is the mean of its rows' scores.

    Args:
        learnt: rows of each training voice.
        owners: speakers 0..S-1 of these; each has one.
        trials: rows of each trial.

    Returns:
        Scores less the mean, over the spread, of the same trial's scores against the other speakers, so that trials,
        and scores from other rows, are comparable. The attacker knows all S speakers.
    """
    every = np.concatenate(learnt)
    middle = every.mean(axis=0)
    spread = every.std(axis=0) + LEAST_SPREAD * every.std() + LEAST_VARIANCE
    rows, of = (every - middle) / spread, np.repeat(owners, [len(voice) for voice in learnt])
    centres = np.stack([rows[of == speaker].mean(axis=0) for speaker in range(owners.max() + 1)])
    rest = rows - centres[of]
    within = rest.T @ rest / len(rest)
    size = len(within)
    within = (1 - SHRINKAGE) * within + (SHRINKAGE * np.trace(within) / size + LEAST_VARIANCE) * np.eye(size)
    weights = np.linalg.solve(within, centres.T)
    bias = -0.5 * np.einsum("se,es->s", centres, weights)
    return against_others(np.stack([((voice - middle) / spread).mean(axis=0) @ weights + bias for voice in trials]))


def against_others(scores: Float[np.ndarray, "M S"]) -> Float[np.ndarray, "M S"]:
    """Each score less the mean, over the spread, of the same trial's scores against the other speakers."""
    scaled = np.empty_like(scores)
    for speaker in range(scores.shape[1]):
        rest = np.delete(scores, speaker, axis=1)
        scaled[:, speaker] = (scores[:, speaker] - rest.mean(axis=1)) / (rest.std(axis=1) + LEAST_VARIANCE)
    return scaled
