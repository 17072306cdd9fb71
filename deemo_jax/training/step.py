"""One optimisation step: loss, gradients of what learns, a guard against NaN, AdamW."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import optax
from jax.sharding import Mesh
from jaxtyping import Array

from deemo_jax.core.recipe import Recipe
from deemo_jax.models import mesh as mesh_lib
from deemo_jax.models.batch import Batch
from deemo_jax.models.deemo_llama import DeemoLlama
from deemo_jax.models.params import Tree, merge
from deemo_jax.training.loss import answer_loss
from deemo_jax.training.optimizer import learning_rate, make_optimizer
from deemo_jax.training.state import TrainState

Metrics = dict[str, Array]
Step = Callable[[TrainState, Tree, Batch], tuple[TrainState, Metrics]]


def make_step(model: DeemoLlama, recipe: Recipe) -> Step:
    """The step as a pure function of (state, frozen parameters, batch).

    Metrics are float32 scalars: `loss`, `grad_norm` (before clipping), `lr`, `targets`, `masked_records`, `skipped` (1
    when loss or gradient were not finite and nothing but the step number changed) and `skipped_in_row`. A batch without
    targets, every record of which is masked, changes nothing but the step number either: no decay, no moments. Branches
    that the recipe's data never shows stay as they are.
    """
    optimizer, resting = make_optimizer(recipe.optimizer), recipe.resting()

    def train_step(state: TrainState, frozen: Tree, batch: Batch) -> tuple[TrainState, Metrics]:
        rng = jax.random.fold_in(jax.random.wrap_key_data(state.rng), state.step)

        def loss_of(trainable: Tree) -> tuple[Array, Array]:
            return answer_loss(model, merge(trainable, frozen), batch, rng)

        with jax.named_scope("loss_and_gradient"):
            (loss, targets), gradient = jax.value_and_grad(loss_of, has_aux=True)(state.trainable)
        with jax.named_scope("update"):
            norm = optax.tree.norm(gradient)
            finite = jnp.isfinite(loss) & jnp.isfinite(norm)
            taught = targets > 0
            rate = learning_rate(recipe.optimizer, recipe.train.steps, state.step)
            direction, opt_state = optimizer.update(gradient, state.opt_state, state.trainable)
            # What is never shown has no gradient; without this, decay alone would wear it away.
            moves = {branch: tree for branch, tree in direction.items() if branch not in resting}
            moves = jax.tree.map(lambda d: -rate * d, moves)
            trainable = {**state.trainable, **optax.apply_updates({b: state.trainable[b] for b in moves}, moves)}

        def keep(new: Any, old: Any) -> Any:
            return jax.tree.map(lambda n, o: jnp.where(finite & taught, n, o), new, old)

        skipped_in_row = jnp.where(taught, jnp.where(finite, 0, state.skipped_in_row + 1), state.skipped_in_row)
        metrics = {
            "loss": loss,
            "grad_norm": norm,
            "lr": rate,
            "targets": targets,
            "masked_records": jnp.sum(~batch.record_valid),
            "skipped": taught & ~finite,
            "skipped_in_row": skipped_in_row,
        }
        state = TrainState(
            step=state.step + 1,
            trainable=keep(trainable, state.trainable),
            opt_state=keep(opt_state, state.opt_state),
            rng=state.rng,
            skipped_in_row=skipped_in_row,
        )
        return state, {key: value.astype(jnp.float32) for key, value in metrics.items()}

    return train_step


def init_state(recipe: Recipe, trainable: Tree) -> TrainState:
    """Step 0. Traceable."""
    return TrainState(
        step=jnp.zeros((), jnp.int32),
        trainable=trainable,
        opt_state=make_optimizer(recipe.optimizer).init(trainable),
        # Not the key of the initialisation: dropout must not repeat its draws.
        rng=jax.random.key_data(jax.random.fold_in(jax.random.key(recipe.seed), 1)),
        skipped_in_row=jnp.zeros((), jnp.int32),
    )


def state_shardings(recipe: Recipe, trainable: Tree, mesh: Mesh) -> TrainState:
    """The state's shardings: Adam's moments lie where their parameters do, all else on every device.

    Args:
        recipe: of the run.
        trainable: sharded arrays, or `jax.ShapeDtypeStruct` with shardings.
        mesh: theirs.
    """
    whole = mesh_lib.replicated(mesh)
    places = jax.tree.map(lambda leaf: leaf.sharding, trainable)
    state = jax.eval_shape(lambda tree: init_state(recipe, tree), trainable)
    moments = optax.tree_map_params(
        make_optimizer(recipe.optimizer),
        lambda _, place: place,
        state.opt_state,
        places,
        transform_non_params=lambda _: whole,
    )
    return TrainState(step=whole, trainable=places, opt_state=moments, rng=whole, skipped_in_row=whole)


def abstract_state(recipe: Recipe, trainable: Tree, mesh: Mesh) -> TrainState:
    """The state as `jax.ShapeDtypeStruct`s with shardings: what a checkpoint is restored into."""

    def place(leaf: Any, sharding: Any) -> jax.ShapeDtypeStruct:
        return jax.ShapeDtypeStruct(leaf.shape, leaf.dtype, sharding=sharding)

    state = jax.eval_shape(lambda tree: init_state(recipe, tree), trainable)
    return jax.tree.map(place, state, state_shardings(recipe, trainable, mesh))


def lower_step(model: DeemoLlama, recipe: Recipe, mesh: Mesh, state: TrainState, frozen: Tree, batch: Batch) -> Any:
    """The step lowered for these (possibly abstract) arguments; `.compile()` gives a function that eats its state.

    It is traced in the mesh's scope, and the shardings are demanded of the outputs too: left to itself, the compiler
    returns gradients and moments whole on every device.
    """
    whole = mesh_lib.replicated(mesh)
    at = jax.tree.map(lambda leaf: leaf.sharding, frozen)
    places = state_shardings(recipe, state.trainable, mesh)
    rows = jax.tree.map(lambda _: mesh_lib.batch_sharding(mesh), batch)
    step = jax.jit(
        make_step(model, recipe), in_shardings=(places, at, rows), out_shardings=(places, whole), donate_argnums=0
    )
    with mesh_lib.scope(mesh):
        return step.lower(state, frozen, batch)
