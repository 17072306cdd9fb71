"""The Q-Former: learned queries that attend to an encoder's tokens (BLIP-2, arXiv 2301.12597; Video-LLaMA, 2306.02858).

Its layers are BERT's (post-norm), without the branch for text. Every `cross_every`-th layer, the first included, also
attends to the encoder's tokens. The stack is scanned over groups of one such layer and `cross_every` - 1 plain ones.

Axes: B batch, Q queries, S encoder tokens, D width, E encoder width.
"""

import dataclasses
from typing import Any

import flax.linen as nn
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float

from deemo_jax.core.errors import UserError
from deemo_jax.models.parts.attention import Attention, Backend, make_mask
from deemo_jax.models.parts.layers import MLP, LayerNorm, Remat, block_input, constrain, param, scanned


@dataclasses.dataclass(frozen=True)
class QFormerConfig:
    """Defaults are BLIP-2's. The encoder's width is taken from its tokens.

    Attributes:
        queries: number of learned queries, which is the number of output tokens.
        width: D.
        depth: number of layers, a multiple of `cross_every`.
        heads: must divide `width`.
        mlp: hidden width of the MLPs.
        cross_every: 2 in BLIP-2 (layers 0, 2, 4, ...), 1 in the 2-layer video and audio Q-Formers.
        eps: of the norms.
        dropout: rate on queries and on what each sublayer adds, in training.
        attention_dropout: rate on attention probabilities, in training.
        init_std: standard deviation of kernels and queries at initialisation.
        remat: what the backward pass recomputes: none, block, dots or offload.
    """

    queries: int = 32
    width: int = 768
    depth: int = 12
    heads: int = 12
    mlp: int = 3072
    cross_every: int = 2
    eps: float = 1e-12
    dropout: float = 0.1
    attention_dropout: float = 0.1
    init_std: float = 0.02
    remat: Remat = Remat.NONE

    def __post_init__(self) -> None:
        if self.width % self.heads:
            raise UserError(f"qformer: width {self.width} does not divide by {self.heads} heads; change one of them")
        if self.depth % self.cross_every:
            raise UserError(f"qformer: depth {self.depth} does not divide by cross_every {self.cross_every}")
        if not (0 <= self.dropout < 1 and 0 <= self.attention_dropout < 1):
            raise UserError("qformer: dropout and attention_dropout must lie in [0, 1)")


class QFormerLayer(nn.Module):
    """Self-attention, cross-attention if `cross`, MLP; each added to its input and then normed."""

    config: QFormerConfig
    cross: bool
    train: bool
    dtype: Any
    backend: Backend

    @nn.compact
    def __call__(self, x_BQD: Array, tokens_BSE: Array, mask: Array | None) -> Array:
        config = self.config
        x_BQD = self._add("self_norm", x_BQD, self._attend("self_attention")(x_BQD))
        if self.cross:
            x_BQD = self._add("cross_norm", x_BQD, self._attend("cross_attention")(x_BQD, tokens_BSE, mask))
        mlp = MLP(config.mlp, self.dtype, nn.initializers.normal(config.init_std), name="mlp")
        return self._add("mlp_norm", x_BQD, mlp(x_BQD))

    def _attend(self, name: str) -> Attention:
        rate = self.config.attention_dropout if self.train else 0.0
        # Fused kernels have no dropout on probabilities; with a few dozen queries plain attention is as fast.
        backend = Backend.REFERENCE if rate else self.backend
        init = nn.initializers.normal(self.config.init_std)
        return Attention(
            self.config.heads, backend=backend, dropout=rate, dtype=self.dtype, kernel_init=init, name=name
        )

    def _add(self, name: str, x_BQD: Array, update_BQD: Array) -> Array:
        """norm(x + dropout(update)): BERT's residual connection."""
        update_BQD = nn.Dropout(self.config.dropout, deterministic=not self.train)(update_BQD)
        return LayerNorm(self.config.eps, self.dtype, name=name)(x_BQD + update_BQD)


class QFormerGroup(nn.Module):
    """One layer with cross-attention and the plain ones behind it."""

    config: QFormerConfig
    train: bool
    dtype: Any
    backend: Backend

    @nn.compact
    def __call__(self, x_BQD: Array, tokens_BSE: Array, mask: Array | None) -> tuple[Array, None]:
        x_BQD = block_input(x_BQD)
        for index in range(self.config.cross_every):
            name = "cross" if index == 0 else f"plain{index}"
            layer = QFormerLayer(self.config, index == 0, self.train, self.dtype, self.backend, name=name)
            x_BQD = layer(x_BQD, tokens_BSE, mask)
        return constrain(x_BQD, "batch", None, None), None


class QFormer(nn.Module):
    """Any number of encoder tokens in, `config.queries` tokens out."""

    config: QFormerConfig
    dtype: Any = jnp.float32
    backend: Backend = Backend.REFERENCE

    @nn.compact
    def __call__(
        self, tokens_BSE: Float[Array, "B S E"], valid: Bool[Array, "B S"] | None = None, *, train: bool = False
    ) -> Float[Array, "B Q D"]:
        """
        Args:
            tokens_BSE: the encoder's tokens.
            valid: False = hidden from the queries; None = all are seen.
            train: dropout on; needs an rng named 'dropout' if a rate is above 0.

        Returns:
            Query tokens in `dtype`.
        """
        config = self.config
        init = nn.initializers.normal(config.init_std)
        queries = param(self, "queries", init, (None, "embed"), (config.queries, config.width))
        x_QD = LayerNorm(config.eps, self.dtype, name="norm")(queries)
        x_BQD = jnp.broadcast_to(x_QD, (len(tokens_BSE), *x_QD.shape))
        x_BQD = nn.Dropout(config.dropout, deterministic=not train)(x_BQD)
        stack = scanned(QFormerGroup, config.depth // config.cross_every, config.remat)
        groups = stack(config, train, self.dtype, self.backend, name="groups")
        mask = None if valid is None else make_mask(valid)
        return groups(x_BQD, tokens_BSE.astype(self.dtype), mask)[0]
