"""Outputs of a checkpoint beside those of its public files: PyTorch's side and ours, from the same inputs."""

import itertools
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import numpy as np

from deemo_jax.conversion.io.files import PublicFile
from deemo_jax.conversion.parity import outputs, reference
from deemo_jax.conversion.parity.outputs import Tensors, depths_until
from deemo_jax.models.deemo_llama import DeemoLlamaConfig

Stage = reference.Stage
Files = Mapping[str, PublicFile]
# Name of a part, PyTorch's outputs by name, and ours in the same order.
Pair = tuple[str, Iterable[Stage], Iterable[Any]]


def comparisons(
    config: DeemoLlamaConfig, stored: Tensors, files: Files, layers: int, dtype: Any, rng: np.random.Generator
) -> Iterator[Pair]:
    """Yields every part whose public file is given.

    Args:
        config: of the model; parts that it lacks are left out.
        stored: weights of the checkpoint.
        files: name of a source -> its file.
        layers: of each tower only so many; 0 is all.
        dtype: in which this side computes.
        rng: draws the inputs.
    """
    return itertools.chain(
        _towers(config, stored, files, layers, dtype, rng), _connectors(config, stored, files, dtype, rng)
    )


def _towers(
    config: DeemoLlamaConfig, stored: Tensors, files: Files, layers: int, dtype: Any, rng: Any
) -> Iterator[Pair]:
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


def _connectors(config: DeemoLlamaConfig, stored: Tensors, files: Files, dtype: Any, rng: Any) -> Iterator[Pair]:
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
