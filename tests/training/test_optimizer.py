"""Schedule, decay mask, and AdamW against optax's own."""

import math

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from deemo_jax.core.recipe import OptimizerRecipe
from deemo_jax.training.optimizer import decayed, learning_rate, make_optimizer

RECIPE = OptimizerRecipe(lr=1e-4, lr_min=8e-5, warmup_start=1e-6, warmup_steps=2500)


@pytest.mark.parametrize(
    ("step", "expected"),
    [
        (0, 1e-6),
        (1250, 1e-6 + (1e-4 - 1e-6) / 2),
        # The cosine has run since step 0: right after the warmup it is below its peak already.
        (2500, 2e-5 * 0.5 * (1 + math.cos(math.pi * 0.2)) + 8e-5),
        (6250, 9e-5),
        (12500, 8e-5),
    ],
)
def test_learning_rate(step: int, expected: float) -> None:
    assert float(learning_rate(RECIPE, 12500, step)) == pytest.approx(expected, rel=1e-6)


def test_without_warmup_it_starts_at_its_peak() -> None:
    recipe = OptimizerRecipe(lr=1e-4, lr_min=0.0, warmup_steps=0)
    assert float(learning_rate(recipe, 10, 0)) == pytest.approx(1e-4)


def test_norms_biases_and_vectors_are_not_decayed() -> None:
    leaf = jnp.zeros((2, 3))
    params = {
        "blocks": {"norm1": {"scale": leaf}, "query": {"kernel": leaf, "bias": leaf}, "extra_key": leaf},
        "queries": leaf,
        "frame_positions": leaf,
        "vector": jnp.zeros(3),
        "cross_norm": {"bias": leaf},
    }
    assert decayed(params) == {
        "blocks": {"norm1": {"scale": False}, "query": {"kernel": True, "bias": False}, "extra_key": False},
        "queries": True,
        "frame_positions": True,
        "vector": False,
        "cross_norm": {"bias": False},
    }


@pytest.mark.parametrize("clip_norm", [0.0, 0.5])
def test_two_updates_equal_optax_adamw(clip_norm: float) -> None:
    recipe = OptimizerRecipe(
        lr=1e-2, lr_min=1e-2, warmup_steps=0, weight_decay=0.2, b1=0.8, b2=0.6, eps=0.03, clip_norm=clip_norm
    )
    params = {"kernel": jnp.arange(6.0).reshape(2, 3), "bias": jnp.ones((2, 3))}
    mask = {"kernel": True, "bias": False}
    reference = optax.adamw(1e-2, 0.8, 0.6, 0.03, weight_decay=0.2, mask=mask)
    if clip_norm:
        reference = optax.chain(optax.clip_by_global_norm(clip_norm), reference)
    ours, theirs = params, params
    optimizer = make_optimizer(recipe)
    state, their_state = optimizer.init(ours), reference.init(theirs)
    for seed in range(2):
        gradient = jax.tree.map(lambda leaf, s=seed: jnp.cos(leaf + s), params)
        direction, state = optimizer.update(gradient, state, ours)
        ours = optax.apply_updates(ours, jax.tree.map(lambda d: -learning_rate(recipe, 10, 0) * d, direction))
        change, their_state = reference.update(gradient, their_state, theirs)
        theirs = optax.apply_updates(theirs, change)
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-6), ours, theirs)
