"""Does a checkpoint compute what PyTorch computes from the files it was made of? Stage by stage, in numbers.

Both sides start from the same random input and go on from their own outputs, so that the last row of a tower bounds all
of it. The decoder is run block by block, so that 7B need no more memory than one of them.
"""

import dataclasses
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import flax.traverse_util
import jax
import jax.numpy as jnp
import numpy as np

from deemo_jax.conversion import reference
from deemo_jax.conversion.files import PublicFile, open_public
from deemo_jax.errors import UserError
from deemo_jax.models import llama
from deemo_jax.models.attention import Backend, make_mask
from deemo_jax.models.deemo_llama import DeemoLlamaConfig
from deemo_jax.models.imagebind import ImageBindAudio, ImageBindConfig
from deemo_jax.models.layers import RMSNorm
from deemo_jax.models.qformer import QFormer, QFormerConfig
from deemo_jax.models.vit import ViT, ViTConfig
from deemo_jax.models.weights import Stored, open_tensors
from deemo_jax.training.recipe import Recipe

# Greatest difference, relative to the norm of PyTorch's output. Float32 towers come within a few 1e-6 of each other
# after tens of blocks; bfloat16 keeps 8 bits, and a layer loses about half of the last one.
BOUNDS = {"float32": 1e-4, "bfloat16": 5e-2}

Stage = reference.Stage
Tensors = Mapping[str, Stored]


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


def compare(recipe: Recipe, out: Path, sources: Mapping[str, str], layers: int = 0, seed: int = 0) -> list[Row]:
    """Compares every tower whose source is given.

    Args:
        recipe: of the conversion; its dtype is that in which this side computes.
        out: the checkpoint.
        sources: name -> path, as for the conversion.
        layers: of each tower only so many; 0 is all.
        seed: of the inputs.

    Raises:
        UserError: no source to compare with, or PyTorch is not installed.
    """
    config, stored = DeemoLlamaConfig.from_config(recipe.model), open_tensors(out)
    dtype = jnp.dtype(config.dtype.value)
    rng = np.random.default_rng(seed)
    rows = []
    files = {name: open_public(path) for name, path in sources.items()}
    for name, pairs in _comparisons(config, stored, files, layers, dtype, rng):
        for (stage, theirs), ours in pairs:
            rows.append(_row(f"{name}: {stage}", ours, theirs, BOUNDS[dtype.name]))
    if not rows:
        raise UserError("nothing to compare: name the sources that the checkpoint was made of")
    return rows


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


def _row(name: str, ours: Any, theirs: np.ndarray, bound: float) -> Row:
    wanted = theirs.astype(np.float64)
    difference = np.asarray(ours).astype(np.float64).reshape(wanted.shape) - wanted
    relative = np.linalg.norm(difference) / max(float(np.linalg.norm(wanted)), 1e-30)
    # A NaN is no small difference.
    return Row(name, float(np.abs(difference).max()), float(np.nan_to_num(relative, nan=np.inf)), bound)


def _comparisons(
    config: DeemoLlamaConfig, stored: Tensors, files: Mapping[str, PublicFile], layers: int, dtype: Any, rng: Any
) -> Iterator[tuple[str, Iterator[tuple[Stage, Any]]]]:
    def normal(*shape: int) -> np.ndarray:
        return rng.standard_normal(shape, np.float32)

    tower = files.get("eva_vit_g", files.get("blip2_hf"))
    norm = files.get("blip2", files.get("blip2_hf"))
    if tower and norm and config.video:
        sizes = config.video.encoder.config
        pixels, depths = normal(1, sizes.image, sizes.image, 3), _depths(sizes.depth, layers)
        get, of_norm = reference.getter(tower), reference.getter(norm)
        theirs = reference.vision_tower(get, "eva_vit_g" not in files, of_norm, sizes, depths, pixels)
        yield "ViT", zip(theirs, _vision_tower(stored, sizes, depths, pixels, dtype), strict=True)
    if "imagebind" in files and config.audio:
        sizes = config.audio.encoder.config
        mel, depths = normal(2, sizes.mel_bins, sizes.mel_frames), _depths(sizes.depth, layers)
        theirs = reference.imagebind(reference.getter(files["imagebind"]), sizes, depths, mel)
        yield "ImageBind", zip(theirs, _imagebind(stored, sizes, depths, mel, dtype), strict=True)
    for name, mount, sizes, width, file, prefix, queries in _qformers(config, files):
        tokens = normal(2, 20, width)
        wanted = reference.qformer(file, prefix, queries, sizes, tokens)
        yield name, iter([(("queries out", wanted), _qformer(stored, mount, sizes, tokens, dtype))])
    if "llama" in files:
        sizes = config.decoder.config
        ids, depth = rng.integers(0, sizes.vocab, (1, 12)), min(layers or sizes.depth, sizes.depth)
        theirs = reference.decoder(files["llama"], files["llama"].path, depth, ids)
        yield "decoder", zip(theirs, _decoder(stored, sizes, depth, ids, dtype), strict=True)


def _qformers(config: DeemoLlamaConfig, files: Mapping[str, PublicFile]) -> Iterator[tuple[Any, ...]]:
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


def _vision_tower(
    stored: Tensors, config: ViTConfig, depths: list[int], pixels: np.ndarray, dtype: Any
) -> Iterator[Any]:
    params = _subtree(stored, "video/encoder")
    for depth in depths:
        cut = dataclasses.replace(config, depth=depth, output_norm=False)
        yield ViT(cut, dtype).apply({"params": _first(params, depth)}, pixels)
    if depths[-1] == config.depth:
        yield ViT(config, dtype).apply({"params": params}, pixels)


def _imagebind(
    stored: Tensors, config: ImageBindConfig, depths: list[int], mel: np.ndarray, dtype: Any
) -> Iterator[Any]:
    params = _subtree(stored, "audio/encoder")
    for depth in depths:
        cut = dataclasses.replace(config, depth=depth, output="patches")
        yield ImageBindAudio(cut, dtype).apply({"params": _first(params, depth)}, mel)
    if depths[-1] == config.depth and config.output == "vector":
        yield ImageBindAudio(config, dtype).apply({"params": params}, mel)


def _decoder(
    stored: Tensors, config: llama.LlamaConfig, depth: int, ids: np.ndarray, dtype: Any
) -> Iterator[jax.Array]:
    x: Any = jnp.asarray(stored["decoder/embedding"][...])[ids].astype(dtype)
    yield x
    slots = jnp.broadcast_to(jnp.arange(ids.shape[1]), ids.shape)
    angles = slots[..., None] * jnp.asarray(llama.rope_frequencies(config), jnp.float32)
    mask = make_mask(jnp.ones(ids.shape, bool), slots)
    block = llama.Block(config, dtype, Backend.REFERENCE)
    run = jax.jit(lambda params, x: block.apply({"params": params}, (x, None), angles, mask, 0, 0)[0][0])
    for index in range(depth):
        x = run(_subtree(stored, "decoder/blocks", index), x)
        yield x
    if depth < config.depth:
        return
    x = RMSNorm(config.eps, dtype).apply({"params": _subtree(stored, "decoder/norm")}, x)
    head = jnp.asarray(stored["decoder/head"][...]).astype(dtype)
    yield jnp.einsum("BTD,DV->BTV", x, head, preferred_element_type=jnp.float32)


def _qformer(stored: Tensors, mount: str, config: QFormerConfig, tokens: np.ndarray, dtype: Any) -> Any:
    return QFormer(config, dtype).apply({"params": _subtree(stored, mount)}, tokens)


def _first(params: dict[str, Any], depth: int) -> dict[str, Any]:
    return params | {"blocks": jax.tree.map(lambda rows: rows[:depth], params["blocks"])}


def _depths(depth: int, layers: int) -> list[int]:
    """1, 2, 4, ... and the last: enough to see where a difference begins."""
    last = min(layers or depth, depth)
    return sorted({min(1 << power, last) for power in range(last.bit_length() + 1)})


def _subtree(stored: Tensors, mount: str, row: int | None = None) -> dict[str, Any]:
    """The tensors under a path as a nested dict; of stacked ones, one row."""
    flat = {
        path.removeprefix(f"{mount}/"): tensor[...] if row is None else tensor[row]
        for path, tensor in stored.items()
        if path.startswith(f"{mount}/")
    }
    return flax.traverse_util.unflatten_dict(flat, sep="/")
