"""Writes connectors that were trained here under Video-LLaMA's and BLIP-2's names, for their PyTorch code to load."""

import re
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import numpy as np
import safetensors.numpy

from deemo_jax.conversion.tables import connectors
from deemo_jax.conversion.tables.blip2 import blip2_qformer
from deemo_jax.conversion.tables.rules import WeightTable, covered, expected, to_public
from deemo_jax.core.errors import UserError
from deemo_jax.core.files import atomic
from deemo_jax.generation.load import load_run
from deemo_jax.models.deemo_llama import DeemoLlamaConfig
from deemo_jax.models.params import is_trainable
from deemo_jax.models.weights import TRAINED_PARTS, flatten

# Paths of the parameters that are written.
CONNECTORS = re.compile(TRAINED_PARTS)


def public_connectors(
    config: DeemoLlamaConfig, params: Mapping[str, np.ndarray], trained: Callable[[str], bool]
) -> dict[str, np.ndarray]:
    """Connectors and projectors under public names, in public shapes, float32.

    Args:
        config: of the model.
        params: path -> value.
        trained: whether the parameter of a path was trained; a frame Q-Former that was not is left out, as it is
            BLIP-2's own.

    Raises:
        UserError: a trained parameter of a connector has no public name, or none was trained.
    """
    tables = list(_tables(config, trained))
    public: dict[str, np.ndarray] = {}
    reached: set[str] = set()
    for table in tables:
        public |= to_public(table, params)
        reached |= covered(expected(table, params))
    nameless = [path for path in params if CONNECTORS.fullmatch(path) and trained(path) and path not in reached]
    if nameless or not public:
        raise UserError(f"no public name for {', '.join(nameless[:5]) or 'anything that was trained'}; it stays here")
    return {key: np.asarray(value, np.float32) for key, value in public.items()}


def _tables(config: DeemoLlamaConfig, trained: Callable[[str], bool]) -> Iterator[WeightTable]:
    video, audio = config.video, config.audio
    if video and video.connector.name == "per_frame":
        yield connectors.video_llama(video.connector.config.video.cross_every).mounted("video")
        if trained("video/connector/frame_qformer/queries"):
            yield blip2_qformer(video.connector.config.frame.cross_every).mounted("video/connector/frame_qformer")
    if video and video.connector.name == "joint":
        yield blip2_qformer(video.connector.config.qformer.cross_every).mounted("video/connector/qformer")
        yield connectors.minigpt4().mounted("video")
    if audio and audio.connector.name == "clips":
        yield connectors.video_llama_audio(audio.connector.config.qformer.cross_every).mounted("audio")


def write_connectors(workdir: str, out: Path) -> str:
    """Writes a run's connectors.

    Args:
        workdir: of the run.
        out: a file whose name ends in .pth (tensors under 'model', as in Video-LLaMA's files; needs PyTorch) or in
            .safetensors.

    Returns:
        A line on what was written.

    Raises:
        UserError: no run, no such connector, or the file cannot be written.
    """
    if out.suffix not in (".pth", ".safetensors"):
        raise UserError(f"{out}: give the file a name that ends in .pth or .safetensors")
    recipe, model, params = load_run(workdir)
    values = {path: np.asarray(leaf) for path, leaf in flatten(params).items()}
    public = public_connectors(model.config, values, lambda path: is_trainable(path, recipe.trainable))
    with atomic(out) as temporary:
        if out.suffix == ".safetensors":
            safetensors.numpy.save_file(public, temporary, {"format": "pt"})  # as readers of PyTorch's files ask for
        else:
            _save_pickle(public, temporary)
    return f"{out}: {len(public)} tensors, {sum(value.size for value in public.values()):,} parameters"


def _save_pickle(public: dict[str, np.ndarray], path: Path) -> None:
    try:
        import torch
    except ImportError as error:
        raise UserError("writing .pth needs PyTorch: make setup EXTRAS=convert; or name a .safetensors file") from error
    torch.save({"model": {key: torch.from_numpy(value.copy()) for key, value in public.items()}}, path)
