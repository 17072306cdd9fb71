"""The step on the toy model of tests/models: loss, update, guard, sharding constraints."""

import dataclasses
import functools
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from deemo_jax.core.recipe import Recipe
from deemo_jax.models import mesh as mesh_lib
from deemo_jax.models import params as params_lib
from deemo_jax.models.batch import Batch
from deemo_jax.models.weights import flatten
from deemo_jax.training import step as step_lib
from deemo_jax.training.loss import answer_loss
from deemo_jax.training.optimizer import decayed, learning_rate
from tests.models import tiny as model_lib
from tests.training import tiny

RECIPE = Recipe.from_config(tiny.get_config("nowhere"))
# A projector and the decoder's head: one learns through the whole decoder, the other beside it.
PATTERNS = ("audio/projector/.*", "decoder/head")


def example(seed: int = 0) -> Batch:
    """Two rows; the last three tokens of each are targets."""
    batch = model_lib.batch([1, model_lib.AUDIO, 5, 4, 6, 7, 2], [1, 9, model_lib.AUDIO, 8, 2], length=16, seed=seed)
    lengths = np.asarray(batch.valid).sum(1)
    mask = np.zeros(batch.loss_mask.shape, np.float32)
    for row, length in enumerate(lengths):
        mask[row, length - 3 : length] = 1
    return jax.tree.map(jnp.asarray, batch.replace(loss_mask=mask, record_valid=np.ones(2, bool)))


@functools.cache
def toy() -> tuple[Any, Any]:
    """The toy model without its video branch, and its parameters on the device."""
    model, params = model_lib.part("video")
    return model, jax.tree.map(jnp.asarray, params)


@functools.cache
def parts() -> tuple[Any, Any, Any]:
    """(trainable, frozen, the jitted step) of the toy model."""
    model, params = toy()
    chosen = params_lib.trainable_paths(flatten(params), PATTERNS)
    return *params_lib.split(params, chosen), jax.jit(step_lib.make_step(model, RECIPE))


def masked() -> Batch:
    batch = example()
    return batch.replace(loss_mask=np.zeros_like(batch.loss_mask), record_valid=np.zeros(2, bool))


@pytest.mark.slow
def test_a_batch_without_targets_has_loss_and_gradient_zero() -> None:
    trainable, frozen, step = parts()
    _, metrics = step(step_lib.init_state(RECIPE, trainable), frozen, masked())
    assert float(metrics["loss"]) == float(metrics["grad_norm"]) == float(metrics["skipped"]) == 0
    assert float(metrics["masked_records"]) == 2


def test_a_batch_without_targets_changes_nothing_but_the_step() -> None:
    """Neither weight decay nor Adam's moments or count, nor how many steps in a row were not finite."""
    trainable, frozen, step = parts()
    state, _ = step(step_lib.init_state(RECIPE, trainable), frozen, example())
    state, _ = step(state, jax.tree.map(lambda leaf: leaf * jnp.nan, frozen), example())
    after, _ = step(state, frozen, masked())
    assert int(after.step) == int(state.step) + 1 and int(state.skipped_in_row) == 1
    before = state.replace(step=after.step)
    assert [
        path
        for (path, new), old in zip(jax.tree.leaves_with_path(after), jax.tree.leaves(before), strict=True)
        if not np.array_equal(new, old)
    ] == []


@pytest.mark.slow
def test_a_branch_that_is_never_shown_stays_as_it_is() -> None:
    recipe = dataclasses.replace(RECIPE, data=dataclasses.replace(RECIPE.data, modalities="transcript"))
    trainable, frozen, _ = parts()
    step = jax.jit(step_lib.make_step(toy()[0], recipe))
    after, _ = step(step_lib.init_state(recipe, trainable), frozen, example())
    assert jax.tree.all(jax.tree.map(np.array_equal, after.trainable["audio"], trainable["audio"]))
    assert not np.array_equal(after.trainable["decoder"]["head"], trainable["decoder"]["head"])


def test_steps_equal_plain_optax_under_the_schedule() -> None:
    """The rate of step s is that of s: the first ones tell it from that of s - 1, since the warmup takes two."""
    trainable, frozen, step = parts()
    model, _ = toy()
    state = step_lib.init_state(RECIPE, trainable)
    key = jax.random.wrap_key_data(state.rng)

    @jax.jit
    def slope(tree: Any, s: int) -> Any:
        rng = jax.random.fold_in(key, s)
        return jax.value_and_grad(lambda t: answer_loss(model, params_lib.merge(t, frozen), example(), rng)[0])(tree)

    rates = [float(learning_rate(RECIPE.optimizer, RECIPE.train.steps, s)) for s in range(4)]
    assert rates == pytest.approx([1e-6, 5e-3, 1e-2, 1e-2], rel=0.02) and len(set(rates)) == 4
    plain = optax.adamw(lambda count: jnp.asarray(rates)[count], 0.9, 0.999, 1e-8, weight_decay=0.05, mask=decayed)
    expected, plain_state = trainable, plain.init(trainable)
    for s, rate in enumerate(rates):
        value, gradient = slope(expected, s)
        change, plain_state = plain.update(gradient, plain_state, expected)
        before, expected = expected, optax.apply_updates(expected, change)
        # From the reference's parameters, so that differences do not add up.
        state, metrics = step(state.replace(trainable=before), frozen, example())
        assert float(metrics["loss"]) == pytest.approx(float(value), rel=1e-5)
        assert float(metrics["grad_norm"]) == pytest.approx(float(optax.tree.norm(gradient)), rel=1e-5)
        assert float(metrics["lr"]) == pytest.approx(rate) and int(state.step) == s + 1
        # Adam's directions are nearly the gradient's sign, so that rounding shows where a gradient is nearly zero.
        jax.tree.map(
            lambda a, b, r=rate: np.testing.assert_allclose(a, b, rtol=1e-5, atol=r * 1e-2), state.trainable, expected
        )
        moved = jax.tree.map(lambda a, b: float(jnp.abs(a - b).max()), state.trainable, before)
        assert min(jax.tree.leaves(moved)) > rate / 2


@pytest.mark.slow
def test_a_batch_in_parts_gives_the_gradient_of_the_whole() -> None:
    """Rows have one target and three, so that a mean of the parts' means would be another; dropout is off."""
    model, params = model_lib.part("media")
    batch = model_lib.batch([1, 5, 4, 6, 7, 2], [1, 9, 8, 2], [1, 3, 2], [1, 2, 6, 7], length=8)
    mask = np.zeros((4, 8), np.float32)
    mask[0, 3:6], mask[1, 3], mask[3, 2:4] = 1, 1, 0.5
    batch = batch.replace(frames=None, mel=None, loss_mask=mask, record_valid=np.ones(4, bool))
    trainable, frozen = params_lib.split(params, params_lib.trainable_paths(flatten(params), (".*/blocks/.*",)))

    def taken(parts: int) -> Any:
        optimizer = dataclasses.replace(RECIPE.optimizer, accumulate=parts)
        step = step_lib.make_step(model, dataclasses.replace(RECIPE, optimizer=optimizer))
        return jax.jit(step)(step_lib.init_state(RECIPE, trainable), frozen, batch)

    (whole, metrics), (state, found) = taken(1), taken(4)
    assert found["targets"] == metrics["targets"] == mask.sum()
    for name in ("loss", "grad_norm"):
        assert float(found[name]) == pytest.approx(float(metrics[name]), rel=1e-5)
    # After one step Adam's first moment is the gradient times 0.1.
    moments = state.opt_state[0].mu, whole.opt_state[0].mu
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-6), *moments)


def test_what_is_not_finite_changes_nothing_but_the_step() -> None:
    trainable, frozen, step = parts()
    state, _ = step(step_lib.init_state(RECIPE, trainable), frozen, example())
    broken = jax.tree.map(lambda leaf: leaf * jnp.nan, frozen)
    after, metrics = step(state, broken, example())
    after, metrics = step(after, broken, example())
    assert float(metrics["skipped"]) == 1 and float(metrics["skipped_in_row"]) == 2 and int(after.step) == 3
    for name in ("trainable", "opt_state", "rng"):
        assert jax.tree.all(jax.tree.map(np.array_equal, getattr(after, name), getattr(state, name)))
    healed, metrics = step(after, frozen, example())
    assert float(metrics["skipped_in_row"]) == 0
    assert not jax.tree.all(jax.tree.map(np.array_equal, healed.trainable, state.trainable))


def test_dropout_differs_between_steps_and_not_between_calls() -> None:
    trainable, frozen, step = parts()
    state = step_lib.init_state(RECIPE, trainable)
    losses = [float(step(state.replace(step=jnp.int32(s)), frozen, example())[1]["loss"]) for s in (4, 4, 5)]
    assert losses[0] == losses[1] != losses[2]


def test_the_constraints_of_the_modules_reach_the_compiler() -> None:
    model, params = model_lib.built()
    mesh = mesh_lib.make_mesh(RECIPE.mesh, jax.devices()[:1])
    place = mesh_lib.replicated(mesh)
    abstract = jax.tree.map(lambda leaf: jax.ShapeDtypeStruct(leaf.shape, leaf.dtype, sharding=place), params)
    chosen = params_lib.trainable_paths(flatten(params), PATTERNS)
    trainable, frozen = params_lib.split(abstract, chosen)
    state = step_lib.abstract_state(RECIPE, trainable, mesh)
    text = step_lib.lower_step(model, RECIPE, mesh, state, frozen, example()).as_text()
    constraints = [line for line in text.splitlines() if "sharding_constraint" in line]
    assert sum('"data"' in line and '"fsdp"' in line for line in constraints) >= 4  # ViT, Q-Formers, splice, decoder
