"""How the one voice says a row of phones: the cepstrum of each frame.

Axes: F frames, D cepstra, V features, S states.
"""

import numpy as np
from jaxtyping import Float, Int

from deemo_jax.deid.voice.neutral.cepstra import CEPSTRA
from deemo_jax.deid.voice.neutral.model import STATES, Model
from deemo_jax.deid.voice.neutral.phone_classes import BLOCK, LEAST_DENSITY, Heard, in_form

# Added to the number of frames of a state when their mean is taken.
LEAST_COUNT = 1e-3


def said_cepstra(heard: Heard, model: Model, detail: float) -> Float[np.ndarray, "F D"]:
    """The cepstrum of each frame as the one voice says it, without the mean of speech.

    Args:
        heard: of `hear_phones`.
        model: of `load_model`.
        detail: 0 says a phone between the same neighbours always in the same way; 1 as those of its Gaussians do that
            are near the frame, but for what the clip does in all frames of a state, since that is how its speaker is.
    """
    found = in_context(heard.path, model)
    if detail:
        more = nearest(heard, model) - found
        found += np.float32(detail) * (more - mean_of_states(more, heard.path, len(model.step)))
    return found


def in_context(path: Int[np.ndarray, " F"], model: Model) -> Float[np.ndarray, "F D"]:
    """The mean cepstrum of each frame's tied state, which is its phone between the phones said before and after it."""
    phone, state = path // STATES, path % STATES
    begins = np.concatenate([[True], (np.diff(phone) != 0) | (np.diff(state) < 0)])
    row = phone[begins]
    before, after = np.append(row[:1], row[:-1]), np.append(row[1:], row[-1:])
    tied = model.triphones[row, before, after]
    return model.tied[tied[np.cumsum(begins) - 1, state]]


def nearest(heard: Heard, model: Model) -> Float[np.ndarray, "F D"]:
    """The mean cepstrum of the Gaussians of each frame's phone, weighted by how near they are to the frame."""
    found = np.empty((len(heard.path), CEPSTRA), np.float32)
    phones = heard.path // STATES
    for phone in np.unique(phones):
        every = np.flatnonzero(phones == phone)
        for start in range(0, len(every), BLOCK):
            own = every[start : start + BLOCK]
            logs = in_form(heard.features[own, :CEPSTRA]) @ model.forms[phone, 0]
            weight = np.exp(logs - logs.max(axis=1, keepdims=True)) * model.used[phone]
            found[own] = weight @ model.means[phone] / (weight.sum(axis=1, keepdims=True) + np.float32(LEAST_DENSITY))
    return found


def mean_of_states(
    rows: Float[np.ndarray, "F D"], path: Int[np.ndarray, " F"], states: int
) -> Float[np.ndarray, "F D"]:
    """For each frame the mean over all frames of the same state.

    Args:
        rows: of each frame.
        path: the state of each frame.
        states: how many there are.
    """
    count = np.bincount(path, minlength=states) + LEAST_COUNT
    means = np.stack([np.bincount(path, column, states) / count for column in rows.T], axis=1)
    return means[path].astype(np.float32)
