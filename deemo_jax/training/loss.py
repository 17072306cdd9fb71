"""The cross-entropy of answers, for which logits are computed at positions of answers only.

Most positions of a sequence are media and prompt, and the logits of one position are as many as the vocabulary. So the
targets of each row are moved to its front, the positions are cut into chunks, and logits are computed chunk by chunk,
for chunks that hold a target. The gradient of a chunk is taken while its logits are in memory, so that they are neither
kept nor computed twice (as in Liger's fused linear cross-entropy, arXiv 2410.10989).

Axes: B batch, T positions, N chunks, C positions of a chunk, D width, R rows of the head.
"""

import functools
from collections.abc import Mapping
from typing import Any

import jax
import jax.numpy as jnp
import optax
from jaxtyping import Array, Float, Int

from deemo_jax.models.batch import Batch
from deemo_jax.models.deemo_llama import DeemoLlama
from deemo_jax.models.parts.llama import next_token_logits, output_head

# C: large enough that few chunks cover an answer, small enough that a chunk's logits are a fraction of all.
CHUNK = 64
# Hidden states, token ids and weights of all chunks.
Chunks = tuple[Float[Array, "N B C D"], Int[Array, "N B C"], Float[Array, "N B C"]]


def answer_loss(
    model: DeemoLlama,
    params: Mapping[str, Any],
    batch: Batch,
    rng: Array | None,
    chunk: int = CHUNK,
    total: Float[Array, ""] | None = None,
) -> tuple[Float[Array, ""], Float[Array, ""]]:
    """Mean cross-entropy (nats) over the targets of the whole batch, and their number, both float32.

    The token at t is predicted from the hidden state at t - 1. A batch without targets has loss 0.

    Args:
        model: the model.
        params: all of its parameters.
        batch: `loss_mask` chooses the targets.
        rng: dropout key; None for no dropout.
        chunk: C, positions of a row whose logits are in memory at a time.
        total: what the summed cross-entropy is divided by, where the batch is a part of another: targets of that one.
    """
    rngs = {} if rng is None else {"dropout": rng}
    hidden: Any = model.apply({"params": params}, batch, train=rng is not None, rngs=rngs)
    weights = jnp.asarray(batch.loss_mask)[:, 1:]
    chunks = _targets_first(hidden[:, :-1], jnp.asarray(batch.token_ids)[:, 1:], weights, chunk)
    targets = weights.sum()
    summed = _summed(output_head(params["decoder"]), chunks, model.config.decoder.config.vocab)
    return summed / (jnp.maximum(targets, 1.0) if total is None else total), targets


@functools.partial(jax.custom_vjp, nondiff_argnums=(2,))
def _summed(head_DR: Float[Array, "D R"], chunks: Chunks, vocab: int) -> Float[Array, ""]:
    """Weighted cross-entropy, summed over all chunks."""
    return _scan(head_DR, chunks, vocab, ())[0]


def _forward(head_DR: Any, chunks: Any, vocab: int) -> tuple[Float[Array, ""], dict[int, Array]]:
    """The sum, and its gradients with respect to the head (key 0) and the hidden states (1), where they are needed."""
    hidden, token_ids, weights = chunks
    wanted = tuple(i for i, given in enumerate((head_DR, hidden)) if given.perturbed)
    return _scan(head_DR.value, (hidden.value, token_ids.value, weights.value), vocab, wanted)


def _backward(vocab: int, slopes: dict[int, Array], slope: Any) -> tuple[Array | None, tuple[Array | None, None, None]]:
    if isinstance(slope, jax.custom_derivatives.SymbolicZero):
        return None, (None, None, None)
    head_DR, hidden = (slopes[i] * slope.astype(slopes[i].dtype) if i in slopes else None for i in (0, 1))
    return head_DR, (hidden, None, None)


_summed.defvjp(_forward, _backward, symbolic_zeros=True)


def _scan(
    head_DR: Float[Array, "D R"], chunks: Chunks, vocab: int, wanted: tuple[int, ...]
) -> tuple[Float[Array, ""], dict[int, Array]]:
    def losses(head_DR: Array, hidden_BCD: Array, token_ids: Array, weights: Array) -> Array:
        logits = next_token_logits(hidden_BCD, head_DR, vocab)
        found = optax.softmax_cross_entropy_with_integer_labels(logits, token_ids)
        return jnp.where(weights > 0, found * weights, 0.0).sum()

    def with_slopes(head_DR: Array, *chunk: Array) -> tuple[Array, dict[int, Array]]:
        if not wanted:
            return losses(head_DR, *chunk), {}
        loss, slopes = jax.value_and_grad(losses, wanted)(head_DR, *chunk)
        return loss, dict(zip(wanted, slopes, strict=True))

    def add(sums: tuple[Array, dict[int, Array]], chunk: Any) -> tuple[Any, Array | None]:
        zeros = jax.tree.map(lambda x: jnp.zeros(x.shape, x.dtype), jax.eval_shape(with_slopes, head_DR, *chunk))
        loss, slopes = jax.lax.cond(jnp.any(chunk[2] > 0), with_slopes, lambda *_: zeros, head_DR, *chunk)
        kept = slopes.pop(1, None)
        return jax.tree.map(jnp.add, sums, (loss, slopes)), kept

    start = (jnp.zeros(()), {0: jnp.zeros_like(head_DR)} if 0 in wanted else {})
    (total, slopes), kept = jax.lax.scan(add, start, chunks)
    return total, slopes | ({} if kept is None else {1: kept})


def _targets_first(
    hidden_BTD: Float[Array, "B T D"], token_ids: Int[Array, "B T"], weights: Float[Array, "B T"], chunk: int
) -> Chunks:
    """Each row's positions, targets first, cut into N chunks; positions that fill the last chunk have weight 0."""
    B, T = weights.shape
    order = jnp.argsort(weights <= 0, axis=1, stable=True)

    def cut(rows: Array) -> Array:
        index = order.reshape(*order.shape, *(1,) * (rows.ndim - 2))
        rows = jnp.take_along_axis(rows, index, axis=1)
        rows = jnp.pad(rows, [(0, 0), (0, -T % chunk), *[(0, 0)] * (rows.ndim - 2)])
        return rows.reshape(B, -1, chunk, *rows.shape[2:]).swapaxes(0, 1)

    return cut(hidden_BTD), cut(token_ids), cut(weights)
