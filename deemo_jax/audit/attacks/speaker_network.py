"""A small speaker encoder: a time-delay network with statistics pooling (x-vector).

Snyder et al., "X-vectors: robust DNN embeddings for speaker recognition" (ICASSP 2018), a quarter as wide.
Axes: B windows, F frames, K mel bands, E embedding.
"""

import flax.linen as nn
import jax.numpy as jnp
from jaxtyping import Array, Float

from deemo_jax.media.speaker_mel import BANDS

# Frames of a window: 1.6 s.
WINDOW_FRAMES = 160
# Channels of the layers, and numbers of an embedding.
WIDTH = 128
EMBEDDING = 128
# Of each layer: how many frames it sees, and their distance.
CONTEXTS = ((5, 1), (3, 2), (3, 3), (1, 1))


class SpeakerNet(nn.Module):
    """Log-mel windows to vectors of length 1, which are close to each other for the same speaker."""

    @nn.compact
    def __call__(self, frames: Float[Array, "B F K"]) -> Float[Array, "B E"]:
        x = frames / 3.0
        for index, (frames_seen, dilation) in enumerate(CONTEXTS):
            x = nn.Conv(WIDTH, (frames_seen,), kernel_dilation=(dilation,), padding="VALID", name=f"delay_{index}")(x)
            x = nn.LayerNorm(name=f"norm_{index}")(nn.relu(x))
        pooled = jnp.concatenate([x.mean(axis=1), jnp.sqrt(x.var(axis=1) + 1e-5)], axis=-1)
        x = nn.Dense(EMBEDDING, name="embedding")(pooled)
        return x / jnp.sqrt(jnp.sum(jnp.square(x), axis=-1, keepdims=True) + 1e-9)


def example() -> Float[Array, "1 F K"]:
    """An input of the right shape, to initialise the network with."""
    return jnp.zeros((1, WINDOW_FRAMES, BANDS))
