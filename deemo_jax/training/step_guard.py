"""Reads the metrics of finished steps, reports them, and ends a run whose loss or data are broken."""

import contextlib
from collections.abc import Mapping

import jax
import numpy as np

from deemo_jax.core.errors import UserError
from deemo_jax.core.recipe import Recipe
from deemo_jax.core.run_folder.checkpoint import Checkpoints
from deemo_jax.data.masked_records import MaskedCount
from deemo_jax.training.loss_spikes import LossSpikes
from deemo_jax.training.monitor import Monitor


class StepGuard:
    """Takes the metrics of each step.

    Args:
        recipe: of the run.
        monitor: reports them.
        health: finds spikes of the loss.
        checkpoints: of the run; a message names the one to continue from.
        masked: counts the records that could not be read.
    """

    def __init__(
        self, recipe: Recipe, monitor: Monitor, health: LossSpikes, checkpoints: Checkpoints, masked: MaskedCount
    ) -> None:
        self._recipe, self._monitor, self._health, self._checkpoints = recipe, monitor, health, checkpoints
        self._masked = masked

    def read(
        self, done: int, metrics: Mapping[str, jax.Array], indices: np.ndarray, more: Mapping[str, float] | None = None
    ) -> None:
        """Waits for the metrics of a step and takes them in.

        Args:
            done: number of the step, from 1 on.
            metrics: of `deemo_jax.training.step.make_step`.
            indices: Int32[B], the records of this process' rows.
            more: metrics that were measured after the step.

        Raises:
            UserError: loss or gradient were not finite in `train.nan_limit` steps in a row, too many records could
                not be read, or the disk is full.
        """
        values = {key: float(value) for key, value in jax.device_get(dict(metrics)).items()}
        records, limit = [int(index) for index in indices], self._recipe.train.nan_limit
        self._health.see_taught(done, bool(values["targets"]) and not values["skipped"])
        if values["targets"]:  # a batch without targets has loss 0
            self._health.see(done, values["loss"], bool(values["skipped"]))
        try:
            self._monitor.report(done, {**values, **(more or {})}, {"records": records})
        except UserError as error:
            with contextlib.suppress(UserError):  # a checkpoint that is being written may not fit onto the same disk
                self._checkpoints.wait()
            raise UserError(f"{error}; {self._checkpoints.way_on()}") from error
        self._masked.add(done, int(values["masked_records"]))
        if values["skipped_in_row"] < limit:
            return
        self._checkpoints.wait()
        before = self._health.before(self._checkpoints.steps())
        mend = "begin anew with --overwrite, since no checkpoint is from before that"
        if before is not None:
            mend = f"go on from before that with --resume --from_step {before}"
        raise UserError(
            f"step {done}: loss or gradient were not finite in {limit} steps in a row, last with the records {records} "
            f"of split {self._recipe.data.train_split!r}, and the loss was off from step {self._health.since} on; look "
            f"at these or lower config.optimizer.lr, and {mend}"
        )
