"""Prompts of a handful of lengths, so that clips of other lengths need no new compilation."""

import dataclasses

import numpy as np

from deemo_jax.core.errors import UserError
from deemo_jax.models.batch import Batch

SHORTEST = 64


def lengths(longest: int) -> tuple[int, ...]:
    """Powers of two from 64 up to `longest`, and `longest` itself."""
    doubled: list[int] = []
    length = SHORTEST
    while length < longest:
        doubled.append(length)
        length *= 2
    return (*doubled, longest)


def bucket(length: int, longest: int) -> int:
    """The smallest of `lengths(longest)` that holds a prompt.

    Raises:
        UserError: none does.
    """
    for room in lengths(longest):
        if length <= room:
            return room
    raise UserError(
        f"the prompt takes {length} tokens, but the model reads at most {longest} (config.data.max_length); shorten it"
    )


def fitted(batch: Batch) -> Batch:
    """Prompts without the padding that none of them needs: T becomes the smallest bucket that holds them all."""
    T = batch.token_ids.shape[1]
    room = bucket(int(np.asarray(batch.valid).sum(axis=1).max(initial=1)), T)
    names = ("token_ids", "slots", "positions", "valid", "loss_mask")
    return dataclasses.replace(batch, **{name: getattr(batch, name)[:, :room] for name in names})
