"""Attention: one function with a named backend, and the one way in which masks are made.

Axes: B batch, T queries, S keys, N query heads, K key heads (N is a multiple of K), G = N / K query heads of a key
head, Q = G T, H head width, D width of the queries, E width of the context.
"""

import enum
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int, Shaped

from deemo_jax.models.parts.layers import Initializer, Linear, param

# Where attention is causal, queries are taken in blocks of so many or more, at most so many blocks, each with the keys
# up to its last one: with 8 blocks 9/16 of all pairs are computed, and fewer scores are in memory at a time.
BLOCK, MOST_BLOCKS = 64, 8


class Backend(enum.StrEnum):
    """Which code computes attention.

    REFERENCE: plain einsums. XLA, CUDNN: the implementations of `jax.nn.dot_product_attention`.
    """

    REFERENCE = "reference"
    XLA = "xla"
    CUDNN = "cudnn"


def make_mask(valid: Bool[Array, "B S"], query_slots: Int[Array, "B T"] | None = None) -> Bool[Array, "B 1 T S"]:
    """Which keys each query sees: row = query, column = key, 1 = seen.

    valid 1110, query_slots None (padding only)     valid 1110, query_slots 0123 (causal)     query_slots 2 (decoding)
        1 1 1 0   for every query (T = 1)               1 0 0 0                                   1 1 1 0
                                                        1 1 0 0
                                                        1 1 1 0
                                                        1 1 1 0   a padded query; its output is not used

    Args:
        valid: False for keys that no query may see (padding).
        query_slots: index among the keys of each query's own key; it sees the keys up to that one. None: all valid
            keys.
    """
    seen = valid[:, None, None, :]
    if query_slots is None:
        return seen
    slots = jnp.arange(valid.shape[1])
    return seen & (slots <= query_slots[:, None, :, None])


def attention(
    q_BTNH: Float[Array, "B T N H"],
    k_BSKH: Float[Array, "B S K H"],
    v_BSKH: Float[Array, "B S K H"],
    mask: Shaped[Array, " B #N #T S"] | None,
    scale: float,
    backend: Backend = Backend.REFERENCE,
    *,
    causal: bool = False,
    dropout: float = 0.0,
    dropout_key: Array | None = None,
) -> Float[Array, "B T N H"]:
    """softmax(scale q.k + mask) v, the softmax in float32; grouped-query when K < N.

    A query that sees no key at all gets a finite, meaningless result, never NaN.

    Args:
        q_BTNH: queries.
        k_BSKH: keys; query head n reads key head n // G.
        v_BSKH: values.
        mask: from `make_mask`; None lets every query see every key.
        scale: multiplies q.k.
        backend: who computes.
        causal: a promise that `mask` lets query t see no key behind the t-th, where T = S: those are not computed.
        dropout: rate on the attention probabilities.
        dropout_key: random key; needed when `dropout` is above 0.

    Raises:
        ValueError: heads that do not divide, a mask of another form, or a backend asked for what it cannot do.
    """
    B, T, N, _ = q_BTNH.shape
    S, K = k_BSKH.shape[1:3]
    if N % K:
        raise ValueError(f"{N} query heads cannot share {K} key heads")
    if mask is not None and (mask.dtype != bool or mask.shape not in {(B, 1, T, S), (B, 1, 1, S)}):
        raise ValueError(f"mask {mask.dtype}{mask.shape}: expected bool {(B, 1, T, S)} or {(B, 1, 1, S)}")
    if backend == Backend.REFERENCE and causal and mask is not None and not dropout:
        step = max(BLOCK, -(-T // MOST_BLOCKS))
        blocks = [(first, min(first + step, T)) for first in range(0, T, step)]
        parts = [
            _reference(q_BTNH[:, i:j], k_BSKH[:, :j], v_BSKH[:, :j], mask[:, :, i:j, :j], scale, 0.0, None)
            for i, j in blocks
        ]
        return jnp.concatenate(parts, axis=1)
    if backend == Backend.REFERENCE:
        return _reference(q_BTNH, k_BSKH, v_BSKH, mask, scale, dropout, dropout_key)
    if dropout:
        raise ValueError(f"attention backend {backend} has no dropout on probabilities; use {Backend.REFERENCE}")
    if backend == Backend.CUDNN and q_BTNH.dtype not in (jnp.bfloat16, jnp.float16):
        raise ValueError(f"attention backend cudnn needs bfloat16 or float16, not {q_BTNH.dtype}; use reference or xla")
    if backend == Backend.CUDNN and jax.default_backend() != "gpu":
        raise ValueError("attention backend cudnn needs an NVIDIA GPU; use reference or xla")
    if mask is not None:
        mask = jnp.broadcast_to(mask, (B, 1, T, S))
    name: Any = backend.value
    # Beside the mask, cuDNN is told that attention is causal: it leaves out the blocks that no query sees.
    skips = causal and backend == Backend.CUDNN
    return jax.nn.dot_product_attention(
        q_BTNH, k_BSKH, v_BSKH, mask=mask, scale=scale, is_causal=skips, implementation=name
    )


def _reference(
    q_BTNH: Array, k_BSKH: Array, v_BSKH: Array, mask: Array | None, scale: float, dropout: float, key: Array | None
) -> Array:
    B, T, N, H = q_BTNH.shape
    K = k_BSKH.shape[2]
    G = N // K
    # Heads are moved in front of positions, the G query heads of a key head become more queries of it, and the division
    # of the softmax follows the second product: on CPUs this is twice as fast as einsums in the order of the arguments.
    q_BKGTH = (q_BTNH * scale).reshape(B, T, K, G, H).transpose(0, 2, 3, 1, 4)
    q_BKQH, k_BKSH, v_BKSH = q_BKGTH.reshape(B, K, G * T, H), k_BSKH.swapaxes(1, 2), v_BSKH.swapaxes(1, 2)
    scores = jnp.einsum("BKQH,BKSH->BKQS", q_BKQH, k_BKSH, preferred_element_type=jnp.float32)
    if mask is not None:
        # Not infinity: a query that sees no key would get NaN.
        scores += jnp.tile(jnp.where(mask, 0.0, -1e30), (1, 1, G if mask.shape[2] > 1 else 1, 1))
    weights = jnp.exp(scores - jax.lax.stop_gradient(scores.max(-1, keepdims=True)))
    total = weights.sum(-1, keepdims=True)
    if dropout:
        if key is None:
            raise ValueError("attention dropout needs a random key")
        weights = jnp.where(jax.random.bernoulli(key, 1 - dropout, weights.shape), weights / (1 - dropout), 0.0)
    weights = weights.astype(v_BKSH.dtype)
    out = jnp.einsum("BKQS,BKSH->BKQH", weights, v_BKSH, preferred_element_type=jnp.float32) / total
    return out.astype(v_BKSH.dtype).reshape(B, K, G, T, H).transpose(0, 3, 1, 2, 4).reshape(B, T, N, H)


class Attention(nn.Module):
    """Multi-head attention of x on itself or on `context`, as in ViT, BERT and ImageBind: not causal, without a cache.

    Attributes:
        heads: number of heads; must divide D.
        key_bias: whether keys have a bias; in EVA's ViT only queries and values have one.
        extra_key: whether one learned key and value are appended after the projection (PyTorch's `add_bias_kv`).
        backend: see `attention`.
        dropout: rate on the attention probabilities; above 0 it needs an rng named 'dropout' and the reference backend.
        dtype: compute dtype.
        kernel_init: see `Linear`.
    """

    heads: int
    key_bias: bool = True
    extra_key: bool = False
    backend: Backend = Backend.REFERENCE
    dropout: float = 0.0
    dtype: Any = jnp.float32
    kernel_init: Initializer | None = None

    @nn.compact
    def __call__(
        self,
        x_BTD: Float[Array, "B T D"],
        context_BSE: Float[Array, "B S E"] | None = None,
        mask: Bool[Array, " B #N #T S"] | None = None,
    ) -> Float[Array, "B T D"]:
        width = x_BTD.shape[-1]
        head = width // self.heads
        source = x_BTD if context_BSE is None else context_BSE

        def project(name: str, of: Array, use_bias: bool = True) -> Array:
            names = ("embed", "heads", "head_dim")
            return Linear((self.heads, head), names, 1, use_bias, self.dtype, self.kernel_init, name=name)(of)

        q, k, v = project("query", x_BTD), project("key", source, self.key_bias), project("value", source)
        if self.extra_key:
            k, v = self._append("extra_key", k), self._append("extra_value", v)
            if mask is not None:
                mask = jnp.pad(mask, ((0, 0), (0, 0), (0, 0), (0, 1)), constant_values=True)
        key = self.make_rng("dropout") if self.dropout else None
        out = attention(q, k, v, mask, head**-0.5, self.backend, dropout=self.dropout, dropout_key=key)
        return Linear((width,), ("heads", "head_dim", "embed"), 2, True, self.dtype, self.kernel_init, name="out")(out)

    def _append(self, name: str, rows_BSNH: Array) -> Array:
        B, _, N, H = rows_BSNH.shape
        row = param(self, name, nn.initializers.normal(H**-0.5), ("heads", "head_dim"), (N, H)).astype(self.dtype)
        return jnp.concatenate([rows_BSNH, jnp.broadcast_to(row, (B, 1, N, H))], axis=1)
