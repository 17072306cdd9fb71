"""The audio encoder: ImageBind's audio trunk (arXiv 2305.05665), one vector or all patch tokens for a 2-second clip.

Axes: B batch (any leading dimensions), N clips of the whole batch, P patches (P + 1 tokens with the class token in
front), D width.
"""

import dataclasses
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from deemo_jax.core.errors import UserError
from deemo_jax.models.parts.attention import Backend
from deemo_jax.models.parts.encoder_block import EncoderBlock, add_class_and_positions
from deemo_jax.models.parts.layers import LayerNorm, Linear, Remat, fan_in_normal, param, scanned


@dataclasses.dataclass(frozen=True)
class ImageBindConfig:
    """Defaults are ImageBind-Huge's audio trunk.

    Attributes:
        width: of the tokens.
        depth: number of blocks.
        heads: must divide `width`.
        mlp: hidden width of the MLPs.
        patch: side of a patch in mel cells.
        stride: step between patches; 10 with patches of 16 makes them overlap.
        mel_bins: height of a mel clip.
        mel_frames: width of a mel clip.
        head: width of the clip vector.
        scale: length (Euclidean norm) of the clip vector: ImageBind's logit scale, which is not learnt for audio.
        output: 'vector', one for each clip, or 'patches', all tokens behind the head's norm.
        eps: of the norms inside the blocks and the head.
        stem_eps: of the norm on the patches.
        remat: what the backward pass recomputes: none, block, dots or offload.
    """

    width: int = 768
    depth: int = 12
    heads: int = 12
    mlp: int = 3072
    patch: int = 16
    stride: int = 10
    mel_bins: int = 128
    mel_frames: int = 204
    head: int = 1024
    scale: float = 20.0
    output: str = "vector"
    eps: float = 1e-6
    stem_eps: float = 1e-5
    remat: Remat = Remat.NONE

    def __post_init__(self) -> None:
        if self.width % self.heads:
            raise UserError(f"imagebind: width {self.width} does not divide by {self.heads} heads; change one of them")
        if not 0 < self.patch <= min(self.mel_bins, self.mel_frames):
            raise UserError(f"imagebind: a patch of {self.patch} does not fit into {self.mel_bins} x {self.mel_frames}")
        if self.output not in ("vector", "patches"):
            raise UserError(f"imagebind: output {self.output!r}; choose 'vector' or 'patches'")

    @property
    def tokens(self) -> int:
        """Tokens per clip that the encoder hands on."""
        rows, columns = ((size - self.patch) // self.stride + 1 for size in (self.mel_bins, self.mel_frames))
        return 1 if self.output == "vector" else rows * columns + 1

    @property
    def input_shape(self) -> tuple[int, ...]:
        """(mel bins, mel frames) of one clip."""
        return (self.mel_bins, self.mel_frames)


class ImageBindAudio(nn.Module):
    """Mel clips to clip vectors. ImageBind's drop path, of training only, is left out: the trunk is frozen."""

    config: ImageBindConfig
    dtype: Any = jnp.float32
    backend: Backend = Backend.REFERENCE

    @nn.compact
    def __call__(self, mel: Float[Array, "*B mel time"]) -> Float[Array, "*B tokens width"]:
        """
        Args:
            mel: normalised log-mel clips (`deemo_jax.media.imagebind_mel`), mel bins by frames; any leading dimensions.

        Returns:
            In `dtype`: (..., 1, head) clip vectors of length `scale`, or (..., P + 1, width) tokens.

        Raises:
            ValueError: clips of another size.
        """
        config = self.config
        leading, clip = mel.shape[:-2], mel.shape[-2:]
        if clip != config.input_shape:
            raise ValueError(f"mel {mel.shape}: expected (..., {config.mel_bins}, {config.mel_frames})")
        x_NPD = self._stem(mel.reshape(-1, *clip, 1))
        x_NPD = add_class_and_positions(self, x_NPD)
        stack = scanned(EncoderBlock, config.depth, config.remat)
        block = (config.heads, config.mlp, config.eps, self.dtype, self.backend)
        x_NPD, _ = stack(*block, extra_key=True, name="blocks")(x_NPD)
        vector = config.output == "vector"
        tokens = LayerNorm(config.eps, self.dtype, name="head_norm")(x_NPD[:, :1] if vector else x_NPD)
        if vector:
            tokens = Linear((config.head,), ("embed", None), use_bias=False, dtype=self.dtype, name="head")(tokens)
            tokens = _of_length(tokens, config.scale)
        return tokens.reshape(*leading, *tokens.shape[1:])

    def _stem(self, mel: Float[Array, "N mel time 1"]) -> Float[Array, "N P D"]:
        """Overlapping patches as tokens, row by row: first all patches of the lowest mel bins, in order of time."""
        config = self.config
        shape = (config.patch, config.patch, 1, config.width)
        kernel = param(self, "patch", fan_in_normal(3), (None, None, None, "embed"), shape).astype(self.dtype)
        layout = ("NHWC", "HWIO", "NHWC")
        strides = (config.stride, config.stride)
        x = jax.lax.conv_general_dilated(mel.astype(self.dtype), kernel, strides, "VALID", dimension_numbers=layout)
        return LayerNorm(config.stem_eps, self.dtype, name="patch_norm")(x.reshape(len(x), -1, config.width))


def _of_length(x: Float[Array, "*N D"], length: float) -> Float[Array, "*N D"]:
    """Scales vectors to a Euclidean norm."""
    x32 = x.astype(jnp.float32)
    norm = jnp.sqrt(jnp.sum(jnp.square(x32), -1, keepdims=True))
    # No component is longer than the vector, so clipping changes none. But without it a compiler may round this product
    # and a sum behind it as one, and vectors that are kept would not be the bits of those that are used at once.
    return jnp.clip(x32 / jnp.maximum(norm, 1e-12) * length, -length, length).astype(x.dtype)
