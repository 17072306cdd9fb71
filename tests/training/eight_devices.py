"""Run by test_mesh.py on eight emulated devices: three steps there and on one, and a checkpoint moved to two."""

import json
import sys
from pathlib import Path

import jax
import numpy as np

from deemo_jax.data.pipeline import make_pipeline
from deemo_jax.training import mesh as mesh_lib
from deemo_jax.training import state as state_lib
from deemo_jax.training import step as step_lib
from deemo_jax.training.checkpoint import Checkpoints
from deemo_jax.training.recipe import Recipe
from deemo_jax.training.setup import Setup, build
from tests.training import tiny


def recipe(data_dir: str, **mesh: int) -> Recipe:
    config = tiny.get_config(data_dir)
    config.mesh = {"data": 2, "replicated_below": 0} | mesh
    return Recipe.from_config(config)


def run(recipe: Recipe, devices: int) -> tuple[list[float], Setup, step_lib.TrainState]:
    mesh = mesh_lib.make_mesh(recipe.mesh, jax.devices()[:devices])
    setup = build(recipe, mesh)
    frozen = state_lib.content_hash(setup.frozen)
    state = jax.jit(
        lambda tree: step_lib.init_state(recipe, tree),
        out_shardings=step_lib.state_shardings(recipe, setup.trainable, mesh),
    )(setup.trainable)
    sizes = setup.model.config
    pipeline = make_pipeline(
        recipe.resolved(), audio_tokens=sizes.audio_tokens, video_tokens=sizes.video_tokens, train=True
    )
    first = mesh_lib.put_batch(pipeline.batch_at(0), mesh)
    step = step_lib.lower_step(setup.model, recipe, mesh, state, setup.frozen, first).compile()
    losses = []
    for number in range(3):
        state, metrics = step(state, setup.frozen, mesh_lib.put_batch(pipeline.batch_at(number), mesh))
        losses.append(float(metrics["loss"]))
    found["frozen_hash"][str(devices)] = frozen
    found["losses"][str(devices)] = losses
    return losses, setup, state


if __name__ == "__main__":
    found: dict = {"losses": {}, "frozen_hash": {}}
    data_dir, folder = sys.argv[1:]
    _, setup, state = run(recipe(data_dir, fsdp=2, tensor=2), 8)
    query = state.trainable["decoder"]["blocks"]["query"]["kernel"]
    moments = [leaf for leaf in jax.tree.leaves(state.opt_state) if leaf.shape == query.shape]
    found["sharded"] = {
        "decoder/blocks/query/kernel": query.addressable_shards[0].data.shape,
        "moments": moments[0].addressable_shards[0].data.shape,
    }
    run(recipe(data_dir, data=1), 1)
    with Checkpoints(Path(folder) / "checkpoints") as checkpoints:
        checkpoints.save(3, state, {})
        checkpoints.wait()
        fewer = recipe(data_dir, data=1, fsdp=2)
        mesh = mesh_lib.make_mesh(fewer.mesh, jax.devices()[:2])
        target = step_lib.abstract_state(fewer, build(fewer, mesh, with_trainable=False).trainable, mesh)
        moved = checkpoints.restore(3, target)
    kernel = moved.trainable["decoder"]["blocks"]["query"]["kernel"]
    found["restored_on"] = len(kernel.sharding.device_set)
    found["restored_equal"] = jax.tree.all(
        jax.tree.map(lambda a, b: np.array_equal(np.asarray(a), np.asarray(b)), moved, state)
    )
    print(json.dumps(found))
