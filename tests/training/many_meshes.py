"""The whole toy model over several meshes of eight devices: `python -m tests.training.many_meshes FOLDER` prints JSON.

Of each mesh: the losses of 20 steps, bytes on the device that holds most, collectives of the compiled step. Then a
checkpoint goes from eight devices to two and to one, in FOLDER. Everything but the encoders learns, and the vocabulary
has an odd number of rows.
"""

import dataclasses
import itertools
import json
import math
import re
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import jax
import numpy as np

from deemo_jax.core.recipe import MeshRecipe, Recipe
from deemo_jax.core.run_folder.checkpoint import Checkpoints
from deemo_jax.data.prompts import INSTRUCTION_VERSION
from deemo_jax.models.checkpoint_origin import describe
from deemo_jax.models.from_recipe import Setup, abstract_params, make_model
from deemo_jax.models.mesh import make_mesh, put_batch, put_param
from deemo_jax.models.params import split
from deemo_jax.models.placement import placements
from deemo_jax.models.vocabulary import cut_rows
from deemo_jax.models.weights import flatten, unflatten
from deemo_jax.training.resume import fresh, restore
from deemo_jax.training.state import TrainState
from deemo_jax.training.step import lower_step
from tests.models import tiny as toy
from tests.training import tiny

STEPS = 20
MESHES = ((8, 1, 1), (1, 8, 1), (2, 2, 2), (1, 4, 2))
MODEL = {**toy.CONFIG, "decoder": {**toy.LLAMA, "vocab": 41, "remat": "block"}}


def prepared(sizes: Sequence[int], **changes: Any) -> tuple[Recipe, Any, Setup]:
    """Recipe, mesh, and the model with the same random weights on every mesh."""
    config = tiny.get_config("nowhere")
    config.model, config.frozen_dtype = MODEL, "float32"
    config.trainable = ["!.*/encoder/.*", "!decoder/embedding", ".*"]
    config.optimizer.update(lr=1e-3, warmup_steps=0)
    data, fsdp, tensor = sizes
    mesh_recipe = MeshRecipe(data, fsdp, tensor, replicated_below=0)
    recipe = dataclasses.replace(Recipe.from_config(config), mesh=mesh_recipe, **changes)
    mesh = make_mesh(mesh_recipe, jax.devices()[: data * fsdp * tensor])
    model = make_model(recipe, mesh)
    abstract, chosen = abstract_params(model, recipe, mesh)
    values = flatten(toy.built_from(model.config)[1])
    placed = {path: put_param(values[path], leaf.sharding, leaf.shape) for path, leaf in abstract.items()}
    return recipe, mesh, Setup(model, *split(unflatten(placed), chosen))


def examples() -> Any:
    """Eight rows that differ in length and modalities; the last three tokens of each are targets."""
    kinds = (
        [1, 5, toy.AUDIO, 6, toy.VIDEO, 7, 8, 2],
        [1, 9, 10, 4, 2],
        [1, toy.VIDEO, 3, 40, 2],
        [1, 6, toy.AUDIO, 5, 2],
    )
    batch = toy.batch(*kinds, *kinds, length=16)
    lengths = np.asarray(batch.valid).sum(1)[:, None]
    place = np.arange(16)
    mask = ((place >= lengths - 3) & (place < lengths)).astype(np.float32)
    return batch.replace(loss_mask=mask, record_valid=np.ones(8, bool))


def told(sizes: Sequence[int]) -> dict[str, Any]:
    """What the file says of one mesh."""
    recipe, mesh, setup = prepared(sizes)
    batch, state, losses = put_batch(examples(), mesh), fresh(recipe, mesh, setup), []
    step = lower_step(setup.model, recipe, mesh, state, setup.frozen, batch).compile()
    for _ in range(STEPS):
        state, metrics = step(state, setup.frozen, batch)
        losses.append(float(metrics["loss"]))
    rules = [sum(row.device_bytes for row in placements(flatten(tree))) for tree in _abstract(recipe, mesh, setup)]
    return {
        "losses": losses,
        "held": max(_held((state.trainable, state.opt_state, setup.frozen)).values()),
        # Adam has two moments for each parameter that learns.
        "rules": 3 * rules[0] + rules[1],
        "whole": 3 * _bytes(state.trainable) + _bytes(setup.frozen),
        "collectives": sorted(collectives(step.as_text())),
    }


def _abstract(recipe: Recipe, mesh: Any, setup: Setup) -> Any:
    abstract, chosen = abstract_params(setup.model, recipe, mesh)
    return split(unflatten(abstract), chosen)


def _bytes(tree: Any) -> int:
    return sum(leaf.nbytes for leaf in jax.tree.leaves(tree))


def _held(tree: Any) -> dict[int, int]:
    """Bytes on each device."""
    held: dict[int, int] = {}
    for shard in itertools.chain.from_iterable(leaf.addressable_shards for leaf in jax.tree.leaves(tree)):
        held[shard.device.id] = held.get(shard.device.id, 0) + shard.data.nbytes
    return held


# How XLA writes groups of devices: {{0,1},{2,3}}; [2,4]<=[8], two groups of four; or axes of a mesh,
# mesh['a'=2,'b'=4] {'b'}, of which one may be a part, {'b':(1)2}.
LISTED = re.compile(r"\{\{([\d,]+)\}")
COUNTED = re.compile(r"\[\d+,(\d+)\]")
NAMED = re.compile(r"mesh\[(.*?)\].*? \{(.*?)\}")


def collectives(text: str) -> set[tuple[str, int]]:
    """(kind, devices of a group) of every collective in a compiled step."""
    kinds = "all-reduce|all-gather|reduce-scatter|all-to-all"
    found = re.findall(rf" ({kinds})(?:-start)?\(.*?replica_groups=(.*)", text)
    return {(kind, _group_size(groups)) for kind, groups in found}


def _group_size(groups: str) -> int:
    if listed := LISTED.match(groups):
        return listed[1].count(",") + 1
    if counted := COUNTED.match(groups):
        return int(counted[1])
    named = NAMED.match(groups)
    assert named, groups
    sizes = dict(re.findall(r"('\w+')=(\d+)", named[1]))
    axes = re.findall(r"('\w+')(?::\(\d+\)(\d+))?", named[2])
    return math.prod(int(part or sizes[name]) for name, part in axes)


def travels(folder: Path) -> list[str]:
    """The state after a step on (1, 4, 2) goes to (1, 2, 1) and (1, 1, 1); paths of what differs from it anywhere."""
    recipe, mesh, setup = prepared((1, 4, 2))
    batch, state = put_batch(examples(), mesh), fresh(recipe, mesh, setup)
    state, _ = lower_step(setup.model, recipe, mesh, state, setup.frozen, batch).compile()(state, setup.frozen, batch)
    first = _save(folder / "8", recipe, setup, state)
    differing = []
    for source, target, sizes in (("8", "2", (1, 2, 1)), ("2", "1", (1, 1, 1))):
        recipe, mesh, setup = prepared(sizes)
        facts = describe(recipe.resolved(), cut_rows(setup.frozen, 41), INSTRUCTION_VERSION)
        state, _ = restore(recipe, mesh, setup, folder / source, 1, facts["frozen_sha256"])
        found = _save(folder / target, recipe, setup, state)
        for (path, a), (_, b) in zip(jax.tree.leaves_with_path(first), jax.tree.leaves_with_path(found), strict=True):
            if a.dtype != b.dtype or a.tobytes() != b.tobytes():
                differing.append(jax.tree_util.keystr(path))
    return differing


def _save(folder: Path, recipe: Recipe, setup: Setup, state: TrainState) -> Any:
    """Writes a checkpoint, and gives what it holds."""
    facts = describe(recipe.resolved(), cut_rows(setup.frozen, 41), INSTRUCTION_VERSION)
    parts = cut_rows(state.parts(), 41)
    with Checkpoints(folder) as checkpoints:
        checkpoints.save(1, parts, {**facts, "data": {"next_step": 1}})
    return jax.tree.map(np.asarray, parts)


if __name__ == "__main__":
    rows = {str(sizes): told(sizes) for sizes in ((1, 1, 1), *MESHES)}
    print(json.dumps({"meshes": rows, "differing": travels(Path(sys.argv[1]))}))
