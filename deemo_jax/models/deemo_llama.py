"""DEEMO-LLaMA: per modality an encoder, a connector and a projector; their tokens spliced into a LLaMA's text.

What the config names is looked up in `deemo_jax.models.registry`; nothing here depends on a particular choice. To add
a system, add its parts there and name them in a recipe.

Axes: B batch, T sequence, F frames, M clips, Ka audio tokens, Kv video tokens, D decoder width, V vocabulary.
"""

import dataclasses
import enum
import functools
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int

from deemo_jax.core.config import Part, choose, from_plain
from deemo_jax.models.batch import Batch
from deemo_jax.models.media_tokens import MediaTokens
from deemo_jax.models.parts.attention import Backend
from deemo_jax.models.parts.layers import axis_names, constrain
from deemo_jax.models.parts.llama import KVCache
from deemo_jax.models.registry import CONNECTORS, DECODERS, ENCODERS, PROJECTORS


class DType(enum.StrEnum):
    """In what the model computes; norms and softmax are float32 in either."""

    FLOAT32 = "float32"
    BFLOAT16 = "bfloat16"


@dataclasses.dataclass(frozen=True)
class BranchConfig:
    """One modality's way into the decoder."""

    encoder: Part
    connector: Part
    projector: Part

    @classmethod
    def from_config(cls, plain: Any, where: str) -> "BranchConfig":
        """{'encoder': {'name': ...}, 'connector': {'name': ...}, 'projector': {'name': ...}}."""
        parts = from_plain(_PlainBranch, plain, where)
        return cls(
            encoder=choose(ENCODERS, parts.encoder, f"{where}.encoder"),
            connector=choose(CONNECTORS, parts.connector, f"{where}.connector"),
            projector=choose(PROJECTORS, parts.projector, f"{where}.projector"),
        )


@dataclasses.dataclass(frozen=True)
class DeemoLlamaConfig:
    """The whole model.

    Attributes:
        decoder: the language model.
        audio: None for a model that cannot hear.
        video: None for a model that cannot see.
        dtype: compute dtype; parameters keep theirs.
        attention: backend of every attention: reference, xla or cudnn.
    """

    decoder: Part
    audio: BranchConfig | None = None
    video: BranchConfig | None = None
    dtype: DType = DType.FLOAT32
    attention: Backend = Backend.REFERENCE

    @classmethod
    def from_config(cls, plain: Any) -> "DeemoLlamaConfig":
        """Reads plain nested data (a dict or ConfigDict). Left-out fields have the published models' sizes.

            {"dtype": "float32", "attention": "reference",
             "video": {
                 "encoder": {"name": "vit", "width": 64, "depth": 2, "heads": 2, "mlp": 128, "patch": 28, "image": 224,
                             "output_norm": True, "remat": "none"},
                 "connector": {"name": "per_frame", "max_frames": 32,
                               "frame": {"queries": 8, "width": 64, "depth": 2, "heads": 2, "mlp": 128,
                                         "cross_every": 2, "dropout": 0.0, "attention_dropout": 0.0},
                               "video": {"queries": 8, "width": 64, "depth": 2, "heads": 2, "mlp": 128,
                                         "cross_every": 1, "dropout": 0.1, "attention_dropout": 0.1}},
                 "projector": {"name": "linear"}},
             "audio": {
                 "encoder": {"name": "imagebind", "width": 64, "depth": 2, "heads": 2, "mlp": 128, "patch": 16,
                             "stride": 16, "head": 64, "output": "vector"},
                 "connector": {"name": "clips", "max_clips": 8,
                               "qformer": {"queries": 4, "width": 64, "depth": 2, "heads": 2, "mlp": 128,
                                           "cross_every": 1}},
                 "projector": {"name": "linear"}},
             "decoder": {"name": "llama", "vocab": 259, "width": 128, "depth": 2, "heads": 4, "kv_heads": 4,
                         "mlp": 344, "eps": 1e-5, "theta": 10000.0, "remat": "none"}}

        The other video connector: {"name": "joint", "qformer": {...}, "frame_embedding": False, "max_frames": 32}.

        Raises:
            UserError: an unknown key or name, a wrong type, or dimensions that do not go together.
        """
        top = from_plain(_PlainModel, plain, "model")
        return cls(
            decoder=choose(DECODERS, top.decoder, "model.decoder"),
            audio=None if top.audio is None else BranchConfig.from_config(top.audio, "model.audio"),
            video=None if top.video is None else BranchConfig.from_config(top.video, "model.video"),
            dtype=top.dtype,
            attention=top.attention,
        )

    @property
    def tokens(self) -> MediaTokens:
        """Of each branch, in the sequence."""
        return MediaTokens(*(branch.connector.config.tokens if branch else 0 for branch in (self.audio, self.video)))


class Branch(nn.Module):
    """projector(connector(encoder(raw)))."""

    config: BranchConfig
    width: int
    dtype: Any
    backend: Backend

    def setup(self) -> None:
        encoder, connector, projector = self.config.encoder, self.config.connector, self.config.projector
        self.encoder = encoder.module(config=encoder.config, dtype=self.dtype, backend=self.backend)
        self.connector = connector.module(config=connector.config, dtype=self.dtype, backend=self.backend)
        self.projector = projector.module(config=projector.config, width=self.width, dtype=self.dtype)

    def __call__(self, raw: Array, *, train: bool = False) -> Float[Array, "B K D"]:
        return self.projector(self.connector(self.encoder(raw), train=train))


class DeemoLlama(nn.Module):
    """The model. What is frozen is the training state's affair: differentiating with respect to the trainable part
    only, JAX keeps no residuals of the towers in front of it. `train` turns the Q-Formers' dropout on."""

    config: DeemoLlamaConfig

    def setup(self) -> None:
        config = self.config
        dtype, decoder = jnp.dtype(config.dtype.value), config.decoder
        self.decoder = decoder.module(config=decoder.config, dtype=dtype, backend=config.attention)
        width = decoder.config.width
        self.audio = Branch(config.audio, width, dtype, config.attention) if config.audio else None
        self.video = Branch(config.video, width, dtype, config.attention) if config.video else None

    def __call__(self, batch: Batch, *, train: bool = False) -> Float[Array, "B T D"]:
        """Hidden states after the decoder's final norm: what `logits` takes. State t predicts the token at t + 1.

        Args:
            batch: see `Batch`.
            train: dropout on; needs an rng named 'dropout'.
        """
        return self.decoder(self.embed(batch, train=train), batch.positions, batch.valid)

    def embed(self, batch: Batch, *, train: bool = False) -> Float[Array, "B T D"]:
        """The sequence that the decoder reads: text rows, with media tokens where `batch.slots` says so.

        A slot of a modality whose input is None gives NaN, so that a batch built wrongly cannot go unnoticed.
        """
        text_BTD = self.decoder.embed(batch.token_ids)
        B, _, D = text_BTD.shape
        config = self.config
        sources = (self.audio, batch.mel, config.tokens.audio), (self.video, batch.frames, config.tokens.video)
        media = [
            jnp.full((B, tokens, D), jnp.nan, text_BTD.dtype) if raw is None else branch(raw, train=train)
            for branch, raw, tokens in sources
            if branch is not None
        ]
        if not media:
            return text_BTD
        slots = jnp.asarray(batch.slots)[..., None]
        media_BTD = jnp.take_along_axis(jnp.concatenate(media, axis=1), jnp.maximum(slots, 0), axis=1, mode="fill")
        x_BTD = jnp.where(slots >= 0, media_BTD, text_BTD)
        return constrain(x_BTD, "batch", "length", "act_embed")

    def embed_tokens(self, token_ids: Int[Array, "B T"]) -> Float[Array, "B T D"]:
        """Rows of the embedding table."""
        return self.decoder.embed(token_ids)

    def logits(self, hidden: Float[Array, "*B D"]) -> Float[Array, "*B V"]:
        """Float32 logits of the next token."""
        return self.decoder.logits(hidden)

    def empty_cache(self, batch: int, capacity: int) -> KVCache:
        """Room for `capacity` tokens in each of `batch` rows."""
        return self.decoder.empty_cache(batch, capacity)

    def extend(
        self, x_BTD: Float[Array, "B T D"], positions: Int[Array, "B T"], valid: Bool[Array, "B T"], cache: KVCache
    ) -> tuple[Float[Array, "B T D"], KVCache]:
        """T more tokens behind those in `cache`; see `Llama.extend`."""
        return self.decoder.extend(x_BTD, positions, valid, cache)


def example_batch(config: DeemoLlamaConfig, batch: int = 1, length: int = 2, frames: int = 1, clips: int = 1) -> Batch:
    """A batch of zeros that every part of the model accepts."""
    video = (frames, *config.video.encoder.config.input_shape) if config.video else None
    audio = (clips, *config.audio.encoder.config.input_shape) if config.audio else None
    return Batch.zeros(batch, length, video, audio)


def init_params(model: DeemoLlama, key: Array) -> dict[str, Any]:
    """Random float32 parameters as a plain nested dict; works under `jit` and `eval_shape`."""
    return nn.unbox(model.init(key, jax.tree.map(jnp.asarray, example_batch(model.config)))["params"])


def param_axes(model: DeemoLlama) -> dict[str, Any]:
    """The same tree with each parameter's logical axis names, a tuple; scanned stacks lead with 'layers'."""
    return axis_names(_abstract(model))


def param_shapes(model: DeemoLlama) -> dict[str, Any]:
    """The same tree of `jax.ShapeDtypeStruct`s; nothing is allocated."""
    return nn.unbox(_abstract(model))


@functools.lru_cache(maxsize=8)
def _abstract(model: DeemoLlama) -> Any:
    return jax.eval_shape(model.init, jax.random.key(0), example_batch(model.config))["params"]


@dataclasses.dataclass(frozen=True)
class _PlainBranch:
    encoder: dict
    connector: dict
    projector: dict


@dataclasses.dataclass(frozen=True)
class _PlainModel:
    decoder: dict
    audio: dict | None = None
    video: dict | None = None
    dtype: DType = DType.FLOAT32
    attention: Backend = Backend.REFERENCE
