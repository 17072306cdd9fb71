"""Pairs of outputs for each part of the model: PyTorch's from public files, ours from the checkpoint, same inputs."""

import dataclasses
import itertools
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import numpy as np

from deemo_jax.conversion.io.public_file import PublicFile
from deemo_jax.conversion.parity import our_outputs, pytorch_outputs
from deemo_jax.conversion.parity.our_outputs import Tensors, depths_until
from deemo_jax.conversion.tables.connectors import CLIPS, FRAMES, PROJECTOR
from deemo_jax.models.deemo_llama import DeemoLlamaConfig
from deemo_jax.models.parts.qformer import QFormerConfig
from deemo_jax.systems.blip2.weight_names import QFORMER
from deemo_jax.systems.connector_names import QFormerNames
from deemo_jax.systems.minigpt4.weight_names import PROJECTION
from deemo_jax.systems.video_llama.weight_names import AUDIO_BRANCH, VIDEO_BRANCH

Stage = pytorch_outputs.Stage
Files = Mapping[str, PublicFile]
# Name of a part, PyTorch's outputs with their names, and ours in the same order.
Pair = tuple[str, Iterable[Stage], Iterable[Any]]
# (prefix of a Q-Former's keys, key of its queries) in BLIP-2's Hugging Face layout.
HUGGING_FACE = ("qformer.", "query_tokens")


def comparisons(
    config: DeemoLlamaConfig, stored: Tensors, files: Files, layers: int, dtype: Any, rng: np.random.Generator
) -> Iterator[Pair]:
    """Yields a pair for every part whose public file is given.

    Args:
        config: of the model; parts that it lacks are left out.
        stored: weights of the checkpoint.
        files: name of a source -> its file.
        layers: blocks of each tower that are compared; 0 for all.
        dtype: compute dtype of our side; PyTorch's is float32.
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
        theirs = pytorch_outputs.vision_tower(
            tower, in_hugging_face, pytorch_outputs.getter(norm), sizes, depths, pixels
        )
        yield "ViT", theirs, our_outputs.vision_tower(stored, sizes, depths, pixels, dtype)
    if "imagebind" in files and config.audio:
        sizes = config.audio.encoder.config
        mel, depths = normal(2, sizes.mel_bins, sizes.mel_frames), depths_until(sizes.depth, layers)
        theirs = pytorch_outputs.imagebind(pytorch_outputs.getter(files["imagebind"]), sizes, depths, mel)
        yield "ImageBind", theirs, our_outputs.imagebind(stored, sizes, depths, mel, dtype)
    if "llama" in files:
        sizes = dataclasses.replace(config.decoder.config, lora=None)  # the source has none
        ids, depth = rng.integers(0, sizes.vocab, (1, 12)), min(layers or sizes.depth, sizes.depth)
        theirs = pytorch_outputs.decoder(files["llama"], files["llama"].path, depth, ids)
        yield "decoder", theirs, our_outputs.decoder(stored, sizes, depth, ids, dtype)


def _connectors(config: DeemoLlamaConfig, stored: Tensors, files: Files, dtype: Any, rng: Any) -> Iterator[Pair]:
    for name, mount, sizes, width, file, (prefix, queries) in _qformers(config, files):
        tokens = rng.standard_normal((2, 20, width), np.float32)
        theirs = pytorch_outputs.qformer(file, prefix, queries, sizes, tokens)
        yield name, theirs, our_outputs.qformer(stored, mount, sizes, tokens, dtype)
    for name, path, key, file in _positions(files):
        places, width = stored[path].shape
        tokens = rng.standard_normal((2, places, 3, width), np.float32)
        theirs = pytorch_outputs.positions(pytorch_outputs.getter(file), key, tokens)
        yield name, theirs, our_outputs.positions(stored, path, tokens, dtype)
    for branch, key, file in _projections(files):
        tokens = rng.standard_normal((2, 3, stored[f"{branch}/{PROJECTOR}/kernel"].shape[0]), np.float32)
        theirs = pytorch_outputs.projection(pytorch_outputs.getter(file), key, tokens)
        yield f"{branch} projection", theirs, our_outputs.projector(stored, f"{branch}/projector", tokens, dtype)


def _positions(files: Files) -> Iterator[tuple[str, str, str, PublicFile]]:
    if "video_llama" in files:
        yield "frame positions", f"video/{FRAMES.positions}", VIDEO_BRANCH.positions, files["video_llama"]
    if "video_llama_audio" in files:
        yield "clip positions", f"audio/{CLIPS.positions}", AUDIO_BRANCH.positions, files["video_llama_audio"]


def _projections(files: Files) -> Iterator[tuple[str, str, PublicFile]]:
    """(branch, prefix of the public keys, file)."""
    named = (
        ("video_llama", "video", VIDEO_BRANCH.projection),
        ("minigpt4", "video", PROJECTION.prefix),
        ("video_llama_audio", "audio", AUDIO_BRANCH.projection),
    )
    return ((branch, prefix, files[source]) for source, branch, prefix in named if source in files)


def _qformers(
    config: DeemoLlamaConfig, files: Files
) -> Iterator[tuple[str, str, QFormerConfig, int, PublicFile, tuple[str, str]]]:
    """(name, our path, sizes, width of the tokens that it reads, file, (prefix of public keys, key of the queries))."""
    video, audio = config.video, config.audio
    blip2 = (("blip2", _in_blip2s_code(QFORMER)), ("blip2_hf", HUGGING_FACE))
    source, names = next((pair for pair in blip2 if pair[0] in files), (None, HUGGING_FACE))
    if video and source:
        joint = video.connector.name == "joint"
        sizes = video.connector.config.qformer if joint else video.connector.config.frame
        mount = f"video/connector/{'qformer' if joint else 'frame_qformer'}"
        yield "BLIP-2 Q-Former", mount, sizes, video.encoder.config.width, files[source], names
    if video and "video_llama" in files:
        connector, file = video.connector.config, files["video_llama"]
        width, names = connector.frame.width, _in_blip2s_code(VIDEO_BRANCH.qformer)
        yield "video Q-Former", f"video/{FRAMES.qformer}", connector.video, width, file, names
    if audio and "video_llama_audio" in files:
        encoder, file = audio.encoder.config, files["video_llama_audio"]
        width = encoder.head if encoder.output == "vector" else encoder.width
        names = _in_blip2s_code(AUDIO_BRANCH.qformer)
        yield "audio Q-Former", f"audio/{CLIPS.qformer}", audio.connector.config.qformer, width, file, names


def _in_blip2s_code(names: QFormerNames) -> tuple[str, str]:
    return f"{names.prefix}.bert.", names.queries
