"""Pads prompts to one of a few lengths, so that few shapes are compiled."""

import dataclasses

import numpy as np

from deemo_jax.core.errors import UserError
from deemo_jax.models.batch import Batch

# Tokens; the lengths double from here.
SHORTEST = 64


def lengths(longest: int) -> tuple[int, ...]:
    """64, 128, 256, ... below `longest`, and `longest` itself."""
    doubled: list[int] = []
    length = SHORTEST
    while length < longest:
        doubled.append(length)
        length *= 2
    return (*doubled, longest)


def bucket(length: int, longest: int) -> int:
    """The smallest of `lengths(longest)` that is at least `length`.

    Raises:
        UserError: `length` is above `longest`.
    """
    for room in lengths(longest):
        if length <= room:
            return room
    raise UserError(
        f"the prompt takes {length} tokens, but the model reads at most {longest} (config.data.max_length); shorten it"
    )


def fitted(batch: Batch) -> Batch:
    """The batch with less padding: its T becomes the smallest of the lengths that holds all prompts."""
    T = batch.token_ids.shape[1]
    room = bucket(int(np.asarray(batch.valid).sum(axis=1).max(initial=1)), T)
    names = ("token_ids", "slots", "positions", "valid", "loss_mask")
    return dataclasses.replace(batch, **{name: getattr(batch, name)[:, :room] for name in names})
