"""Frozen encoders of a recipe, which turn the frames and the sound of a clip into a vector each.

Axes: V variants of a clip, F frames, M mel clips, D features.
"""

import dataclasses
import runpy
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, UInt8

from deemo_jax.core.errors import UserError
from deemo_jax.core.recipe import Recipe
from deemo_jax.models.deemo_llama import DeemoLlamaConfig
from deemo_jax.models.parts.imagebind import ImageBindAudio
from deemo_jax.models.parts.vit import ViT
from deemo_jax.models.weights import load_tree


@dataclasses.dataclass(frozen=True)
class Towers:
    """Two frozen encoders.

    Attributes:
        see: RGB frames, uint8 (V, F, side, side, 3), to vectors, float32 (V, D): the class token, and mean and maximum
            of the patch tokens; of each, mean and standard deviation over frames.
        hear: log-mel spectrograms, float32 (V, M, 128, 204), to vectors, float32 (V, E): the mean over spectrograms.
        side: of the frames, pixels.
    """

    see: Callable[[UInt8[np.ndarray, "V F H W 3"]], Float[Array, "V D"]]
    hear: Callable[[Float[np.ndarray, "V M 128 204"]], Float[Array, "V E"]]
    side: int


def towers_of(path: Path) -> Towers:
    """The encoders of a recipe, with the weights that its `init` names; a relative path counts from the current folder.

    Args:
        path: of the recipe's file.

    Raises:
        UserError: it is no recipe, or its `init` is empty; or as `load_towers`.
    """
    try:
        config = runpy.run_path(str(path))["get_config"]()
    except (OSError, ImportError, KeyError, SyntaxError, ValueError) as error:
        raise UserError(f"--towers {path}: is no recipe ({error}); name one, as for train --config") from error
    recipe = Recipe.from_config(config)
    if not recipe.init:
        raise UserError(f"--towers {path}: its config.init is empty; name a recipe that begins with trained encoders")
    return load_towers(recipe.model, Path(recipe.init))


def load_towers(model: Mapping[str, Any], weights: Path) -> Towers:
    """The towers of a recipe's model.

    Args:
        model: plain data; a ViT for frames, an audio trunk that gives vectors.
        weights: a safetensors tree that holds both.

    Raises:
        UserError: the file cannot be read, or it is not of this model.
    """
    config, tree = DeemoLlamaConfig.from_config(model), load_tree(weights)
    try:
        assert config.video is not None and config.audio is not None
        frames, sound = tree["video"]["encoder"], tree["audio"]["encoder"]
    except KeyError as error:
        raise UserError(f"{weights}: lacks the tower {error}; give a file that has both") from error
    vit, trunk = ViT(config.video.encoder.config), ImageBindAudio(config.audio.encoder.config)

    @jax.jit
    def see(pictures: UInt8[Array, "V F H W 3"]) -> Float[Array, "V D"]:
        tokens = _applied(vit, frames, pictures)
        patches = tokens[..., 1:, :]
        of_frame = jnp.concatenate([tokens[..., 0, :], patches.mean(axis=-2), patches.max(axis=-2)], axis=-1)
        return jnp.concatenate([of_frame.mean(axis=1), of_frame.std(axis=1)], axis=-1)

    @jax.jit
    def hear(mel: Float[Array, "V M 128 204"]) -> Float[Array, "V E"]:
        return _applied(trunk, sound, mel)[..., 0, :].mean(axis=1)

    return Towers(see, hear, config.video.encoder.config.image)


def _applied(module: nn.Module, params: Mapping[str, Any], given: Array) -> Any:
    return module.apply({"params": params}, given)
