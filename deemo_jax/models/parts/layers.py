"""Linear maps, norms, an MLP, and stacks of blocks that are scanned over their layers.

Axes: N rows (any leading dimensions), D width, L layers.

Every parameter has logical names for its dimensions ('embed', 'heads', 'kv_heads', 'head_dim', 'mlp', 'vocab',
'layers', or None); `deemo_jax.models.mesh` maps them to axes of the mesh, a rule table for each tower, so that modules
need not know the mesh. Parameters are float32 unless they are stored otherwise; arithmetic runs in a module's `dtype`,
that of norms in float32.
"""

import enum
from collections.abc import Callable, Sequence
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

Names = tuple[str | None, ...]
Initializer = Callable[..., Any]


class Remat(enum.StrEnum):
    """What the backward pass recomputes instead of keeping it in memory.

    NONE: nothing. BLOCK: all of a block, from its input. DOTS: all but matrix products without a batch dimension.
    """

    NONE = "none"
    BLOCK = "block"
    DOTS = "dots"


def param(module: nn.Module, name: str, init: Initializer, names: Names, shape: tuple[int, ...]) -> Any:
    """Declares a float32 parameter with logical names for its dimensions.

    Raises:
        ValueError: another number of names than of dimensions.
    """
    if len(names) != len(shape):
        raise ValueError(f"{name}: {len(shape)} dimensions but {len(names)} axis names")
    return module.param(name, nn.with_logical_partitioning(init, names), shape, jnp.float32)


def fan_in_normal(inputs: int) -> Initializer:
    """Draws from N(0, 1/fan_in); fan_in is the product of the first `inputs` dimensions."""

    def init(key: Array, shape: tuple[int, ...], dtype: Any) -> Array:
        fan_in = 1
        for size in shape[:inputs]:
            fan_in *= size
        return jax.random.normal(key, shape, dtype) * fan_in**-0.5

    return init


def constrain(x: Array, *names: str | None) -> Array:
    """Splits activations over the mesh axes that the logical rules in scope give to `names`; without rules, not."""
    return nn.with_logical_constraint(x, names)


class Linear(nn.Module):
    """y = x . kernel + bias, contracted over the last `inputs` dimensions of x.

    Attributes:
        features: shape of an output.
        names: logical names of the kernel's dimensions, those of the inputs first.
        inputs: how many trailing dimensions of x are contracted.
        use_bias: whether a bias of shape `features` is added.
        dtype: compute dtype.
        kernel_init: None for N(0, 1/fan_in).
        bias_init: zeros by default.
    """

    features: tuple[int, ...]
    names: Names
    inputs: int = 1
    use_bias: bool = True
    dtype: Any = jnp.float32
    kernel_init: Initializer | None = None
    bias_init: Initializer = nn.initializers.zeros

    @nn.compact
    def __call__(self, x: Float[Array, "..."]) -> Float[Array, "..."]:
        shape = (*x.shape[-self.inputs :], *self.features)
        kernel = param(self, "kernel", self.kernel_init or fan_in_normal(self.inputs), self.names, shape)
        contracted = tuple(range(x.ndim - self.inputs, x.ndim)), tuple(range(self.inputs))
        y = jax.lax.dot_general(x.astype(self.dtype), kernel.astype(self.dtype), (contracted, ((), ())))
        if self.use_bias:
            y = y + param(self, "bias", self.bias_init, self.names[self.inputs :], self.features).astype(self.dtype)
        return y


class LayerNorm(nn.Module):
    """Layer norm over the last dimension, computed in float32; the result is in `dtype`."""

    eps: float
    dtype: Any = jnp.float32

    @nn.compact
    def __call__(self, x: Float[Array, "*N D"]) -> Float[Array, "*N D"]:
        scale = param(self, "scale", nn.initializers.ones, ("embed",), x.shape[-1:])
        bias = param(self, "bias", nn.initializers.zeros, ("embed",), x.shape[-1:])
        x = x.astype(jnp.float32)
        x = x - x.mean(-1, keepdims=True)
        x = x * jax.lax.rsqrt(jnp.square(x).mean(-1, keepdims=True) + self.eps)
        return (x * scale.astype(jnp.float32) + bias.astype(jnp.float32)).astype(self.dtype)


class RMSNorm(nn.Module):
    """x / rms(x) * scale over the last dimension, computed in float32; the result is in `dtype`."""

    eps: float
    dtype: Any = jnp.float32

    @nn.compact
    def __call__(self, x: Float[Array, "*N D"]) -> Float[Array, "*N D"]:
        scale = param(self, "scale", nn.initializers.ones, ("embed",), x.shape[-1:])
        x = x.astype(jnp.float32)
        x = x * jax.lax.rsqrt(jnp.square(x).mean(-1, keepdims=True) + self.eps)
        return (x * scale.astype(jnp.float32)).astype(self.dtype)


class MLP(nn.Module):
    """down(gelu(up(x))) with the exact GELU, not its tanh form, as ViT-g, BERT and ImageBind were trained.

    Attributes:
        hidden: width between `up` and `down`.
        dtype: compute dtype.
        kernel_init: see `Linear`.
    """

    hidden: int
    dtype: Any = jnp.float32
    kernel_init: Initializer | None = None

    @nn.compact
    def __call__(self, x: Float[Array, "*N D"]) -> Float[Array, "*N D"]:
        width = x.shape[-1]
        h = Linear((self.hidden,), ("embed", "mlp"), dtype=self.dtype, kernel_init=self.kernel_init, name="up")(x)
        h = nn.gelu(h, approximate=False)
        return Linear((width,), ("mlp", "embed"), dtype=self.dtype, kernel_init=self.kernel_init, name="down")(h)


def scanned(block: type[nn.Module], length: int, remat: Remat = Remat.NONE, in_axes: Any = nn.broadcast) -> Any:
    """`length` blocks in a row as one scanned module: parameters have a leading axis L, and one block is compiled.

    Args:
        block: a module class; its `__call__(carry, *inputs)` returns (carry, output).
        length: L, the number of blocks.
        remat: what the backward pass recomputes.
        in_axes: for each input after the carry, 0 where it has a slice for each layer, else `nn.broadcast`.
    """
    if remat != Remat.NONE:
        policy = jax.checkpoint_policies.dots_with_no_batch_dims_saveable if remat == Remat.DOTS else None
        # The compiler cannot undo the recomputation here: it merges no common subexpressions across a scan's
        # iterations.
        block = nn.remat(block, prevent_cse=False, policy=policy)
    return nn.scan(
        block,
        variable_axes={"params": 0},
        split_rngs={"params": True, "dropout": True},
        in_axes=in_axes,
        length=length,
        metadata_params={nn.PARTITION_NAME: "layers"},
    )


def axis_names(variables: Any) -> Any:
    """The tree of logical names of each parameter's dimensions, from `init` (or its `eval_shape`) before `nn.unbox`."""

    def names(leaf: Any) -> Sequence[str | None]:
        return tuple(leaf.names) if isinstance(leaf, nn.LogicallyPartitioned) else (None,) * leaf.ndim

    return jax.tree.map(names, variables, is_leaf=lambda leaf: isinstance(leaf, nn.LogicallyPartitioned))
