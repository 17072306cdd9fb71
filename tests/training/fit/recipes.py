"""The tiny recipe, for plans."""

import dataclasses
from typing import Any

from deemo_jax.core.recipe import MeshRecipe, Recipe
from tests.training import tiny


def recipe(mesh: MeshRecipe | None = None, batch_size: int = 8, **decoder: Any) -> Recipe:
    """The tiny recipe with this mesh, and changes to its decoder; everything but towers learns."""
    config = tiny.get_config("none").to_dict()
    config["model"] = {**config["model"], "decoder": {**config["model"]["decoder"], **decoder}}
    config["trainable"] = ["!.*/encoder/.*", "!decoder/.*", ".*"]
    config["data"]["batch_size"] = batch_size
    found = Recipe.from_config(config)
    return dataclasses.replace(found, mesh=mesh) if mesh else found
