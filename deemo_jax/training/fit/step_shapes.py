"""The step that training runs, with abstract arguments: shapes, dtypes and places, and nothing allocated."""

import dataclasses
import math
from typing import Any

import jax
from jax.sharding import Mesh

from deemo_jax.core.recipe import Recipe
from deemo_jax.models import mesh as mesh_lib
from deemo_jax.models.batch import Batch
from deemo_jax.models.deemo_llama import DeemoLlama, example_batch
from deemo_jax.models.from_recipe import abstract_params, make_model
from deemo_jax.models.params import Tree, split
from deemo_jax.models.weights import unflatten
from deemo_jax.training.state import TrainState
from deemo_jax.training.step import abstract_state, lower_step, make_step


@dataclasses.dataclass(frozen=True)
class StepShapes:
    """A step of a recipe on a mesh.

    Attributes:
        recipe: of the run.
        mesh: the devices, which need not be there.
        model: the modules.
        state, frozen, batch: the step's arguments as `jax.ShapeDtypeStruct`s with shardings.
    """

    recipe: Recipe
    mesh: Mesh
    model: DeemoLlama
    state: TrainState
    frozen: Tree
    batch: Batch

    @property
    def shares(self) -> int:
        """How many shares the batch is cut into."""
        return math.prod(self.mesh.shape[axis] for axis in mesh_lib.BATCH)

    def lower(self) -> Any:
        """What `deemo_jax.training.loop` compiles, lowered for the mesh."""
        return lower_step(self.model, self.recipe, self.mesh, self.state, self.frozen, self.batch)

    def trace_share(self) -> Any:
        """The jaxpr of the step on one share of the batch with all parameters whole."""
        rows = self.recipe.data.batch_size // self.shares
        batch = jax.tree.map(lambda leaf: jax.ShapeDtypeStruct((rows, *leaf.shape[1:]), leaf.dtype), self.batch)
        state, frozen = jax.tree.map(
            lambda leaf: jax.ShapeDtypeStruct(leaf.shape, leaf.dtype), (self.state, self.frozen)
        )
        return jax.make_jaxpr(make_step(self.model, self.recipe))(state, frozen, batch)

    def changed(self, recipe: Recipe) -> "StepShapes":
        """The step of a recipe that differs in its batch size, and in what the backward pass recomputes, only.

        Raises:
            UserError: the batch does not divide over the mesh.
        """
        model = make_model(recipe, self.mesh)
        return dataclasses.replace(self, recipe=recipe, model=model, batch=_batch(recipe, self.mesh, model))


def step_shapes(recipe: Recipe, mesh: Mesh) -> StepShapes:
    """The step of a recipe on a mesh.

    Raises:
        UserError: the mesh or the batch do not go with the model.
    """
    model = make_model(recipe, mesh)
    batch = _batch(recipe, mesh, model)
    abstract, chosen = abstract_params(model, recipe, mesh)
    trainable, frozen = split(unflatten(abstract), chosen)
    return StepShapes(recipe, mesh, model, abstract_state(recipe, trainable, mesh), frozen, batch)


def _batch(recipe: Recipe, mesh: Mesh, model: DeemoLlama) -> Batch:
    data, rows = recipe.data, mesh_lib.batch_sharding(mesh)
    mesh_lib.check_batch(mesh, data.batch_size, recipe.optimizer.accumulate)
    example = example_batch(model.config, 1, data.max_length, data.frames, data.clips)
    size = data.batch_size
    return jax.tree.map(lambda leaf: jax.ShapeDtypeStruct((size, *leaf.shape[1:]), leaf.dtype, sharding=rows), example)
