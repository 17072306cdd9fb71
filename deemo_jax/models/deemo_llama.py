"""DEEMO-LLaMA: an encoder, a connector and a projector for each modality, whose tokens stand in a LLaMA's text.

The parts that a config names are looked up in `deemo_jax.models.registry`; nothing here depends on a particular one. A
new system adds its parts there and names them in a recipe.

Axes: B batch, T sequence, K query tokens of a branch, D decoder width, V vocabulary.
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
from deemo_jax.models.parts.llama import KVCache, Storage
from deemo_jax.models.registry import CONNECTORS, DECODERS, ENCODERS, PROJECTORS


class DType(enum.StrEnum):
    """The dtype in which the model computes; norms and softmax are float32 in either case."""

    FLOAT32 = "float32"
    BFLOAT16 = "bfloat16"


@dataclasses.dataclass(frozen=True)
class BranchConfig:
    """The parts that bring one modality into the decoder, in their order.

    Attributes:
        encoder, connector, projector: the parts.
        stem: which of their work can be done once for a clip and kept: "encoder", or the name of a part of the
            connector, up to which (see `deemo_jax.models.from_recipe.with_stems`).
    """

    encoder: Part
    connector: Part
    projector: Part
    stem: str = "encoder"

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
        audio: None for a model without audio.
        video: None for a model without video.
        dtype: compute dtype; parameters keep the dtype that they are stored in.
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
        """How many tokens each branch puts into the sequence."""
        return MediaTokens(*(branch.connector.config.tokens if branch else 0 for branch in (self.audio, self.video)))


class Branch(nn.Module):
    """projector(connector(encoder(raw))).

    Attributes:
        config: the parts.
        width: D, the decoder's.
        dtype: compute dtype.
        backend: of every attention.
    """

    config: BranchConfig
    width: int
    dtype: Any
    backend: Backend

    def setup(self) -> None:
        encoder, connector, projector = self.config.encoder, self.config.connector, self.config.projector
        self.encoder = encoder.module(config=encoder.config, dtype=self.dtype, backend=self.backend)
        self.connector = connector.module(config=connector.config, dtype=self.dtype, backend=self.backend)
        self.projector = projector.module(config=projector.config, width=self.width, dtype=self.dtype)

    def __call__(
        self, raw: Array | None, encoded: Float[Array, "B F P E"] | None = None, *, train: bool = False
    ) -> Float[Array, "B K D"]:
        """Query tokens of the decoder's width.

        Args:
            raw: what the encoder takes: UInt8[B F H W 3] frames, or Float[B M mel time] clips.
            encoded: what `encode` made of them before, in any float dtype; `raw` is not read then.
            train: dropout on; needs an rng named 'dropout'.
        """
        tokens = self.encode(raw) if encoded is None else jnp.asarray(encoded, self.dtype)
        rest = {} if self.config.stem == "encoder" else {"each": False}
        return self.projector(self.connector(tokens, train=train, **rest))

    def encode(self, raw: Any) -> Float[Array, "B F P E"]:
        """What the stem, which never drops out, makes of each frame or clip by itself."""
        tokens = self.encoder(raw)
        return tokens if self.config.stem == "encoder" else self.connector(tokens, join=False)


class DeemoLlama(nn.Module):
    """The model.

    It does not know which parameters are frozen: the training step differentiates with respect to the others only, and
    JAX then keeps nothing of the frozen encoders for the backward pass.

    Attributes:
        config: the parts.
        storage: how the decoder's weights lie in memory; files have those of the default.
    """

    config: DeemoLlamaConfig
    storage: Storage = Storage()

    def setup(self) -> None:
        config = self.config
        dtype, decoder = jnp.dtype(config.dtype.value), config.decoder
        self.decoder = decoder.module(
            config=decoder.config, dtype=dtype, backend=config.attention, storage=self.storage
        )
        width = decoder.config.width
        self.audio = Branch(config.audio, width, dtype, config.attention) if config.audio else None
        self.video = Branch(config.video, width, dtype, config.attention) if config.video else None

    def __call__(self, batch: Batch, *, train: bool = False) -> Float[Array, "B T D"]:
        """Hidden states after the decoder's final norm, for `logits`. State t predicts the token at t + 1.

        Args:
            batch: see `Batch`.
            train: dropout on; needs an rng named 'dropout'.
        """
        return self.decoder(self.embed(batch, train=train), batch.positions, batch.valid)

    def encode(self, modality: str, raw: Array) -> Float[Array, "B F P E"]:
        """What the stem of a branch, 'audio' or 'video', makes of spectrograms or frames, and of nothing else."""
        return getattr(self, modality).encode(raw)

    def embed(self, batch: Batch, *, train: bool = False) -> Float[Array, "B T D"]:
        """The sequence that the decoder reads: embedded text, with media tokens where `batch.slots` says so.

        A slot of a modality whose input and encoded form are both None gives NaN.
        """
        text_BTD = self.decoder.embed(batch.token_ids)
        B, _, D = text_BTD.shape
        counts = self.config.tokens
        sources = (
            (self.audio, batch.mel, batch.encoded_audio, counts.audio),
            (self.video, batch.frames, batch.encoded_video, counts.video),
        )
        media = [
            branch(raw, encoded, train=train)
            if raw is not None or encoded is not None
            else jnp.full((B, count, D), jnp.nan, text_BTD.dtype)
            for branch, raw, encoded, count in sources
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
    """A batch of zeros that every part of the model accepts.

    Args:
        config: of the model.
        batch: B.
        length: T.
        frames: frames of a video.
        clips: audio clips of 2 seconds.
    """
    video = (frames, *config.video.encoder.config.input_shape) if config.video else None
    audio = (clips, *config.audio.encoder.config.input_shape) if config.audio else None
    return Batch.zeros(batch, length, video, audio)


def init_params(model: DeemoLlama, key: Array) -> dict[str, Any]:
    """Random float32 parameters as a plain nested dict; works under `jit` and `eval_shape`."""
    return nn.unbox(model.init(key, jax.tree.map(jnp.asarray, example_batch(model.config)))["params"])


def param_axes(model: DeemoLlama) -> dict[str, Any]:
    """The tree of `init_params` with the logical names of each dimension; those of stacks begin with 'layers'."""
    return axis_names(_abstract(model))


def param_shapes(model: DeemoLlama) -> dict[str, Any]:
    """The tree of `init_params` as `jax.ShapeDtypeStruct`s; nothing is allocated."""
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
