"""Rows of phones as rows of states."""

import numpy as np

from deemo_jax.deid.voice.neutral.model import PATH, STATES


def path_of(phones: str, model, each: int = 3) -> np.ndarray:
    """The states of some phones, named with spaces between, one after another; each state for some frames."""
    names = [str(name) for name in np.load(PATH)["phones"]]
    assert len(names) == len(model.tone)
    return np.concatenate(
        [np.repeat(STATES * names.index(phone) + np.arange(STATES), each) for phone in phones.split()]
    )
