"""The loss on a split that is not trained on, by which the best checkpoints are known."""

from collections.abc import Callable, Iterator
from typing import Any

import jax
from jax.sharding import Mesh

from deemo_jax.core.errors import UserError
from deemo_jax.data.pipeline import Pipeline
from deemo_jax.models import mesh as mesh_lib
from deemo_jax.models.batch import Batch
from deemo_jax.models.deemo_llama import DeemoLlama
from deemo_jax.models.params import Tree, merge
from deemo_jax.training.loss import answer_loss


class Validation:
    """The mean cross-entropy of the answers of a split, with all inputs that its clips have and without dropout.

    Args:
        model: the modules.
        pipeline: one pass over the split, with answers.
        mesh: where parameters lie and batches are put.
        split: name of the split, for messages.

    Raises:
        UserError: the split is empty.
    """

    def __init__(self, model: DeemoLlama, pipeline: Pipeline, mesh: Mesh, split: str) -> None:
        if not len(pipeline):
            raise UserError(f"config.data.validation_split: {split!r} is empty; name another, or none")
        self._pipeline, self._mesh = pipeline, mesh
        self._loss: Any = jax.jit(
            lambda trainable, frozen, batch: answer_loss(model, merge(trainable, frozen), batch, None),
            out_shardings=mesh_lib.replicated(mesh),
        )

    def compile(self, trainable: Tree, frozen: Tree) -> None:
        """Reads the first batch and compiles the loss of it, so that mistakes show before the first step."""
        with mesh_lib.scope(self._mesh):
            self._loss = self._loss.lower(trainable, frozen, self._put(self._pipeline.batch_at(0))).compile()

    def loss(self, trainable: Tree, frozen: Tree, beat: Callable[[], None]) -> float:
        """Nats a token; every process must call this.

        Args:
            trainable, frozen: the parameters.
            beat: called after each batch.

        Raises:
            UserError: too much of the split cannot be read.
        """
        summed = count = 0.0
        for batch in self._batches():
            loss, targets = jax.device_get(self._loss(trainable, frozen, batch))
            summed, count = summed + float(loss) * float(targets), count + float(targets)
            beat()
        return summed / max(count, 1.0)

    def _batches(self) -> Iterator[Batch]:
        for batch in self._pipeline.iterate():
            yield self._put(batch)

    def _put(self, batch: Batch) -> Batch:
        return mesh_lib.put_batch(batch, self._mesh)
