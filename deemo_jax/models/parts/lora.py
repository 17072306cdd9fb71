"""LoRA (arXiv 2106.09685): beside a frozen kernel W two thin ones that learn: x . W becomes x . (W + scale A B).

Axes: R rank.
"""

import dataclasses
import math
from collections.abc import Mapping
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from deemo_jax.core.errors import UserError
from deemo_jax.models.parts.layers import Names, param

# What a config calls a kernel of a decoder's block -> its module.
TARGETS: Mapping[str, str] = {
    "q": "query",
    "k": "key",
    "v": "value",
    "o": "out",
    "gate": "gate",
    "up": "up",
    "down": "down",
}
# Behind the name of a kernel's module: that of the module which holds its A and B.
SUFFIX = "_lora"


@dataclasses.dataclass(frozen=True)
class LoraConfig:
    """LoRA on a decoder; the defaults are those of AffectGPT's release on Qwen2.5.

    Attributes:
        rank: R, the width between A and B.
        alpha: A B is multiplied by alpha / rank.
        dropout: rate on what A reads, in training.
        targets: which kernels of a block have A and B: some of q, k, v, o, gate, up, down.
    """

    rank: int = 16
    alpha: float = 32.0
    dropout: float = 0.05
    targets: tuple[str, ...] = tuple(TARGETS)

    def __post_init__(self) -> None:
        if self.rank < 1:
            raise UserError(f"lora: rank {self.rank} must be at least 1; leave lora out of the decoder for none")
        if not self.alpha > 0:
            raise UserError(f"lora: alpha {self.alpha} must be above 0")
        if not 0 <= self.dropout < 1:
            raise UserError(f"lora: dropout {self.dropout} must lie in [0, 1)")
        unknown = [target for target in self.targets if target not in TARGETS]
        if unknown or not self.targets:
            named = ", ".join(map(repr, unknown)) or "none"
            raise UserError(f"lora: targets: {named}; choose at least one of {', '.join(TARGETS)}")
        if len(set(self.targets)) < len(self.targets):
            raise UserError(f"lora: targets: {', '.join(self.targets)}; name each once")

    @property
    def scale(self) -> float:
        """What A B is multiplied by."""
        return self.alpha / self.rank

    @property
    def modules(self) -> tuple[str, ...]:
        """The modules of a block that are adapted, in the order of `TARGETS`."""
        return tuple(module for target, module in TARGETS.items() if target in self.targets)


class LowRank(nn.Module):
    """scale * (dropout(x) . A) . B, contracted over the last `inputs` dimensions of x, as in `Linear`.

    A is drawn from U(-1/sqrt(fan_in), 1/sqrt(fan_in)) and B is zeros, as in PEFT. Dropout is on where an rng named
    'dropout' is given.

    Attributes:
        config: of LoRA.
        features: shape of an output.
        names: logical names of the kernel's dimensions, those of the inputs first.
        inputs: how many trailing dimensions of x are contracted.
        dtype: compute dtype.
    """

    config: LoraConfig
    features: tuple[int, ...]
    names: Names
    inputs: int = 1
    dtype: Any = jnp.float32

    @nn.compact
    def __call__(self, x: Float[Array, "..."]) -> Float[Array, "..."]:
        rank, inputs = self.config.rank, self.inputs
        shape = x.shape[-inputs:]
        a = param(self, "lora_a", _kaiming_uniform, (*self.names[:inputs], None), (*shape, rank))
        b = param(self, "lora_b", nn.initializers.zeros, (None, *self.names[inputs:]), (rank, *self.features))
        x = nn.Dropout(self.config.dropout, deterministic=not self.has_rng("dropout"))(x.astype(self.dtype))
        contracted = tuple(range(x.ndim - inputs, x.ndim)), tuple(range(inputs))
        thin = jax.lax.dot_general(x, a.astype(self.dtype), (contracted, ((), ())))
        return jnp.tensordot(thin * jnp.asarray(self.config.scale, self.dtype), b.astype(self.dtype), 1)


def _kaiming_uniform(key: Array, shape: tuple[int, ...], dtype: Any) -> Array:
    """PyTorch's kaiming_uniform_(a=sqrt(5)), whose bound is 1 / sqrt(fan_in)."""
    bound = math.prod(shape[:-1]) ** -0.5
    return jax.random.uniform(key, shape, dtype, -bound, bound)
