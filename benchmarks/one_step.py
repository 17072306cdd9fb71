"""What benchmarks of one training step share: a batch of random tokens, and our step as a function of nothing."""

from collections.abc import Callable, Mapping
from typing import Any

import jax
import numpy as np

from configs import sample
from deemo_jax.core.recipe import Recipe
from deemo_jax.models.batch import Batch
from deemo_jax.models.params import split, trainable_paths
from deemo_jax.models.weights import flatten
from deemo_jax.training.step import init_state, make_step

# Tokens of a sequence and of its answer, which is at its end.
LENGTH, ANSWER = 256, 64


def text_batch(rows: int, vocab: int, frames: tuple[int, ...] | None = None) -> Any:
    """A batch of random tokens whose answers are learnt; the frames of it are zeros.

    Args:
        rows: B, examples.
        vocab: ids are below it.
        frames: shape of the frames of an example, (F, 224, 224, 3); None for none.
    """
    rng = np.random.default_rng(0)
    batch: Any = Batch.zeros(rows, LENGTH, frames, None)
    return batch.replace(
        token_ids=rng.integers(3, vocab, (rows, LENGTH)).astype(np.int32),
        positions=np.broadcast_to(np.arange(LENGTH, dtype=np.int32), (rows, LENGTH)),
        valid=np.ones((rows, LENGTH), bool),
        loss_mask=np.broadcast_to(np.arange(LENGTH) >= LENGTH - ANSWER, (rows, LENGTH)).astype(np.float32),
        record_valid=np.ones(rows, bool),
    )


def our_step(model: Any, params: Any, batch: Any, changes: Mapping[str, Any]) -> Callable[[], float]:
    """A function that does one step and gives its loss; the state is kept between calls.

    Args:
        model: ours.
        params: of it; they are not changed.
        batch: on the device.
        changes: keys of the sample's recipe -> what stands there instead.
    """
    config = sample.get_config()
    config.update(changes)
    recipe = Recipe.from_config(config)
    trainable, frozen = split(params, trainable_paths(flatten(params), recipe.trainable))
    step = jax.jit(make_step(model, recipe), donate_argnums=0)
    # A step overwrites its state, so that begins with a copy of the parameters.
    held = [init_state(recipe, jax.tree.map(lambda leaf: leaf.copy(), trainable))]

    def run() -> float:
        held[0], metrics = step(held[0], frozen, batch)
        return float(metrics["loss"])

    return run
