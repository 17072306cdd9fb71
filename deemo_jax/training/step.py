"""One optimisation step: the loss, its gradients for the parameters that learn, AdamW, and no update after a NaN."""

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
from deemo_jax.models.parts.layers import constrain
from deemo_jax.training.loss import answer_loss
from deemo_jax.training.optimizer import learning_rate, make_optimizer
from deemo_jax.training.state import TrainState

Metrics = dict[str, Array]
Step = Callable[[TrainState, Tree, Batch], tuple[TrainState, Metrics]]


def make_step(model: DeemoLlama, recipe: Recipe) -> Step:
    """The step as a pure function of (state, frozen parameters, batch).

    Its metrics are float32 scalars: `loss` (nats), `grad_norm` (before clipping), `lr`, `targets` (their number),
    `masked_records`, `skipped` (1 where loss or gradient were not finite) and `skipped_in_row`. A skipped step, and one
    whose batch has no targets, changes the step number only: no parameter, no moment. Branches of the model that the
    recipe's data never shows are not changed.
    """
    optimizer, resting, parts = make_optimizer(recipe.optimizer), recipe.resting(), recipe.optimizer.accumulate

    def train_step(state: TrainState, frozen: Tree, batch: Batch) -> tuple[TrainState, Metrics]:
        rng = jax.random.fold_in(jax.random.wrap_key_data(state.rng), state.step)

        def loss_of(trainable: Tree, part: Batch, rng: Array) -> tuple[Array, Array]:
            return answer_loss(model, merge(trainable, frozen), part, rng, total=total)

        total = jnp.maximum(batch.loss_mask[:, 1:].sum(), 1.0)
        slope = jax.value_and_grad(loss_of, has_aux=True)
        with jax.named_scope("loss_and_gradient"):
            if parts == 1:
                (loss, targets), gradient = slope(state.trainable, batch, rng)
            else:
                (loss, targets), gradient = _accumulated(slope, state.trainable, batch, rng, parts)
        with jax.named_scope("update"):
            norm = optax.tree.norm(gradient)
            finite = jnp.isfinite(loss) & jnp.isfinite(norm)
            taught = targets > 0
            rate = learning_rate(recipe.optimizer, recipe.train.steps, state.step)
            direction, opt_state = optimizer.update(gradient, state.opt_state, state.trainable)
            # Parameters of branches that are never shown have no gradient; weight decay alone would bring them to 0.
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


def _accumulated(slope: Callable[..., Any], trainable: Tree, batch: Batch, rng: Array, parts: int) -> Any:
    """The sum of what `slope` gives for each part of a batch, one part in memory at a time.

    Part i has the rows i, i + parts, i + 2 parts, ..., so that each takes as many rows of every device.
    """
    rows = jax.tree.map(lambda x: x.reshape(-1, parts, *x.shape[1:]).swapaxes(0, 1), batch)

    def add(sums: Any, part: tuple[Batch, Array]) -> tuple[Any, None]:
        rows = jax.tree.map(lambda x: constrain(x, "batch", *(None,) * (x.ndim - 1)), part[0])
        return jax.tree.map(jnp.add, sums, slope(trainable, rows, jax.random.fold_in(rng, part[1]))), None

    zeros = (jnp.zeros(()), jnp.zeros(())), jax.tree.map(jnp.zeros_like, trainable)
    return jax.lax.scan(add, zeros, (rows, jnp.arange(parts)))[0]


def init_state(recipe: Recipe, trainable: Tree) -> TrainState:
    """The state of step 0; can be traced by `jit` and `eval_shape`."""
    return TrainState(
        step=jnp.zeros((), jnp.int32),
        trainable=trainable,
        opt_state=make_optimizer(recipe.optimizer).init(trainable),
        # Another key than the one that drew the parameters, so that dropout does not repeat its random numbers.
        rng=jax.random.key_data(jax.random.fold_in(jax.random.key(recipe.seed), 1)),
        skipped_in_row=jnp.zeros((), jnp.int32),
    )


def state_shardings(recipe: Recipe, trainable: Tree, mesh: Mesh) -> TrainState:
    """Shardings of the state: Adam's moments lie where their parameters lie, everything else is on every device.

    Args:
        recipe: of the run.
        trainable: arrays, or `jax.ShapeDtypeStruct`s, with shardings.
        mesh: of these shardings.
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
    """The state as `jax.ShapeDtypeStruct`s with shardings, into which a checkpoint is read."""

    def place(leaf: Any, sharding: Any) -> jax.ShapeDtypeStruct:
        return jax.ShapeDtypeStruct(leaf.shape, leaf.dtype, sharding=sharding)

    state = jax.eval_shape(lambda tree: init_state(recipe, tree), trainable)
    return jax.tree.map(place, state, state_shardings(recipe, trainable, mesh))


def lower_step(model: DeemoLlama, recipe: Recipe, mesh: Mesh, state: TrainState, frozen: Tree, batch: Batch) -> Any:
    """The step lowered for these arguments, which may be abstract. The compiled function overwrites its state.

    It is traced in the mesh's scope. Shardings are given for the outputs too: without them the compiler returns the
    parameters and moments whole on every device.
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
