"""How towers learn from what was made beforehand: batches, one optimisation loop, a score. Axes: N rows, K targets."""

import sys
import time
from collections.abc import Callable, Iterator
from typing import Any, TypeVar

import flax.linen as nn
import jax
import numpy as np
import optax
from jaxtyping import Array, Float, PRNGKeyArray, Shaped

Params = Any
Rows = TypeVar("Rows")  # a pytree of arrays of N rows
Loss = Callable[[Params, Any, PRNGKeyArray], Float[Array, ""]]


def apply(module: nn.Module, params: Params, *args: Any, **kwargs: Any) -> Any:
    """What a module (or its `method`) gives with these parameters."""
    return module.apply({"params": params}, *args, **kwargs)


def fit(
    loss: Loss,
    params: Params,
    batches: Iterator[Any],
    *,
    steps: int,
    learning_rate: float,
    seed: int,
    name: str,
    weight_decay: float = 0.05,
) -> Params:
    """Minimises `loss(params, batch, key)` with AdamW: warmup over a twentieth of the steps, then cosine to zero.

    Args:
        loss: a scalar function; `key` is for noise and is new at every step.
        params: where to start.
        batches: pytrees of fixed shapes, at least `steps` of them.
        steps: optimizer updates.
        learning_rate: the peak.
        seed: of the noise.
        name: for the progress lines.
        weight_decay: on matrices only.

    Returns:
        The last parameters.

    Raises:
        FloatingPointError: the loss is no longer finite.
    """
    schedule = optax.warmup_cosine_decay_schedule(0.0, learning_rate, max(steps // 20, 1), steps)
    optimizer = optax.chain(
        optax.clip_by_global_norm(1.0),
        optax.adamw(
            schedule, b2=0.98, weight_decay=weight_decay, mask=lambda tree: jax.tree.map(lambda x: x.ndim > 1, tree)
        ),
    )

    @jax.jit
    def update(params: Params, state: optax.OptState, batch: Any, key: PRNGKeyArray) -> tuple[Any, Any, Any]:
        value, gradient = jax.value_and_grad(loss)(params, batch, key)
        change, state = optimizer.update(gradient, state, params)
        return optax.apply_updates(params, change), state, value

    state = optimizer.init(params)
    root = jax.random.key(seed)
    start = time.monotonic()
    for step in range(steps):
        params, state, value = update(params, state, next(batches), jax.random.fold_in(root, step))
        if step % max(steps // 20, 1) == 0 or step == steps - 1:
            if not jax.numpy.isfinite(value):
                raise FloatingPointError(f"{name}: the loss is {value} at step {step}")
            spent = time.monotonic() - start
            left = spent / (step + 1) * (steps - step - 1)
            print(f"{name}: step {step + 1}/{steps} loss {value:.4f}, {left:.0f} s left", file=sys.stderr, flush=True)
    return params


def shuffled(made: Rows, batch: int, seed: int) -> Iterator[Rows]:
    """Batches of what was made, without end: all rows in one order, then in another."""
    rng = np.random.default_rng(seed)
    while True:
        order = rng.permutation(len(jax.tree.leaves(made)[0]))
        for start in range(0, len(order) - batch + 1, batch):
            rows = np.sort(order[start : start + batch])
            yield jax.tree.map(lambda array, rows=rows: array[rows], made)


def explained(
    read: Callable[[Params, Any], Float[Array, "_ K"]],
    params: Params,
    made: Shaped[np.ndarray, "N ..."],
    wanted: Float[np.ndarray, "N K"],
) -> Float[np.ndarray, " K"]:
    """Share of each target's variance that `read(params, made)` explains (R squared)."""
    some = jax.jit(read)
    guess = np.concatenate([np.asarray(some(params, made[i : i + 40])) for i in range(0, len(made), 40)])
    return 1 - np.mean((guess - wanted) ** 2, axis=0) / np.var(wanted, axis=0)
