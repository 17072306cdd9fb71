"""The decoder's kernels as int8, with a float32 scale for each output: half of bfloat16's memory.

A kernel w becomes q = round(w / s), s = max |w| / 127 over the inputs of an output. Every weight is off by s / 2 at
most, so an output y = x . w by sum |x| * s / 2. Activations are not rounded. Embedding and head, with 4 % of the
weights of a 7B, stay as they are.
"""

from collections.abc import Mapping
from typing import Any

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int8

LARGEST = 127
SCALE = "_scale"


def quantized(path: str, paths: Mapping[str, Any]) -> bool:
    """Whether the parameter of a path, among those of a model, is stored as int8."""
    return path + SCALE in paths


def quantize(kernel: Float[Array, "L ..."], scale_ndim: int) -> tuple[Int8[Array, "L ..."], Float[Array, "L ..."]]:
    """(q, s) of a stack of kernels; q * s is the kernel but for rounding.

    Args:
        kernel: of L layers; the inputs' dimensions come before the outputs'.
        scale_ndim: dimensions of s, which are L and the outputs'.
    """
    inputs = tuple(range(1, 1 + kernel.ndim - scale_ndim))
    scale = jnp.abs(kernel.astype(jnp.float32)).max(inputs, keepdims=True) / LARGEST
    # An output without any weight keeps 0, not 0 / 0.
    rounded = jnp.round(kernel / jnp.where(scale == 0, 1.0, scale)).astype(jnp.int8)
    return rounded, scale.squeeze(inputs)


def quantize_all(params: Mapping[str, Any]) -> dict[str, Any]:
    """path -> value, with (q, s) in place of every kernel that has a parameter for its scale."""
    found = dict(params)
    for path in filter(lambda path: quantized(path, params), params):
        found[path], found[path + SCALE] = quantize(params[path], params[path + SCALE].ndim)
    return found


def quantize_on(kernel: jax.Array, places: tuple[Any, Any], scale_ndim: int) -> tuple[jax.Array, jax.Array]:
    """`quantize` of a kernel on its devices, with the results at `places`."""
    return jax.jit(lambda kernel: quantize(kernel, scale_ndim), out_shardings=places)(kernel)
