"""The architecture at toy width, shared by the tests of the model; what is run is compiled once and kept.

Parameters are drawn with NumPy: at this size, compiling the initialisation takes longer than everything else.
"""

import functools
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np

from deemo_jax.models.batch import Batch
from deemo_jax.models.deemo_llama import Branch, DeemoLlama, DeemoLlamaConfig, param_shapes

QFORMER = {"width": 16, "heads": 2, "mlp": 32}
PER_FRAME = {
    "name": "per_frame",
    "frame": {**QFORMER, "queries": 3, "depth": 4, "cross_every": 2, "dropout": 0.0, "attention_dropout": 0.0},
    "video": {**QFORMER, "queries": 4, "depth": 2, "cross_every": 1},
    "max_frames": 4,
}
JOINT = {
    "name": "joint",
    "qformer": {**QFORMER, "queries": 4, "depth": 2, "cross_every": 2},
    "frame_embedding": True,
    "max_frames": 4,
}
VIT = {"name": "vit", "width": 16, "depth": 2, "heads": 2, "mlp": 32, "patch": 8, "image": 16}
IMAGEBIND = {"name": "imagebind", "width": 16, "depth": 2, "heads": 2, "mlp": 32, "patch": 16, "stride": 56, "head": 24}
CLIPS = {"name": "clips", "qformer": {**QFORMER, "queries": 3, "depth": 2, "cross_every": 1}, "max_clips": 4}
LLAMA = {"name": "llama", "vocab": 40, "width": 32, "depth": 2, "heads": 4, "kv_heads": 2, "mlp": 48}
CONFIG: dict[str, Any] = {
    "video": {"encoder": VIT, "connector": PER_FRAME, "projector": {"name": "linear"}},
    "audio": {"encoder": IMAGEBIND, "connector": CLIPS, "projector": {"name": "linear"}},
    "decoder": LLAMA,
}
AUDIO, VIDEO = range(3), range(3, 7)
ROWS = [1, 5, AUDIO, 6, VIDEO, 7, 8], [1, 9, 10]
# Another row beside them: what is compiled for three is shared by the tests of hidden states and of decoding.
THREE = *ROWS, [1, VIDEO]
# The same of the model without audio.
SEEN = [1, 5, range(4), 7, 8], [1, 9, 10]


@functools.cache
def jitted(module: nn.Module, method: str | None = None, **static: Any) -> Any:
    """module.apply as a compiled function of (params, *args)."""
    return jax.jit(
        lambda params, *args, **rngs: module.apply({"params": params}, *args, method=method, rngs=rngs, **static)
    )


def initialised(module: nn.Module, *args: Any, method: str | None = None) -> dict[str, Any]:
    """Random parameters of any module, as a plain nested dict."""
    shapes = jax.eval_shape(lambda *args: module.init(jax.random.key(0), *args, method=method), *args)
    return drawn(nn.unbox(shapes["params"]))


def drawn(shapes: dict[str, Any]) -> dict[str, Any]:
    """Values for a tree of shapes: norm scales around 1, all else around 0."""
    rng = np.random.default_rng(0)

    def draw(path: Any, leaf: jax.ShapeDtypeStruct) -> np.ndarray:
        centre = 1.0 if path[-1].key == "scale" else 0.0
        return (centre + 0.25 * rng.standard_normal(leaf.shape)).astype(leaf.dtype)

    return jax.tree_util.tree_map_with_path(draw, shapes)


def config(**changes: Any) -> DeemoLlamaConfig:
    """The toy model; changes replace top-level entries."""
    return DeemoLlamaConfig.from_config({**CONFIG, **changes})


@functools.cache
def built() -> tuple[DeemoLlama, dict[str, Any]]:
    """The toy model and its parameters."""
    return built_from(config())


def branch(model: DeemoLlama, name: str) -> Branch:
    """A model's 'audio' or 'video' branch as a module of its own."""
    config = model.config
    dtype = jnp.dtype(config.dtype.value)
    return Branch(getattr(config, name), config.decoder.config.width, dtype, config.attention)


@functools.cache
def part(missing: str) -> tuple[DeemoLlama, dict[str, Any]]:
    """The toy without its "video", "audio" or "media", which is traced faster; without "audio" its connector is joint.

    What takes time is tracing and compiling, so that a test takes the smallest model that shows what it is about.
    """
    joint = {**CONFIG["video"], "connector": JOINT}
    parts = {
        "video": {"video": None},
        "audio": {"audio": None, "video": joint},
        "media": {"audio": None, "video": None},
    }
    return built_from(config(**parts[missing]))


@jax.jit
def embedded(params: dict[str, Any], batch: Batch) -> tuple[jax.Array, dict[str, jax.Array], dict[str, jax.Array]]:
    """What goes into the decoder of `built()` or `part("audio")`, each branch's tokens, and what its encoder gives."""
    model, _ = built() if "audio" in params else part("audio")
    tokens, encoded = {}, {}
    for name, raw in {"audio": batch.mel, "video": batch.frames}.items():
        if name in params:
            one, values = branch(model, name), {"params": params[name]}
            encoded[name] = one.apply(values, raw, method=lambda one, raw: one.encoder(raw))
            tokens[name] = one.apply(values, None, encoded[name])
    return model.apply({"params": params}, batch, method="embed"), tokens, encoded


def built_from(config: DeemoLlamaConfig) -> tuple[DeemoLlama, dict[str, Any]]:
    """A model and its parameters."""
    model = DeemoLlama(config)
    return model, drawn(param_shapes(model))


def batch(*rows: list[int | range], length: int = 24, frames: int = 2, clips: int = 2, seed: int = 0) -> Batch:
    """A random batch; a row is a list of text ids and of slot ranges (`AUDIO`, `VIDEO`), padded on the right."""
    rng = np.random.default_rng(seed)
    made = Batch.zeros(len(rows), length, (frames, 16, 16, 3), (clips, 128, 204))
    for index, row in enumerate(rows):
        slots = [slot for item in row for slot in (item if isinstance(item, range) else [-1])]
        made.slots[index, : len(slots)] = slots
        made.token_ids[index, : len(slots)][np.array(slots) < 0] = [item for item in row if isinstance(item, int)]
        made.positions[index, : len(slots)] = np.arange(len(slots))
        made.valid[index, : len(slots)] = True
    return made.replace(
        frames=rng.integers(0, 256, made.frames.shape, np.uint8),
        mel=rng.standard_normal(made.mel.shape, np.float32),
    )
