"""Projectors: from query tokens to rows of the decoder's width.

Axes: B batch, Q query tokens, E their width, D decoder width.
"""

import dataclasses
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from deemo_jax.models.parts.layers import Linear


@dataclasses.dataclass(frozen=True)
class LinearProjectorConfig:
    """One affine map, which has no settings."""


class LinearProjector(nn.Module):
    """y = x . kernel + bias, both drawn uniformly from +-1/sqrt(E), as in Video-LLaMA (PyTorch's `nn.Linear`)."""

    config: LinearProjectorConfig
    width: int
    dtype: Any = jnp.float32

    @nn.compact
    def __call__(self, x_BQE: Float[Array, "B Q E"]) -> Float[Array, "B Q D"]:
        bound = x_BQE.shape[-1] ** -0.5

        def uniform(key: Array, shape: tuple[int, ...], dtype: Any) -> Array:
            return jax.random.uniform(key, shape, dtype, -bound, bound)

        names = (None, "embed")
        linear = Linear((self.width,), names, dtype=self.dtype, kernel_init=uniform, bias_init=uniform, name="linear")
        return linear(x_BQE)
