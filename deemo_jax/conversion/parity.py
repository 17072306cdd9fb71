"""Does a checkpoint compute what PyTorch computes from the files it was made of? Stage by stage, in numbers.

Both sides start from the same random input and go on from their own outputs, so that the last row of a tower bounds all
of it. The decoder is run block by block, so that 7B need no more memory than one of them.
"""

import dataclasses
import itertools
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import jax.numpy as jnp
import numpy as np

from deemo_jax.conversion import outputs, reference
from deemo_jax.conversion.checkpoint import reopened, stored_weights
from deemo_jax.conversion.files import PublicFile
from deemo_jax.conversion.outputs import Tensors, depths_until
from deemo_jax.errors import UserError
from deemo_jax.models.deemo_llama import DeemoLlamaConfig
from deemo_jax.training.recipe import Recipe

# Greatest difference, relative to the norm of PyTorch's output. Float32 towers come within a few 1e-6 of each other
# after tens of blocks; bfloat16 keeps 8 bits, and a layer loses about half of the last one.
BOUNDS = {"float32": 1e-4, "bfloat16": 5e-2}

Stage = reference.Stage
Files = Mapping[str, PublicFile]


@dataclasses.dataclass(frozen=True)
class Row:
    """One comparison.

    Attributes:
        name: of the output.
        max_abs: greatest absolute difference.
        relative: norm of the difference over the norm of PyTorch's.
        bound: that `relative` must keep.
    """

    name: str
    max_abs: float
    relative: float
    bound: float

    @property
    def passed(self) -> bool:
        return self.relative <= self.bound


def compare(
    recipe: Recipe,
    out: Path,
    sources: Mapping[str, str],
    layers: int = 0,
    *,
    allow_extra: str | None = None,
    seed: int = 0,
) -> list[Row]:
    """Compares every tower whose source is given.

    Args:
        recipe: of the conversion; its dtype is that in which this side computes.
        out: the checkpoint.
        sources: name -> path, as for the conversion, all or some of them.
        layers: of each tower only so many; 0 is all.
        allow_extra: as for the conversion.
        seed: of the inputs.

    Raises:
        UserError: no source to compare with, PyTorch is not installed, or see `reopened`.
    """
    plan = reopened(out, recipe, sources, allow_extra)[1]
    files = {source.name: source.file for source in plan.sources}
    return rows(DeemoLlamaConfig.from_config(recipe.model), stored_weights(out, plan), files, layers, seed)


def rows(config: DeemoLlamaConfig, stored: Tensors, files: Files, layers: int = 0, seed: int = 0) -> list[Row]:
    """The comparisons of `compare`, for files and a checkpoint that belong together.

    Raises:
        UserError: no source to compare with.
    """
    dtype, rng = jnp.dtype(config.dtype.value), np.random.default_rng(seed)
    comparisons = itertools.chain(
        _towers(config, stored, files, layers, dtype, rng), _connectors(config, stored, files, dtype, rng)
    )
    found = [
        compared(f"{name}: {stage}", ours, theirs, BOUNDS[dtype.name])
        for name, theirs_all, ours_all in comparisons
        for (stage, theirs), ours in zip(theirs_all, ours_all, strict=True)
    ]
    if not found:
        raise UserError("nothing to compare: name the sources that the checkpoint was made of")
    return found


def table(rows: list[Row]) -> str:
    """The rows as text."""
    width = max(len(row.name) for row in rows)
    lines = [f"{'output':<{width}}  {'max abs':>9}  {'relative':>9}  {'bound':>8}  verdict"]
    lines += [
        f"{row.name:<{width}}  {row.max_abs:>9.2e}  {row.relative:>9.2e}  {row.bound:>8.0e}  "
        f"{'same' if row.passed else 'DIFFERENT'}"
        for row in rows
    ]
    return "\n".join(lines)


def compared(name: str, ours: Any, theirs: np.ndarray, bound: float) -> Row:
    """One comparison; a difference that is not a number is as bad as an infinite one."""
    wanted = theirs.astype(np.float64)
    with np.errstate(invalid="ignore"):  # infinity less infinity
        difference = np.asarray(ours).astype(np.float64).reshape(wanted.shape) - wanted
        relative = np.linalg.norm(difference) / max(float(np.linalg.norm(wanted)), 1e-30)
    return Row(name, float(np.abs(difference).max()), float(np.nan_to_num(relative, nan=np.inf)), bound)


def _towers(
    config: DeemoLlamaConfig, stored: Tensors, files: Files, layers: int, dtype: Any, rng: Any
) -> Iterator[tuple[str, Iterable[Stage], Iterable[Any]]]:
    def normal(*shape: int) -> np.ndarray:
        return rng.standard_normal(shape, np.float32)

    tower = files.get("eva_vit_g", files.get("blip2_hf"))
    norm = files.get("blip2", files.get("blip2_hf"))
    if tower and norm and config.video:
        sizes = config.video.encoder.config
        pixels, depths = normal(1, sizes.image, sizes.image, 3), depths_until(sizes.depth, layers)
        in_hugging_face = "eva_vit_g" not in files
        theirs = reference.vision_tower(tower, in_hugging_face, reference.getter(norm), sizes, depths, pixels)
        yield "ViT", theirs, outputs.vision_tower(stored, sizes, depths, pixels, dtype)
    if "imagebind" in files and config.audio:
        sizes = config.audio.encoder.config
        mel, depths = normal(2, sizes.mel_bins, sizes.mel_frames), depths_until(sizes.depth, layers)
        theirs = reference.imagebind(reference.getter(files["imagebind"]), sizes, depths, mel)
        yield "ImageBind", theirs, outputs.imagebind(stored, sizes, depths, mel, dtype)
    if "llama" in files:
        sizes = config.decoder.config
        ids, depth = rng.integers(0, sizes.vocab, (1, 12)), min(layers or sizes.depth, sizes.depth)
        theirs = reference.decoder(files["llama"], files["llama"].path, depth, ids)
        yield "decoder", theirs, outputs.decoder(stored, sizes, depth, ids, dtype)


def _connectors(
    config: DeemoLlamaConfig, stored: Tensors, files: Files, dtype: Any, rng: Any
) -> Iterator[tuple[str, Iterable[Stage], Iterable[Any]]]:
    for name, mount, sizes, width, file, prefix, queries in _qformers(config, files):
        tokens = rng.standard_normal((2, 20, width), np.float32)
        theirs = reference.qformer(file, prefix, queries, sizes, tokens)
        yield name, theirs, outputs.qformer(stored, mount, sizes, tokens, dtype)
    for name, path, key, file in _positions(files):
        places, width = stored[path].shape
        tokens = rng.standard_normal((2, places, 3, width), np.float32)
        theirs = reference.positions(reference.getter(file), key, tokens)
        yield name, theirs, outputs.positions(stored, path, tokens, dtype)
    for name, mount, key, file in _projections(files):
        tokens = rng.standard_normal((2, 3, stored[f"{mount}/linear/kernel"].shape[0]), np.float32)
        theirs = reference.projection(reference.getter(file), key, tokens)
        yield name, theirs, outputs.projector(stored, mount, tokens, dtype)


def _positions(files: Files) -> Iterator[tuple[str, str, str, PublicFile]]:
    if "video_llama" in files:
        key = "video_frame_position_embedding.weight"
        yield "frame positions", "video/connector/frame_positions", key, files["video_llama"]
    if "video_llama_audio" in files:
        key = "audio_position_embedding.weight"
        yield "clip positions", "audio/connector/clip_positions", key, files["video_llama_audio"]


def _projections(files: Files) -> Iterator[tuple[str, str, str, PublicFile]]:
    for source in ("video_llama", "minigpt4"):
        if source in files:
            yield "video projection", "video/projector", "llama_proj", files[source]
    if "video_llama_audio" in files:
        yield "audio projection", "audio/projector", "audio_llama_proj", files["video_llama_audio"]


def _qformers(config: DeemoLlamaConfig, files: Files) -> Iterator[tuple[Any, ...]]:
    video, audio = config.video, config.audio
    blip2 = next(((name, files[name]) for name in ("blip2", "blip2_hf") if name in files), None)
    if video and blip2:
        joint = video.connector.name == "joint"
        sizes = video.connector.config.qformer if joint else video.connector.config.frame
        mount = f"video/connector/{'qformer' if joint else 'frame_qformer'}"
        prefix = "Qformer.bert." if blip2[0] == "blip2" else "qformer."
        yield "BLIP-2 Q-Former", mount, sizes, video.encoder.config.width, blip2[1], prefix, "query_tokens"
    if video and "video_llama" in files:
        connector, file = video.connector.config, files["video_llama"]
        names = "video_Qformer.bert.", "video_query_tokens"
        yield "video Q-Former", "video/connector/video_qformer", connector.video, connector.frame.width, file, *names
    if audio and "video_llama_audio" in files:
        encoder, file = audio.encoder.config, files["video_llama_audio"]
        width = encoder.head if encoder.output == "vector" else encoder.width
        names = "audio_Qformer.bert.", "audio_query_tokens"
        yield "audio Q-Former", "audio/connector/qformer", audio.connector.config.qformer, width, file, *names
