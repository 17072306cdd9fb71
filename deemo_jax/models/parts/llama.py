"""The decoder: LLaMA (arXiv 2302.13971), with LLaMA-2's grouped-query heads and LLaMA-3's scaled rotary positions;
Qwen2.5 (arXiv 2412.15115) by biases of queries, keys and values, Qwen3 (arXiv 2505.09388) by norms of queries and keys.

Axes: B batch, T new tokens, S slots of the cache, N query heads, K key heads, H head width (H / 2 pairs), D width,
L layers, V vocabulary, R its rows in memory.
"""

import dataclasses
import math
from collections.abc import Mapping
from typing import Any

import flax.linen as nn
import flax.struct
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Int

from deemo_jax.core.errors import UserError
from deemo_jax.models.parts.attention import Backend, attention, make_mask
from deemo_jax.models.parts.layers import (
    Initializer,
    Linear,
    Names,
    Remat,
    RMSNorm,
    block_input,
    constrain,
    fan_in_normal,
    param,
    scanned,
)
from deemo_jax.models.parts.lora import SUFFIX, LoraConfig, LowRank

# Keys and values of all layers.
Buffers = tuple[Float[Array, "L B K S H"], Float[Array, "L B K S H"]]


@dataclasses.dataclass(frozen=True)
class RopeScaling:
    """How LLaMA-3 stretches rotary wavelengths, which are counted in positions (arXiv 2407.21783).

    Attributes:
        factor: by which wavelengths above `original / low` are multiplied.
        low: see `factor`.
        high: wavelengths below `original / high` are kept; between the two bounds the two are blended.
        original: context, in tokens, that the weights were trained on before the stretch.
    """

    factor: float = 8.0
    low: float = 1.0
    high: float = 4.0
    original: int = 8192


@dataclasses.dataclass(frozen=True)
class LlamaConfig:
    """Defaults are Vicuna-7B v1.5.

    Attributes:
        vocab: rows of the embedding and of the output head.
        width: D, of the residual stream.
        depth: number of blocks.
        heads: query heads.
        kv_heads: key and value heads; must divide `heads`.
        mlp: hidden width of the gated MLP.
        eps: of the RMS norms.
        theta: base of the rotary wavelengths.
        rope_scaling: None, or LLaMA-3's stretch of the wavelengths.
        context: tokens that its weights were trained on.
        head_width: H, even, since rotary positions turn pairs; None for width / heads.
        qkv_bias: whether queries, keys and values have biases, as Qwen2.5's have.
        qk_norm: whether every head's query and key pass an RMS norm before they are turned, as Qwen3's do.
        tied: whether the output head is the embedding, and no parameter of its own.
        remat: what the backward pass recomputes: none, block, dots or offload.
        unroll: blocks that one turn of the compiled loop holds. With all of them in one turn GPUs read weights where
            they lie, instead of a copy of each layer's, and the program takes minutes to compile.
        lora: low-rank kernels beside those of the blocks; None for none.
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
    context: int = 4096
    head_width: int | None = None
    qkv_bias: bool = False
    qk_norm: bool = False
    tied: bool = False
    remat: Remat = Remat.NONE
    unroll: int = 1
    lora: LoraConfig | None = None

    def __post_init__(self) -> None:
        if not 1 <= self.unroll <= self.depth:
            raise UserError(f"llama: unroll {self.unroll} must lie in [1, {self.depth}], the number of blocks")
        if self.head_width is not None and self.head_width % 2:
            raise UserError(
                f"llama: head_width {self.head_width} is odd, and rotary positions turn pairs; make it even"
            )
        if self.head_width is None and self.width % (2 * self.heads):
            raise UserError(f"llama: width {self.width} does not divide by 2 x {self.heads} heads; change one of them")
        if self.heads % self.kv_heads:
            raise UserError(f"llama: {self.heads} heads do not divide by {self.kv_heads} kv_heads; change one of them")

    @property
    def head_dim(self) -> int:
        """Width of one head."""
        return self.head_width or self.width // self.heads


@dataclasses.dataclass(frozen=True)
class Storage:
    """How weights lie in memory, which changes no result: devices choose it, not the model.

    Attributes:
        vocab_multiple: zeros behind the last row bring the rows of the embedding and of the head to a multiple of this,
            so that as many devices can share them; logits have the true rows only.
        int8: whether the kernels of the blocks are int8 with a scale for each output (`deemo_jax.models.int8`).
    """

    vocab_multiple: int = 1
    int8: bool = False

    def rows(self, vocab: int) -> int:
        """Rows in memory for those of the vocabulary."""
        return -(-vocab // self.vocab_multiple) * self.vocab_multiple


@flax.struct.dataclass
class KVCache:
    """Keys and values of the tokens so far, in buffers of a fixed size. All rows are written at the same slots.

    Attributes:
        keys: Float[L B K S H], turned by their positions.
        values: Float[L B K S H].
        seen: Bool[B S], slots that hold a token; the padding of prompts of different lengths leaves slots that do not.
        length: Int32[], slots in use; those behind are overwritten before they are seen.
    """

    keys: Array
    values: Array
    seen: Array
    length: Array

    @classmethod
    def empty(cls, config: LlamaConfig, batch: int, capacity: int, dtype: Any) -> "KVCache":
        """Room for `capacity` tokens in each of `batch` rows."""
        shape = (config.depth, batch, config.kv_heads, capacity, config.head_dim)
        return cls(
            keys=jnp.zeros(shape, dtype),
            values=jnp.zeros(shape, dtype),
            seen=jnp.zeros((batch, capacity), bool),
            length=jnp.zeros((), jnp.int32),
        )


def rope_frequencies(config: LlamaConfig) -> Float[np.ndarray, " pairs"]:
    """Radians by which each pair is turned for each position, float64."""
    frequencies = config.theta ** -(np.arange(0, config.head_dim, 2) / config.head_dim)
    scaling = config.rope_scaling
    if scaling is None:
        return frequencies
    # How often a pair turns within the original context: up to `low` times it is slowed, from `high` times on kept.
    turns = scaling.original * frequencies / (2 * math.pi)
    keep = np.clip((turns - scaling.low) / (scaling.high - scaling.low), 0.0, 1.0)
    return frequencies * (keep + (1 - keep) / scaling.factor)


def rotate(x_BTNH: Float[Array, "B T N H"], angles_BTH: Float[Array, "B T pairs"]) -> Float[Array, "B T N H"]:
    """Turns the pairs (x[i], x[i + H/2]) by angles (radians), in float32.

    Pairing the two halves, not neighbours, is the order of Hugging Face's LLaMA weights.
    """
    cos, sin = jnp.cos(angles_BTH)[:, :, None], jnp.sin(angles_BTH)[:, :, None]
    first, second = jnp.split(x_BTNH.astype(jnp.float32), 2, axis=-1)
    return jnp.concatenate([first * cos - second * sin, second * cos + first * sin], -1).astype(x_BTNH.dtype)


class LlamaBlock(nn.Module):
    """x + attention(norm1(x)), then x + down(silu(gate) * up) of norm2(x).

    It carries the residual stream and the keys and values of all layers (or None): the compiled loop over layers
    updates what it carries in place, where a slice for each layer would be copied at every token.
    """

    config: LlamaConfig
    dtype: Any
    backend: Backend
    int8: bool = False

    @nn.compact
    def __call__(
        self, carry: tuple[Array, Buffers | None], angles: Array, mask: Array, start: Array | int, layer: Array | int
    ) -> tuple[tuple[Array, Buffers | None], None]:
        config = self.config
        x_BTD, buffers = carry
        x_BTD = block_input(x_BTD)
        h = RMSNorm(config.eps, self.dtype, name="norm1")(x_BTD)
        q = self._project("query", "heads", config.heads, h)
        k = self._project("key", "kv_heads", config.kv_heads, h)
        if config.qk_norm:
            q, k = self._head_norm("query_norm", q), self._head_norm("key_norm", k)
        q, k = rotate(q, angles), rotate(k, angles)
        v = self._project("value", "kv_heads", config.kv_heads, h)
        if buffers is not None:
            buffers = _write(buffers[0], k, layer, start), _write(buffers[1], v, layer, start)
            k, v = _read(buffers[0], layer), _read(buffers[1], layer)
        out = attention(q, k, v, mask, config.head_dim**-0.5, self.backend, causal=buffers is None)
        x_BTD = x_BTD + self._linear("out", (config.width,), ("heads", "head_dim", "embed"), out, inputs=2)
        h = RMSNorm(config.eps, self.dtype, name="norm2")(x_BTD)
        gate, up = (self._linear(name, (config.mlp,), ("embed", "mlp"), h) for name in ("gate", "up"))
        x_BTD = x_BTD + self._linear("down", (config.width,), ("mlp", "embed"), nn.silu(gate) * up)
        return (constrain(x_BTD, "batch", "length", "act_embed"), buffers), None

    def _project(self, name: str, axis: str, heads: int, h_BTD: Array) -> Array:
        features, names = (heads, self.config.head_dim), ("embed", axis, "head_dim")
        return self._linear(name, features, names, h_BTD, bias=self.config.qkv_bias)

    def _head_norm(self, name: str, x_BTNH: Array) -> Array:
        return RMSNorm(self.config.eps, self.dtype, "head_dim", name=name)(x_BTNH)

    def _linear(
        self, name: str, features: tuple[int, ...], names: Names, x: Array, inputs: int = 1, bias: bool = False
    ) -> Array:
        y = Linear(features, names, inputs, use_bias=bias, dtype=self.dtype, int8=self.int8, name=name)(x)
        lora = self.config.lora
        if lora is None or name not in lora.modules:
            return y
        return y + LowRank(lora, features, names, inputs, self.dtype, name=name + SUFFIX)(x)


class Llama(nn.Module):
    """From embeddings to hidden states. `embed` and `logits` are apart: media tokens are put among the embeddings."""

    config: LlamaConfig
    dtype: Any = jnp.float32
    backend: Backend = Backend.REFERENCE
    storage: Storage = Storage()

    def setup(self) -> None:
        config = self.config
        shape = (self.storage.rows(config.vocab), config.width)
        embedding, head = nn.initializers.normal(0.02), fan_in_normal(1)
        self.embedding = param(self, "embedding", _padded(embedding, 0, config.vocab), ("vocab", "embed"), shape)
        stack = scanned(
            LlamaBlock, config.depth, config.remat, (nn.broadcast, nn.broadcast, nn.broadcast, 0), config.unroll
        )
        self.blocks = stack(config, self.dtype, self.backend, self.storage.int8)
        self.norm = RMSNorm(config.eps, self.dtype)
        if not config.tied:
            self.head = param(self, "head", _padded(head, 1, config.vocab), ("embed", "vocab"), shape[::-1])

    def embed(self, token_ids: Int[Array, "B T"]) -> Float[Array, "B T D"]:
        """Rows of the embedding table, in `dtype`; an id outside the vocabulary gives NaN."""
        # Padding is zeros, and no id: ids of padding are moved behind the table.
        ids = jnp.where(jnp.asarray(token_ids) < self.config.vocab, token_ids, len(self.embedding))
        return self.embedding.at[ids].get(mode="fill", fill_value=jnp.nan).astype(self.dtype)

    def __call__(
        self, x_BTD: Float[Array, "B T D"], positions: Int[Array, "B T"], valid: Bool[Array, "B T"]
    ) -> Float[Array, "B T D"]:
        """Whole sequences at once, causally.

        Args:
            x_BTD: token and media embeddings.
            positions: rotary positions.
            valid: False = padding, which no position attends to.

        Returns:
            Hidden states after the final norm, for `logits`.
        """
        slots = jnp.broadcast_to(jnp.arange(x_BTD.shape[1]), x_BTD.shape[:2])
        return self._run(x_BTD, positions, make_mask(valid, slots), 0, None)[0]

    def extend(
        self, x_BTD: Float[Array, "B T D"], positions: Int[Array, "B T"], valid: Bool[Array, "B T"], cache: KVCache
    ) -> tuple[Float[Array, "B T D"], KVCache]:
        """T more tokens behind those in `cache`: a whole prompt, or one token.

        All rows are written at the same slots, padding too (`valid` False: written, never seen), so that the cache is
        updated in place. T and the tokens so far must not exceed the cache's capacity.

        Args:
            x_BTD: token and media embeddings.
            positions: rotary positions.
            valid: False = padding.
            cache: of the tokens before.

        Returns:
            Hidden states after the final norm, and the new cache, longer by T.
        """
        slots = jnp.broadcast_to(cache.length + jnp.arange(x_BTD.shape[1]), x_BTD.shape[:2])
        seen = jax.lax.dynamic_update_slice(cache.seen, valid, (0, cache.length))
        buffers = (cache.keys, cache.values)
        hidden, (keys, values) = self._run(x_BTD, positions, make_mask(seen, slots), cache.length, buffers)
        return hidden, KVCache(keys=keys, values=values, seen=seen, length=cache.length + x_BTD.shape[1])

    def empty_cache(self, batch: int, capacity: int) -> KVCache:
        """Room for `capacity` tokens in each of `batch` rows, in the compute dtype."""
        return KVCache.empty(self.config, batch, capacity, self.dtype)

    def logits(self, hidden: Float[Array, "*B D"]) -> Float[Array, "*B V"]:
        """Float32 logits of the next token."""
        head = self.embedding.T if self.config.tied else self.head
        return next_token_logits(hidden, head, self.config.vocab)

    def score(self, token_ids: Int[Array, "B T"], valid: Bool[Array, "B T"]) -> Float[Array, "B T V"]:
        """Float32 logits of plain text: `embed`, `__call__` and `logits` with positions 0, 1, 2, ..."""
        positions = jnp.broadcast_to(jnp.arange(token_ids.shape[1]), token_ids.shape)
        return self.logits(self(self.embed(token_ids), positions, valid))

    def _run(
        self, x_BTD: Array, positions: Array, mask: Array, start: Any, buffers: Buffers | None
    ) -> tuple[Array, Any]:
        angles = positions[..., None].astype(jnp.float32) * jnp.asarray(rope_frequencies(self.config), jnp.float32)
        layers = jnp.arange(self.config.depth)
        (x_BTD, buffers), _ = self.blocks((x_BTD.astype(self.dtype), buffers), angles, mask, start, layers)
        return self.norm(x_BTD), buffers


def output_head(params: Mapping[str, Any]) -> Float[Array, "D R"]:
    """The output head among a decoder's parameters: their embedding, where it is tied."""
    return params["head"] if "head" in params else params["embedding"].T


def next_token_logits(hidden: Float[Array, "*B D"], head: Float[Array, "D R"], vocab: int) -> Float[Array, "*B V"]:
    """Float32 logits from the final hidden states and the head, multiplied in the hidden states' dtype.

    Args:
        hidden: after the final norm.
        head: with R rows in memory, of which the last may be padding.
        vocab: V, the true rows.
    """
    logits = jnp.einsum("...D,DR->...R", hidden, head.astype(hidden.dtype), preferred_element_type=jnp.float32)
    return logits[..., :vocab]


def _padded(init: Initializer, axis: int, rows: int) -> Initializer:
    """Draws the values of `rows` rows, as many as there are without padding, and puts zeros behind them."""

    def padded(key: Array, shape: tuple[int, ...], dtype: Any) -> Array:
        if shape[axis] == rows:
            return init(key, shape, dtype)
        values = init(key, (*shape[:axis], rows, *shape[axis + 1 :]), dtype)
        return jnp.pad(values, [(0, whole - part) for whole, part in zip(shape, values.shape, strict=True)])

    return padded


def _write(buffer_LBKSH: Array, rows_BTKH: Array, layer: Array | int, start: Array | int) -> Array:
    rows = rows_BTKH.swapaxes(1, 2)[None].astype(buffer_LBKSH.dtype)
    return jax.lax.dynamic_update_slice(buffer_LBKSH, rows, (layer, 0, 0, start, 0))


def _read(buffer_LBKSH: Array, layer: Array | int) -> Float[Array, "B S K H"]:
    return jax.lax.dynamic_index_in_dim(buffer_LBKSH, layer, keepdims=False).swapaxes(1, 2)
