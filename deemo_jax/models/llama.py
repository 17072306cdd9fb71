"""The decoder: LLaMA (arXiv 2302.13971), with LLaMA-2's grouped-query heads and LLaMA-3's stretched RoPE.

Axes: B batch, T new tokens, S cache slots, N query heads, K key heads, H head width, D width, L layers, V vocabulary.
"""

import dataclasses
import math
from typing import Any

import flax.linen as nn
import flax.struct
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Int

from deemo_jax.errors import UserError
from deemo_jax.models.attention import Backend, attention, make_mask
from deemo_jax.models.layers import Linear, Remat, RMSNorm, constrain, fan_in_normal, param, scanned


@dataclasses.dataclass(frozen=True)
class RopeScaling:
    """LLaMA-3's stretch of the rotary wavelengths (arXiv 2407.21783).

    Attributes:
        factor: by how much long wavelengths are slowed.
        low: long is above `original / low` positions.
        high: what is below `original / high` is kept; between the two, blended.
        original: the context length before the stretch.
    """

    factor: float = 8.0
    low: float = 1.0
    high: float = 4.0
    original: int = 8192


@dataclasses.dataclass(frozen=True)
class LlamaConfig:
    """Defaults are Vicuna-7B v1.5.

    Attributes:
        vocab: rows of the embedding and of the (untied) output head.
        width: of the residual stream; a multiple of 2 * heads, since RoPE turns pairs.
        depth: number of blocks.
        heads: query heads; must divide `width`.
        kv_heads: key and value heads; must divide `heads`.
        mlp: hidden width of the gated MLP.
        eps: of the RMS norms.
        theta: base of the rotary wavelengths.
        rope_scaling: None, or LLaMA-3's stretch.
        remat: what the backward pass recomputes: none, block or dots.
    """

    vocab: int = 32000
    width: int = 4096
    depth: int = 32
    heads: int = 32
    kv_heads: int = 32
    mlp: int = 11008
    eps: float = 1e-5
    theta: float = 10000.0
    rope_scaling: RopeScaling | None = None
    remat: Remat = Remat.NONE

    def __post_init__(self) -> None:
        if self.width % (2 * self.heads):
            raise UserError(f"llama: width {self.width} does not divide by 2 x {self.heads} heads; change one of them")
        if self.heads % self.kv_heads:
            raise UserError(f"llama: {self.heads} heads do not divide by {self.kv_heads} kv_heads; change one of them")

    @property
    def head_dim(self) -> int:
        """Width of one head."""
        return self.width // self.heads


@flax.struct.dataclass
class KVCache:
    """Keys and values of the tokens so far, in fixed-size buffers; slot s of a row holds its s-th token.

    Attributes:
        keys: Float[L B S K H], rotated.
        values: Float[L B S K H].
        lengths: Int32[B], slots in use per row; what lies behind is overwritten before it can be seen.
    """

    keys: Array
    values: Array
    lengths: Array

    @classmethod
    def empty(cls, config: LlamaConfig, batch: int, capacity: int, dtype: Any) -> "KVCache":
        """Room for `capacity` tokens in each of `batch` rows."""
        zeros = jnp.zeros((config.depth, batch, capacity, config.kv_heads, config.head_dim), dtype)
        return cls(keys=zeros, values=zeros, lengths=jnp.zeros((batch,), jnp.int32))


def rope_frequencies(config: LlamaConfig) -> Float[np.ndarray, " pairs"]:
    """Radians per position of each rotated pair."""
    frequencies = config.theta ** -(np.arange(0, config.head_dim, 2) / config.head_dim)
    scaling = config.rope_scaling
    if scaling is None:
        return frequencies
    # Turns within the original context: up to `low` the pair is slowed, from `high` on kept, between them blended.
    turns = scaling.original * frequencies / (2 * math.pi)
    keep = np.clip((turns - scaling.low) / (scaling.high - scaling.low), 0.0, 1.0)
    return frequencies * (keep + (1 - keep) / scaling.factor)


def rotate(x_BTNH: Float[Array, "B T N H"], angles_BTH: Float[Array, "B T pairs"]) -> Float[Array, "B T N H"]:
    """Turns the pairs (x[i], x[i + H/2]) by the angles, in float32: the half-split form of the published weights."""
    cos, sin = jnp.cos(angles_BTH)[:, :, None], jnp.sin(angles_BTH)[:, :, None]
    first, second = jnp.split(x_BTNH.astype(jnp.float32), 2, axis=-1)
    return jnp.concatenate([first * cos - second * sin, second * cos + first * sin], -1).astype(x_BTNH.dtype)


class Block(nn.Module):
    """x + attention(norm(x)), then x + down(silu(gate) * up); reads and returns its layer's slice of the cache."""

    config: LlamaConfig
    dtype: Any
    backend: Backend

    @nn.compact
    def __call__(
        self, x_BTD: Array, angles: Array, mask: Array, slots_BT: Array, cache: tuple[Array, Array] | None
    ) -> tuple[Array, tuple[Array, Array] | None]:
        config = self.config
        h = RMSNorm(config.eps, self.dtype, name="norm1")(x_BTD)
        q = rotate(self._project("query", "heads", config.heads, h), angles)
        k = rotate(self._project("key", "kv_heads", config.kv_heads, h), angles)
        v = self._project("value", "kv_heads", config.kv_heads, h)
        if cache is not None:
            k, v = _write(cache[0], k, slots_BT), _write(cache[1], v, slots_BT)
            cache = (k, v)
        out = attention(q, k, v, mask, config.head_dim**-0.5, self.backend)
        names = ("heads", "head_dim", "embed")
        x_BTD = x_BTD + Linear((config.width,), names, 2, use_bias=False, dtype=self.dtype, name="out")(out)
        h = RMSNorm(config.eps, self.dtype, name="norm2")(x_BTD)
        h = nn.silu(self._widen("gate", h)) * self._widen("up", h)
        x_BTD = x_BTD + Linear((config.width,), ("mlp", "embed"), use_bias=False, dtype=self.dtype, name="down")(h)
        return constrain(x_BTD, "batch", "length", "act_embed"), cache

    def _project(self, name: str, axis: str, heads: int, h_BTD: Array) -> Array:
        features, names = (heads, self.config.head_dim), ("embed", axis, "head_dim")
        return Linear(features, names, use_bias=False, dtype=self.dtype, name=name)(h_BTD)

    def _widen(self, name: str, h_BTD: Array) -> Array:
        return Linear((self.config.mlp,), ("embed", "mlp"), use_bias=False, dtype=self.dtype, name=name)(h_BTD)


class Llama(nn.Module):
    """Embeddings in, hidden states out; `embed` and `logits` are the two ends, so media tokens can be spliced in."""

    config: LlamaConfig
    dtype: Any = jnp.float32
    backend: Backend = Backend.REFERENCE

    def setup(self) -> None:
        config = self.config
        rows = (config.vocab, config.width)
        self.embedding = param(self, "embedding", nn.initializers.normal(0.02), ("vocab", "embed"), rows)
        stack = scanned(Block, config.depth, config.remat, (nn.broadcast, nn.broadcast, nn.broadcast, 0))
        self.blocks = stack(config, self.dtype, self.backend)
        self.norm = RMSNorm(config.eps, self.dtype)
        self.head = param(self, "head", fan_in_normal(1), ("embed", "vocab"), rows[::-1])

    def embed(self, token_ids: Int[Array, "B T"]) -> Float[Array, "B T D"]:
        """Rows of the embedding table, in `dtype`; an id outside the table gives NaN, so it cannot go unnoticed."""
        return self.embedding.at[token_ids].get(mode="fill", fill_value=jnp.nan).astype(self.dtype)

    def __call__(
        self, x_BTD: Float[Array, "B T D"], positions: Int[Array, "B T"], valid: Bool[Array, "B T"]
    ) -> Float[Array, "B T D"]:
        """Whole sequences at once, causally.

        Args:
            x_BTD: token and media embeddings.
            positions: rotary positions.
            valid: False = padding, seen by nobody.

        Returns:
            Hidden states after the final norm, for `logits`.
        """
        slots = jnp.broadcast_to(jnp.arange(x_BTD.shape[1]), x_BTD.shape[:2])
        return self._run(x_BTD, positions, make_mask(valid, slots), slots, None)[0]

    def extend(
        self, x_BTD: Float[Array, "B T D"], positions: Int[Array, "B T"], valid: Bool[Array, "B T"], cache: KVCache
    ) -> tuple[Float[Array, "B T D"], KVCache]:
        """The same for T more tokens behind those in `cache`: a whole prompt, or one token.

        Each row is written at its own length, so prompts may be uneven if padded on the right (`valid` 1..10..0).
        Tokens beyond the cache's capacity are dropped; choose it large enough.

        Returns:
            Hidden states after the final norm, and the new cache, longer by each row's count of valid tokens.
        """
        capacity = cache.keys.shape[2]
        slots = cache.lengths[:, None] + jnp.arange(x_BTD.shape[1])
        # Slots behind a row's length hold padding or nothing; causality alone hides them from every valid query.
        mask = make_mask(jnp.ones((len(x_BTD), capacity), bool), slots)
        hidden, (keys, values) = self._run(x_BTD, positions, mask, slots, (cache.keys, cache.values))
        lengths = cache.lengths + valid.sum(1, dtype=jnp.int32)
        return hidden, KVCache(keys=keys, values=values, lengths=lengths)

    def empty_cache(self, batch: int, capacity: int) -> KVCache:
        """Room for `capacity` tokens in each of `batch` rows, in the compute dtype."""
        return KVCache.empty(self.config, batch, capacity, self.dtype)

    def logits(self, hidden: Float[Array, "*B D"]) -> Float[Array, "*B V"]:
        """Float32 logits of the next token."""
        head = self.head.astype(self.dtype)
        return jnp.einsum("...D,DV->...V", hidden, head, preferred_element_type=jnp.float32)

    def score(self, token_ids: Int[Array, "B T"], valid: Bool[Array, "B T"]) -> Float[Array, "B T V"]:
        """Plain text to float32 logits: `embed`, `__call__` and `logits` with positions 0, 1, 2, ..."""
        positions = jnp.broadcast_to(jnp.arange(token_ids.shape[1]), token_ids.shape)
        return self.logits(self(self.embed(token_ids), positions, valid))

    def _run(self, x_BTD: Array, positions: Array, mask: Array, slots: Array, cache: Any) -> tuple[Array, Any]:
        angles = positions[..., None].astype(jnp.float32) * jnp.asarray(rope_frequencies(self.config), jnp.float32)
        x_BTD, cache = self.blocks(x_BTD.astype(self.dtype), angles, mask, slots, cache)
        return self.norm(x_BTD), cache


def _write(buffer_BSKH: Array, rows_BTKH: Array, slots_BT: Array) -> Array:
    def one(buffer: Array, rows: Array, slots: Array) -> Array:
        return buffer.at[slots].set(rows.astype(buffer.dtype), mode="drop")

    return jax.vmap(one)(buffer_BSKH, rows_BTKH, slots_BT)
