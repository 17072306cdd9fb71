"""The loss on a split: the mean over the answers' tokens of all its clips."""

import dataclasses
from collections.abc import Iterator
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from deemo_jax.core.errors import UserError
from deemo_jax.core.recipe import MeshRecipe
from deemo_jax.models.batch import Batch
from deemo_jax.models.mesh import make_mesh
from deemo_jax.training.loss import answer_loss
from deemo_jax.training.validation import Validation
from tests.models import tiny


@dataclasses.dataclass(frozen=True)
class Batches:
    """In place of a pipeline."""

    batches: list[Batch]

    def __len__(self) -> int:
        return len(self.batches)

    def batch_at(self, step: int) -> Batch:
        return self.batches[step]

    def iterate(self) -> Iterator[Batch]:
        return iter(self.batches)


def rows(targets: list[int], seed: int) -> Batch:
    """Texts of twelve tokens, of which the last so many are targets."""
    texts = np.random.default_rng(seed).integers(1, 40, (len(targets), 12)).tolist()
    batch = tiny.batch(*texts, length=12)
    mask = np.arange(12) >= 12 - np.array(targets)[:, None]
    return batch.replace(loss_mask=mask.astype(np.float32), record_valid=np.array(targets) > 0)


def test_it_is_the_mean_over_all_targets_whatever_the_batches() -> None:
    model, params = tiny.part("media")
    params = jax.tree.map(jnp.asarray, params)
    trainable, frozen = {"decoder": {"head": params["decoder"].pop("head")}}, params
    batches, beats = [rows([5, 1], 0), rows([2, 0], 1)], [0]
    validation: Any = Validation(model, Batches(batches), make_mesh(MeshRecipe()), "test")  # type: ignore[arg-type]
    validation.compile(trainable, frozen)
    found = validation.loss(trainable, frozen, lambda: beats.append(1))
    whole = jax.tree.map(lambda *parts: np.concatenate(parts), *batches)
    params = {"decoder": {**frozen["decoder"], **trainable["decoder"]}}
    loss, targets = jax.jit(lambda params, batch: answer_loss(model, params, batch, None))(params, whole)
    assert float(targets) == 8 and found == pytest.approx(float(loss), rel=1e-5) and sum(beats) == 2
    alone = [float(validation._loss(trainable, frozen, batch)[0]) for batch in batches]
    assert abs(np.mean(alone) - found) > 1e-3  # else the mean over batches would do


def test_an_empty_split_is_refused() -> None:
    with pytest.raises(UserError, match="validation_split: 'test' is empty"):
        Validation(tiny.part("media")[0], Batches([]), make_mesh(MeshRecipe()), "test")  # type: ignore[arg-type]
