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
from jax.ad_checkpoint import checkpoint_name
from jaxtyping import Array, Float

Names = tuple[str | None, ...]
Initializer = Callable[..., Any]


class Remat(enum.StrEnum):
    """What the backward pass recomputes instead of keeping it in memory.

    NONE: nothing. BLOCK: all of a block, from its input. DOTS: all but matrix products without a batch dimension.
    OFFLOAD: as BLOCK, with the blocks' inputs in the host's memory until then.
    """

    NONE = "none"
    BLOCK = "block"
    DOTS = "dots"
    OFFLOAD = "offload"


# Name under which `Remat.OFFLOAD` finds the input of a block.
BLOCK_INPUT = "block_input"
POLICIES = {
    Remat.DOTS: jax.checkpoint_policies.dots_with_no_batch_dims_saveable,
    Remat.OFFLOAD: jax.checkpoint_policies.save_and_offload_only_these_names(
        names_which_can_be_saved=[],
        names_which_can_be_offloaded=[BLOCK_INPUT],
        offload_src="device",
        offload_dst="pinned_host",
    ),
}


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


def block_input(x: Array) -> Array:
    """Marks what a scanned block carries in, as the first thing that the block does; the value is unchanged."""
    return checkpoint_name(x, BLOCK_INPUT)


class Linear(nn.Module):
    """y = x . kernel + bias, contracted over the last `inputs` dimensions of x.

    A kernel that is stored as int8 has a parameter `kernel_scale` of the shape of an output beside it: the values of
    the kernel are int8 * scale (`deemo_jax.models.int8`).

    Attributes:
        features: shape of an output.
        names: logical names of the kernel's dimensions, those of the inputs first.
        inputs: how many trailing dimensions of x are contracted.
        use_bias: whether a bias of shape `features` is added.
        dtype: compute dtype.
        kernel_init: None for N(0, 1/fan_in).
        bias_init: zeros by default.
        int8: whether the kernel is stored as int8.
    """

    features: tuple[int, ...]
    names: Names
    inputs: int = 1
    use_bias: bool = True
    dtype: Any = jnp.float32
    kernel_init: Initializer | None = None
    bias_init: Initializer = nn.initializers.zeros
    int8: bool = False

    @nn.compact
    def __call__(self, x: Float[Array, "..."]) -> Float[Array, "..."]:
        shape = (*x.shape[-self.inputs :], *self.features)
        kernel = param(self, "kernel", self.kernel_init or fan_in_normal(self.inputs), self.names, shape)
        y = (_int8_product if self.int8 else _product)(x.astype(self.dtype), kernel, self.inputs)
        if self.int8:
            scale = param(self, "kernel_scale", nn.initializers.ones, self.names[self.inputs :], self.features)
            # Every output has a factor of its own, so that it may follow the sum over the inputs.
            y = (y * scale).astype(self.dtype)
        if self.use_bias:
            y = y + param(self, "bias", self.bias_init, self.names[self.inputs :], self.features).astype(self.dtype)
        return y


def _product(x: Array, kernel: Array, inputs: int) -> Array:
    """x . kernel over the last `inputs` dimensions of x, in the dtype of x."""
    contracted = tuple(range(x.ndim - inputs, x.ndim)), tuple(range(inputs))
    return jax.lax.dot_general(x, kernel.astype(x.dtype), (contracted, ((), ())))


# Of `_product`, JAX keeps the kernel as it was multiplied for the backward pass: a copy in the dtype of x. This one
# keeps the int8 values. They do not learn, and have no gradient.
_int8_product = jax.custom_vjp(_product, nondiff_argnums=(2,))


def _int8_forward(x: Array, kernel: Array, inputs: int) -> tuple[Array, Array]:
    return _product(x, kernel, inputs), kernel


def _int8_backward(inputs: int, kernel: Array, slope: Array) -> tuple[Array, None]:
    outputs = kernel.ndim - inputs
    contracted = tuple(range(slope.ndim - outputs, slope.ndim)), tuple(range(inputs, kernel.ndim))
    return jax.lax.dot_general(slope, kernel.astype(slope.dtype), (contracted, ((), ()))), None


_int8_product.defvjp(_int8_forward, _int8_backward)


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
    """x / rms(x) * scale over the last dimension, named `axis`, computed in float32; the result is in `dtype`."""

    eps: float
    dtype: Any = jnp.float32
    axis: str = "embed"

    @nn.compact
    def __call__(self, x: Float[Array, "*N D"]) -> Float[Array, "*N D"]:
        scale = param(self, "scale", nn.initializers.ones, (self.axis,), x.shape[-1:])
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
        # By erf, as PyTorch computes it, in 0.7 of the time of nn.gelu's erfc.
        h = 0.5 * h * (1 + jax.lax.erf(h * 0.5**0.5))
        return Linear((width,), ("mlp", "embed"), dtype=self.dtype, kernel_init=self.kernel_init, name="down")(h)


def scanned(
    block: type[nn.Module], length: int, remat: Remat = Remat.NONE, in_axes: Any = nn.broadcast, unroll: int = 1
) -> Any:
    """`length` blocks in a row as one scanned module: parameters have a leading axis L, and one block is compiled.

    Args:
        block: a module class; its `__call__(carry, *inputs)` returns (carry, output).
        length: L, the number of blocks.
        remat: what the backward pass recomputes.
        in_axes: for each input after the carry, 0 where it has a slice for each layer, else `nn.broadcast`.
        unroll: blocks that one turn of the compiled loop holds.
    """
    if remat != Remat.NONE:
        # The compiler merges no common subexpressions across a scan's iterations, so one block to a turn needs no
        # barrier that keeps it from undoing the recomputation.
        block = nn.remat(block, prevent_cse=unroll > 1, policy=POLICIES.get(remat))
    return nn.scan(
        block,
        variable_axes={"params": 0},
        split_rngs={"params": True, "dropout": True},
        in_axes=in_axes,
        length=length,
        unroll=unroll,
        metadata_params={nn.PARTITION_NAME: "layers"},
    )


def axis_names(variables: Any) -> Any:
    """The tree of logical names of each parameter's dimensions, from `init` (or its `eval_shape`) before `nn.unbox`."""

    def names(leaf: Any) -> Sequence[str | None]:
        return tuple(leaf.names) if isinstance(leaf, nn.LogicallyPartitioned) else (None,) * leaf.ndim

    return jax.tree.map(names, variables, is_leaf=lambda leaf: isinstance(leaf, nn.LogicallyPartitioned))
