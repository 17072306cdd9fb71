"""Transforms from one public tensor to one or more of our parameters and back; each only rearranges numbers.

Public shapes are PyTorch's: a linear layer is (out, in), a convolution (out, in, height, width). Ours are those of one
layer, which is one row of a stacked parameter.

Axes: D width, N heads, H head width, O out, I in.
"""

import dataclasses
import math
from collections.abc import Callable, Sequence

import numpy as np

from deemo_jax.core.errors import UserError

Shape = tuple[int, ...]
Arrays = Sequence[np.ndarray]


@dataclasses.dataclass(frozen=True)
class Transform:
    """A rearrangement of numbers that can be inverted.

    Attributes:
        name: for messages.
        public_shape: from the shapes of our parameters to that of the public tensor.
        forward: from the public tensor, and the shapes of our parameters, to their values.
        backward: from our values to the public tensor.
    """

    name: str
    public_shape: Callable[[Sequence[Shape]], Shape]
    forward: Callable[[np.ndarray, Sequence[Shape]], list[np.ndarray]]
    backward: Callable[[Arrays], np.ndarray]


def _reshaped(name: str, public_shape: Callable[[Shape], Shape]) -> Transform:
    return Transform(
        name,
        lambda shapes: public_shape(shapes[0]),
        lambda public, shapes: [public.reshape(shapes[0])],
        lambda ours: ours[0].reshape(public_shape(ours[0].shape)),
    )


SAME = _reshaped("same", lambda shape: shape)
# Biases of projections, which are (N, H) here and (N*H,) in PyTorch.
FLAT = _reshaped("flat", lambda shape: (math.prod(shape),))
# Single tokens, and tables of tokens, which have leading axes of length 1 in PyTorch.
TOKEN = _reshaped("token", lambda shape: (1, 1, math.prod(shape)))
TABLE = _reshaped("table", lambda shape: (1, *shape))

# (O, I) -> (I, O) or (I, N, H).
LINEAR = Transform(
    "linear",
    lambda shapes: (math.prod(shapes[0][1:]), shapes[0][0]),
    lambda public, shapes: [public.T.reshape(shapes[0])],
    lambda ours: ours[0].reshape(len(ours[0]), -1).T,
)

# (O, N*H) -> (N, H, O), for the projection behind the heads.
LINEAR_FROM_HEADS = Transform(
    "linear from heads",
    lambda shapes: (shapes[0][-1], math.prod(shapes[0][:-1])),
    lambda public, shapes: [public.T.reshape(shapes[0])],
    lambda ours: ours[0].reshape(-1, ours[0].shape[-1]).T,
)

# (O, I, height, width) -> (height, width, I, O).
CONVOLUTION = Transform(
    "convolution",
    lambda shapes: (shapes[0][3], shapes[0][2], *shapes[0][:2]),
    lambda public, shapes: [public.transpose(2, 3, 1, 0)],
    lambda ours: ours[0].transpose(3, 2, 0, 1),
)

# (3*N*H, D) -> query, key and value, (D, N, H) each.
FUSED_QKV = Transform(
    "fused qkv",
    lambda shapes: (sum(math.prod(shape[1:]) for shape in shapes), shapes[0][0]),
    lambda public, shapes: [rows.T.reshape(shape) for rows, shape in zip(np.split(public, 3), shapes, strict=True)],
    lambda ours: np.concatenate([LINEAR.backward([kernel]) for kernel in ours]),
)

# (3*N*H,) -> (N, H) each.
FUSED_BIAS = Transform(
    "fused bias",
    lambda shapes: (sum(math.prod(shape) for shape in shapes),),
    lambda public, shapes: [rows.reshape(shape) for rows, shape in zip(np.split(public, 3), shapes, strict=True)],
    lambda ours: np.concatenate([bias.reshape(-1) for bias in ours]),
)


def _without_key(public: np.ndarray, shapes: Sequence[Shape]) -> list[np.ndarray]:
    query, key, value = np.split(public, 3)
    if np.any(key):
        raise UserError("its key part must be zero: this model's keys have no bias")
    return [query.reshape(shapes[0]), value.reshape(shapes[1])]


# (3*N*H,) with zeros in the middle third -> query and value, (N, H) each: Hugging Face's form of EVA's biases, which
# keys do not have.
FUSED_BIAS_WITHOUT_KEY = Transform(
    "fused bias without key",
    lambda shapes: (3 * math.prod(shapes[0]),),
    _without_key,
    lambda ours: np.concatenate([ours[0].reshape(-1), np.zeros(ours[0].size, ours[0].dtype), ours[1].reshape(-1)]),
)


def constant(value: float) -> Transform:
    """For a public scalar that fills no parameter, but must have this value within 1e-3."""

    def confirm(public: np.ndarray, shapes: Sequence[Shape]) -> list[np.ndarray]:
        # `not <=` instead of `>`, since every comparison with NaN is false.
        if not abs(float(public) - value) <= 1e-3:
            raise UserError(f"it is {float(public):.6g}, and this model is made for {value:.6g}")
        return []

    return Transform("confirmed", lambda shapes: (), confirm, lambda ours: np.asarray(value, np.float32))
