"""What every tower is made of: linear maps, norms, an MLP, and stacks scanned over their layers.

Axes: N rows (any leading dimensions), D width, F hidden width, L layers.

Every parameter carries logical axis names ('embed', 'heads', 'kv_heads', 'head_dim', 'mlp', 'vocab', 'layers', or
None); a rule table per tower, in `deemo_jax.models.mesh`, maps them to mesh axes. No module knows a mesh.
Parameters keep the dtype they are stored in; arithmetic runs in the module's `dtype`, norms in float32.
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
    """What the backward pass recomputes: nothing; each block from its input; all but the plain matrix products."""

    NONE = "none"
    BLOCK = "block"
    DOTS = "dots"


def param(module: nn.Module, name: str, init: Initializer, names: Names, shape: tuple[int, ...]) -> Any:
    """Declares a float32 parameter whose dimensions are called `names`."""
    if len(names) != len(shape):
        raise ValueError(f"{name}: {len(shape)} dimensions but {len(names)} axis names")
    return module.param(name, nn.with_logical_partitioning(init, names), shape, jnp.float32)


def fan_in_normal(inputs: int) -> Initializer:
    """N(0, 1/fan_in), where the first `inputs` dimensions are the inputs."""

    def init(key: Array, shape: tuple[int, ...], dtype: Any) -> Array:
        fan_in = 1
        for size in shape[:inputs]:
            fan_in *= size
        return jax.random.normal(key, shape, dtype) * fan_in**-0.5

    return init


def constrain(x: Array, *names: str | None) -> Array:
    """Pins activations to the mesh axes that the logical rules in scope give their names; no rules, no effect."""
    return nn.with_logical_constraint(x, names)


class Linear(nn.Module):
    """y = x . kernel + bias over the last `inputs` dimensions of x, which may themselves be many (heads, patches).

    Attributes:
        features: output dimensions.
        names: logical names of the kernel's dimensions, inputs first.
        inputs: how many trailing dimensions of x are contracted.
        use_bias: whether a bias of shape `features` is added.
        dtype: of the product.
        kernel_init: N(0, 1/fan_in) when None.
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
    """Layer norm over the last dimension; statistics, scale and shift in float32 whatever `dtype` is."""

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
    """x / rms(x) * scale over the last dimension; statistics in float32."""

    eps: float
    dtype: Any = jnp.float32

    @nn.compact
    def __call__(self, x: Float[Array, "*N D"]) -> Float[Array, "*N D"]:
        scale = param(self, "scale", nn.initializers.ones, ("embed",), x.shape[-1:])
        x = x.astype(jnp.float32)
        x = x * jax.lax.rsqrt(jnp.square(x).mean(-1, keepdims=True) + self.eps)
        return (x * scale.astype(jnp.float32)).astype(self.dtype)


class MLP(nn.Module):
    """down(gelu(up(x))) with the exact GELU that ViT-g, BERT and ImageBind were trained with."""

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
    """`length` blocks in a row as one scanned module, so that parameters have a leading L axis and compile once.

    Args:
        block: its `__call__(carry, *inputs)` returns (carry, output).
        length: the number of blocks.
        remat: what the backward pass recomputes.
        in_axes: per input after the carry, 0 when it has one slice per layer, else `nn.broadcast`.
    """
    if remat != Remat.NONE:
        policy = jax.checkpoint_policies.dots_with_no_batch_dims_saveable if remat == Remat.DOTS else None
        # Inside a scan, common subexpressions cannot be merged across iterations anyway.
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
    """The tree of logical axis names of freshly initialised (or `eval_shape`d), still boxed parameters."""

    def names(leaf: Any) -> Sequence[str | None]:
        return tuple(leaf.names) if isinstance(leaf, nn.LogicallyPartitioned) else (None,) * leaf.ndim

    return jax.tree.map(names, variables, is_leaf=lambda leaf: isinstance(leaf, nn.LogicallyPartitioned))
