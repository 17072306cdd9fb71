"""The image encoder: EVA-CLIP's ViT (arXiv 2211.07636), of which BLIP-2 uses the first 39 blocks (2301.12597, 3.2).

Axes: B batch (any leading dimensions), N images of the whole batch, H height, W width, C colours, P patches
(P + 1 tokens with the class token in front), D width.
"""

import dataclasses
from typing import Any

import flax.linen as nn
import jax.numpy as jnp
from jaxtyping import Array, Float, UInt8

from deemo_jax.core.errors import UserError
from deemo_jax.models.parts.attention import Backend
from deemo_jax.models.parts.encoder_block import EncoderBlock, add_class_and_positions
from deemo_jax.models.parts.layers import LayerNorm, Linear, Remat, scanned

# Of red, green and blue over CLIP's training images, in shares of full brightness.
CLIP_MEAN = (0.48145466, 0.4578275, 0.40821073)
CLIP_STD = (0.26862954, 0.26130258, 0.27577711)


@dataclasses.dataclass(frozen=True)
class ViTConfig:
    """Defaults are EVA ViT-g/14 at 224 as BLIP-2 cuts it.

    Attributes:
        width: of the tokens.
        depth: number of blocks.
        heads: must divide `width`.
        mlp: hidden width of the MLPs.
        patch: side of a patch in pixels; must divide `image`.
        image: side of the (square) image in pixels.
        eps: of the norms inside the blocks.
        output_norm: whether BLIP-2's `ln_vision` follows (eps 1e-5); its weights are in BLIP-2's file, not in EVA's.
        remat: what the backward pass recomputes: none, block, dots or offload.
    """

    width: int = 1408
    depth: int = 39
    heads: int = 16
    mlp: int = 6144
    patch: int = 14
    image: int = 224
    eps: float = 1e-6
    output_norm: bool = True
    remat: Remat = Remat.NONE

    def __post_init__(self) -> None:
        if self.width % self.heads:
            raise UserError(f"vit: width {self.width} does not divide by {self.heads} heads; change one of them")
        if self.image % self.patch:
            raise UserError(f"vit: image {self.image} does not divide by patch {self.patch}; change one of them")

    @property
    def tokens(self) -> int:
        """Tokens per image, class token included."""
        return (self.image // self.patch) ** 2 + 1

    @property
    def input_shape(self) -> tuple[int, ...]:
        """(height, width, colours) of one frame."""
        return (self.image, self.image, 3)


def normalise_pixels(frames: UInt8[Array, "*N H W 3"] | Float[Array, "*N H W 3"]) -> Float[Array, "*N H W 3"]:
    """CLIP's normalisation of uint8 RGB, in float32; floats are returned as they are, normalised already."""
    if jnp.issubdtype(frames.dtype, jnp.floating):
        return frames
    mean, std = jnp.asarray(CLIP_MEAN, jnp.float32), jnp.asarray(CLIP_STD, jnp.float32)
    return (frames.astype(jnp.float32) / 255 - mean) / std


class ViT(nn.Module):
    """Frames to tokens: the class token, then a token for each patch."""

    config: ViTConfig
    dtype: Any = jnp.float32
    backend: Backend = Backend.REFERENCE

    @nn.compact
    def __call__(self, frames: UInt8[Array, "*B H W 3"] | Float[Array, "*B H W 3"]) -> Float[Array, "*B tokens D"]:
        """
        Args:
            frames: uint8 RGB of side `config.image`, normalised here, or float pixels that are normalised already;
                any leading dimensions.

        Returns:
            Tokens in `dtype`, P + 1 for each frame.

        Raises:
            ValueError: frames of another size.
        """
        config = self.config
        leading, image = frames.shape[:-3], frames.shape[-3:]
        if image != config.input_shape:
            raise ValueError(f"frames {frames.shape}: expected (..., {', '.join(map(str, config.input_shape))})")
        patches = _patchify(normalise_pixels(frames).reshape(-1, *image), config.patch)
        x_NPD = Linear((config.width,), (None, None, None, "embed"), 3, dtype=self.dtype, name="patch")(patches)
        x_NPD = add_class_and_positions(self, x_NPD)
        stack = scanned(EncoderBlock, config.depth, config.remat)
        block = (config.heads, config.mlp, config.eps, self.dtype, self.backend)
        x_NPD, _ = stack(*block, key_bias=False, name="blocks")(x_NPD)
        if config.output_norm:
            x_NPD = LayerNorm(1e-5, self.dtype, name="output_norm")(x_NPD)
        return x_NPD.reshape(*leading, *x_NPD.shape[1:])


def _patchify(pixels: Float[Array, "N H W C"], side: int) -> Float[Array, "N P side side C"]:
    """Cuts images into squares, row by row: a strided convolution is then one matrix product."""
    N, H, W, C = pixels.shape
    grid = pixels.reshape(N, H // side, side, W // side, side, C).swapaxes(2, 3)
    return grid.reshape(N, -1, side, side, C)
