"""The loss on answers, with logits for answers only.

Most positions of a sequence are media and prompt, and a row of logits is as long as the vocabulary. So each row's
targets are brought to its front, and logits are made chunk by chunk, for as many chunks as hold a target.

Axes: B batch, T positions, C positions of a chunk, D width, V vocabulary.
"""

from collections.abc import Mapping
from typing import Any

import jax
import jax.numpy as jnp
import optax
from jaxtyping import Array, Float, Int

from deemo_jax.models.batch import Batch
from deemo_jax.models.deemo_llama import DeemoLlama

CHUNK = 64


def answer_loss(
    model: DeemoLlama, params: Mapping[str, Any], batch: Batch, rng: Array | None, chunk: int = CHUNK
) -> tuple[Float[Array, ""], Float[Array, ""]]:
    """Mean cross-entropy over the targets of the whole batch, and their number.

    The token at t is predicted from the hidden state at t - 1. A batch without targets has loss 0.

    Args:
        model: the model.
        params: all of its parameters.
        batch: `loss_mask` chooses the targets.
        rng: dropout key; None = no dropout.
        chunk: C, positions of a row whose logits exist at one time.
    """
    rngs = {} if rng is None else {"dropout": rng}
    hidden: Any = model.apply({"params": params}, batch, train=rng is not None, rngs=rngs)
    weights = jnp.asarray(batch.loss_mask)[:, 1:]

    def losses(hidden_BCD: Array, token_ids: Array, weights: Array) -> Array:
        logits: Any = model.apply({"params": params}, hidden_BCD, method="logits")
        found = optax.softmax_cross_entropy_with_integer_labels(logits, token_ids)
        return jnp.where(weights > 0, found * weights, 0.0).sum()

    # In the backward pass logits are made again, so that those of one chunk are all that is ever kept. Within the
    # branch alone, the head would be kept once for each chunk.
    @jax.checkpoint
    def where_needed(part: tuple[Array, Array, Array]) -> Array:
        return jax.lax.cond(jnp.any(part[2] > 0), losses, lambda *_: jnp.zeros(()), *part)

    def add(total: Array, part: tuple[Array, Array, Array]) -> tuple[Array, None]:
        return total + where_needed(part), None

    parts = _targets_first(hidden[:, :-1], jnp.asarray(batch.token_ids)[:, 1:], weights, chunk)
    total, _ = jax.lax.scan(add, jnp.zeros(()), parts)
    targets = weights.sum()
    return total / jnp.maximum(targets, 1.0), targets


def _targets_first(
    hidden_BTD: Float[Array, "B T D"], token_ids: Int[Array, "B T"], weights: Float[Array, "B T"], chunk: int
) -> tuple[Float[Array, "N B C D"], Int[Array, "N B C"], Float[Array, "N B C"]]:
    """Each row's positions with the targets in front, cut into N chunks; what fills the last one has weight 0."""
    B, T = weights.shape
    order = jnp.argsort(weights <= 0, axis=1, stable=True)

    def cut(rows: Array) -> Array:
        index = order.reshape(*order.shape, *(1,) * (rows.ndim - 2))
        rows = jnp.take_along_axis(rows, index, axis=1)
        rows = jnp.pad(rows, [(0, 0), (0, -T % chunk), *[(0, 0)] * (rows.ndim - 2)])
        return rows.reshape(B, -1, chunk, *rows.shape[2:]).swapaxes(0, 1)

    return cut(hidden_BTD), cut(token_ids), cut(weights)
