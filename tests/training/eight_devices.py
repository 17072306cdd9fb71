"""Three steps of a decoder on one device and on eight: `python -m tests.training.eight_devices` prints both as JSON.

A process has as many devices as its flags say when it starts.
"""

import dataclasses
import json
from typing import Any

import jax
import numpy as np

from deemo_jax.core.recipe import MeshRecipe, Recipe
from deemo_jax.models.deemo_llama import DeemoLlamaConfig
from deemo_jax.models.from_recipe import Setup, abstract_params
from deemo_jax.models.mesh import make_mesh, put_batch, put_param
from deemo_jax.models.params import split
from deemo_jax.models.weights import flatten, unflatten
from deemo_jax.training.resume import fresh
from deemo_jax.training.step import lower_step
from tests.models import tiny as toy
from tests.training import tiny


def steps(mesh_recipe: MeshRecipe, devices: int) -> list[dict[str, Any]]:
    """Of each step loss and norm of the gradient, and in how many pieces the decoder's head lies then."""
    recipe = Recipe.from_config(tiny.get_config("nowhere"))
    recipe = dataclasses.replace(recipe, mesh=mesh_recipe, trainable=("!decoder/embedding", ".*"))
    mesh = make_mesh(mesh_recipe, jax.devices()[:devices])
    model, params = toy.built_from(DeemoLlamaConfig.from_config({"decoder": toy.LLAMA}))
    abstract, chosen = abstract_params(model, recipe, mesh)
    placed = {path: put_param(leaf, abstract[path].sharding) for path, leaf in flatten(params).items()}
    setup = Setup(model, *split(unflatten(placed), chosen))
    batch = toy.batch([1, 5, 6, 7, 2], [1, 9, 8, 2], [1, 4, 2], [1, 5, 2], length=8)
    batch = batch.replace(
        frames=None, mel=None, loss_mask=batch.valid.astype(np.float32), record_valid=np.ones(4, bool)
    )
    placed_batch, state, rows = put_batch(batch, mesh), fresh(recipe, mesh, setup), []
    step = lower_step(model, recipe, mesh, state, setup.frozen, placed_batch).compile()
    for _ in range(3):
        state, metrics = step(state, setup.frozen, placed_batch)
        shards = state.trainable["decoder"]["head"].addressable_shards
        found = {name: float(metrics[name]) for name in ("loss", "grad_norm")}
        rows.append(found | {"pieces": len({str(shard.index) for shard in shards})})
    return rows


if __name__ == "__main__":
    one = steps(MeshRecipe(replicated_below=0), 1)
    print(json.dumps([one, steps(MeshRecipe(data=2, fsdp=2, tensor=2, replicated_below=0), 8)]))
