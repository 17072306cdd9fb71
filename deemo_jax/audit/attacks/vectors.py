"""Checks of encoders that a person brings, and of the vectors that they return. Axes: E embedding."""

from typing import Any

import numpy as np
from jaxtyping import Float

from deemo_jax.core.errors import UserError


def one_vector(answer: Any, who: object) -> Float[np.ndarray, " E"]:
    """What an encoder's `embed` returned, as float64.

    Args:
        answer: what it returned.
        who: the encoder, whose class the message names.

    Raises:
        UserError: it is no vector of finite numbers.
    """
    try:
        vector = np.asarray(answer, np.float64)
    except (TypeError, ValueError) as error:
        raise UserError(f"{type(who).__name__}.embed: gives no vector of numbers ({error})") from error
    if vector.ndim != 1 or not vector.size or not np.isfinite(vector).all():
        raise UserError(f"{type(who).__name__}.embed: gives no vector of finite numbers, but {vector.shape}")
    return vector


def check_encoder(encoder: object, what: str) -> None:
    """Checks that an object has a method `embed`.

    Args:
        encoder: the object.
        what: its role, for the message.

    Raises:
        UserError: it has none.
    """
    if not callable(getattr(encoder, "embed", None)):
        raise UserError(f"{what}: {type(encoder).__name__} has no method embed")
