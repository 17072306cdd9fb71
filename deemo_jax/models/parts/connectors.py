"""Connectors: from the encoder tokens of any number of frames or clips to a fixed number of query tokens.

Axes: B batch, F frames or audio clips, P tokens of each, E encoder width, Q queries, D width of the queries.
"""

import dataclasses
from typing import Any

import flax.linen as nn
import jax.numpy as jnp
from jaxtyping import Array, Float

from deemo_jax.models.parts.attention import Backend
from deemo_jax.models.parts.layers import param
from deemo_jax.models.parts.qformer import QFormer, QFormerConfig

# The Q-Former over all frames or clips in Video-LLaMA.
SMALL_QFORMER = QFormerConfig(depth=2, cross_every=1)


@dataclasses.dataclass(frozen=True)
class PerFrameConfig:
    """Video-LLaMA's video branch: BLIP-2's Q-Former on each frame, then a small Q-Former over all frames' queries.

    Attributes:
        frame: the Q-Former that is applied to each frame.
        video: the Q-Former over the queries of all frames.
        max_frames: rows of the table of frame positions.
    """

    frame: QFormerConfig = dataclasses.field(default=QFormerConfig(dropout=0.0, attention_dropout=0.0))
    video: QFormerConfig = dataclasses.field(default=SMALL_QFORMER)
    max_frames: int = 32

    @property
    def tokens(self) -> int:
        """Query tokens of a video."""
        return self.video.queries

    @property
    def steady_part(self) -> tuple[str, QFormerConfig] | None:
        """The part that works on each frame by itself; None where it drops out, so that its work varies."""
        return None if self.frame.dropout or self.frame.attention_dropout else ("frame_qformer", self.frame)


@dataclasses.dataclass(frozen=True)
class JointConfig:
    """One BLIP-2 Q-Former over the tokens of all frames: the DEEMO paper, section 4.1, taken literally.

    Attributes:
        qformer: the Q-Former.
        frame_embedding: whether a learned vector of each frame is added to its tokens; without it the Q-Former cannot
            tell the order of frames.
        max_frames: rows of the table of those vectors.
    """

    qformer: QFormerConfig = dataclasses.field(default=QFormerConfig())
    frame_embedding: bool = False
    max_frames: int = 32

    @property
    def tokens(self) -> int:
        """Tokens handed on."""
        return self.qformer.queries

    @property
    def steady_part(self) -> None:
        """Nothing in it works on each frame or clip by itself."""
        return None


@dataclasses.dataclass(frozen=True)
class ClipsConfig:
    """Video-LLaMA's audio branch: a position is added to each clip, then a small Q-Former over the tokens of all clips.

    Attributes:
        qformer: the Q-Former.
        max_clips: rows of the table of clip positions.
    """

    qformer: QFormerConfig = dataclasses.field(default=dataclasses.replace(SMALL_QFORMER, queries=8))
    max_clips: int = 8

    @property
    def tokens(self) -> int:
        """Tokens handed on."""
        return self.qformer.queries

    @property
    def steady_part(self) -> None:
        """Nothing in it works on each frame or clip by itself."""
        return None


class PerFrame(nn.Module):
    """See `PerFrameConfig`."""

    config: PerFrameConfig
    dtype: Any = jnp.float32
    backend: Backend = Backend.REFERENCE

    @nn.compact
    def __call__(
        self, tokens: Float[Array, "B F P E"], *, train: bool = False, each: bool = True, join: bool = True
    ) -> Float[Array, "B Q D"] | Float[Array, "B F Q D"]:
        """
        Args:
            tokens: of the encoder; or, without `each`, what `each` alone made of them.
            train: dropout on.
            each: whether the first Q-Former looks at each frame by itself.
            join: whether the second one then looks at the queries of all frames.
        """
        x_BFQD = tokens
        if each:
            B, F, P, E = tokens.shape
            frame_qformer = QFormer(self.config.frame, self.dtype, self.backend, name="frame_qformer")
            x_BFQD = frame_qformer(tokens.reshape(B * F, P, E), train=train).reshape(B, F, -1, self.config.frame.width)
        if not join:
            return x_BFQD
        x_BFQD = _add_time(self, "frame_positions", x_BFQD, self.config.max_frames)
        video_qformer = QFormer(self.config.video, self.dtype, self.backend, name="video_qformer")
        return video_qformer(_flatten_time(x_BFQD), train=train)


class Joint(nn.Module):
    """See `JointConfig`."""

    config: JointConfig
    dtype: Any = jnp.float32
    backend: Backend = Backend.REFERENCE

    @nn.compact
    def __call__(self, tokens: Float[Array, "B F P E"], *, train: bool = False) -> Float[Array, "B Q D"]:
        if self.config.frame_embedding:
            tokens = _add_time(self, "frame_embedding", tokens, self.config.max_frames)
        qformer = QFormer(self.config.qformer, self.dtype, self.backend, name="qformer")
        return qformer(_flatten_time(tokens), train=train)


class Clips(nn.Module):
    """See `ClipsConfig`."""

    config: ClipsConfig
    dtype: Any = jnp.float32
    backend: Backend = Backend.REFERENCE

    @nn.compact
    def __call__(self, tokens: Float[Array, "B F P E"], *, train: bool = False) -> Float[Array, "B Q D"]:
        tokens = _add_time(self, "clip_positions", tokens, self.config.max_clips)
        qformer = QFormer(self.config.qformer, self.dtype, self.backend, name="qformer")
        return qformer(_flatten_time(tokens), train=train)


def _add_time(module: nn.Module, name: str, tokens: Float[Array, "B F P E"], rows: int) -> Float[Array, "B F P E"]:
    """Adds row f of a learned table to every token of frame or clip f.

    Args:
        module: whose parameter the table is.
        name: of the parameter.
        tokens: of all frames or clips.
        rows: of the table.

    Raises:
        ValueError: more frames or clips than rows.
    """
    F, E = tokens.shape[1], tokens.shape[3]
    if rows < F:
        raise ValueError(f"{name}: {F} frames or clips, but the table has {rows} rows; raise max_frames or max_clips")
    table = param(module, name, nn.initializers.normal(1.0), (None, "embed"), (rows, E))
    return tokens + table[None, :F, None].astype(tokens.dtype)


def _flatten_time(tokens: Float[Array, "B F P E"]) -> Float[Array, "B F*P E"]:
    return tokens.reshape(len(tokens), -1, tokens.shape[-1])
