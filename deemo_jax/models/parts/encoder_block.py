"""What the image and the audio encoder share: the transformer block, and the tokens' class token and positions.

Axes: N images or clips, P tokens, D width.
"""

from typing import Any

import flax.linen as nn
import jax.numpy as jnp
from jaxtyping import Array, Float

from deemo_jax.models.parts.attention import Attention, Backend
from deemo_jax.models.parts.layers import MLP, LayerNorm, block_input, constrain, param


class EncoderBlock(nn.Module):
    """x + attention(norm1(x)), then x + mlp(norm2(x)), as in EVA's ViT (without layer scale) and in ImageBind.

    Attributes:
        heads: number of heads; must divide the width.
        mlp: hidden width of the MLP.
        eps: of both norms.
        dtype: compute dtype.
        backend: see `deemo_jax.models.parts.attention.attention`.
        key_bias, extra_key: see `deemo_jax.models.parts.attention.Attention`.
    """

    heads: int
    mlp: int
    eps: float
    dtype: Any
    backend: Backend
    key_bias: bool = True
    extra_key: bool = False

    @nn.compact
    def __call__(self, x_NPD: Float[Array, "N P D"]) -> tuple[Float[Array, "N P D"], None]:
        x_NPD = block_input(x_NPD)
        attend = Attention(
            self.heads, self.key_bias, self.extra_key, backend=self.backend, dtype=self.dtype, name="attention"
        )
        x_NPD = x_NPD + attend(LayerNorm(self.eps, self.dtype, name="norm1")(x_NPD))
        mlp = MLP(self.mlp, self.dtype, name="mlp")
        x_NPD = x_NPD + mlp(LayerNorm(self.eps, self.dtype, name="norm2")(x_NPD))
        return constrain(x_NPD, "batch", None, None), None


def add_class_and_positions(module: nn.Module, x_NPD: Float[Array, "N P D"]) -> Float[Array, "N P+1 D"]:
    """Puts a learned class token in front, then adds a learned position to every token, both parameters of `module`."""
    N, P, D = x_NPD.shape
    init = nn.initializers.normal(0.02)
    first = param(module, "class_token", init, ("embed",), (D,)).astype(x_NPD.dtype)
    positions = param(module, "positions", init, (None, "embed"), (P + 1, D)).astype(x_NPD.dtype)
    return jnp.concatenate([jnp.broadcast_to(first, (N, 1, D)), x_NPD], axis=1) + positions
