"""A run that only makes NaN is ended with advice that can be followed; so is one whose disk is full."""

import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jax.numpy as jnp
import numpy as np
import pytest

from deemo_jax.core.errors import UserError
from deemo_jax.core.recipe import MaskedLimits, Recipe
from deemo_jax.data.masked_records import MaskedCount
from deemo_jax.training.loss_spikes import LossSpikes
from deemo_jax.training.step_guard import StepGuard
from tests.training import tiny

MASKED = 5.0
"""Rows of a batch of 8 that could not be read, where a loss is given as negative."""
RECIPE = Recipe.from_config(tiny.get_config("nowhere"))


class Told:
    """In place of a monitor, and of a folder of checkpoints."""

    def __init__(self, *steps: int, full: bool = False) -> None:
        self.seen: list[int] = []
        self._steps, self._full = steps, full

    def report(self, step: int, metrics: dict[str, float], extra: dict[str, Any]) -> None:
        self.seen.append(step)
        if self._full:
            raise UserError("metrics.jsonl: cannot be written (No space left on device)")

    def wait(self) -> None:
        pass

    def steps(self) -> list[int]:
        return list(self._steps)

    def way_on(self) -> str:
        return f"the last whole checkpoint is {self._steps[-1]}; go on"


def metrics(losses: list[float]) -> Iterator[dict[str, Any]]:
    row = 0
    for loss in losses:
        row = row + 1 if math.isnan(loss) else 0
        values = {"loss": abs(loss), "skipped": float(math.isnan(loss)), "skipped_in_row": float(row)}
        values |= {"masked_records": MASKED if loss < 0 else 0.0, "targets": float(loss != 0)}
        yield {key: jnp.float32(value) for key, value in values.items()}


def read(told: Told, losses: list[float]) -> None:
    masked = MaskedCount(MaskedLimits(), RECIPE.data.batch_size, 12, "train", {3: "OSError: the disk says no"})
    guard = StepGuard(RECIPE, told, LossSpikes(), told, masked)  # type: ignore[arg-type]
    for step, found in enumerate(metrics(losses), 1):
        guard.read(step, found, np.array([4, 7]))


SPIKE = [*[1.0] * 10, 30.0, 500.0, math.nan, math.nan, math.nan, math.nan]


def test_it_names_the_checkpoint_from_before_the_spike_and_not_the_newest() -> None:
    told = Told(4, 8, 12)
    with pytest.raises(UserError) as caught:
        read(told, SPIKE)
    assert told.seen[-1] == 15 and RECIPE.train.nan_limit == 3
    assert str(caught.value).startswith("step 15: loss or gradient were not finite in 3 steps in a row, last with")
    assert "records [4, 7] of split 'train', and the loss was off from step 11 on" in str(caught.value)
    assert str(caught.value).endswith("config.optimizer.lr, and go on from before that with --resume --from_step 8")


def test_the_loss_of_a_batch_without_targets_says_nothing() -> None:
    told = Told(4, 8, 12)
    with pytest.raises(UserError, match=r"off from step 23 on; .* --from_step 12$"):
        read(told, [2.0] * 4 + [0.0] * 16 + [2.0] * 2 + [math.nan] * 3)


def test_where_no_checkpoint_is_so_old_it_says_begin_anew() -> None:
    with pytest.raises(UserError, match="begin anew with --overwrite, since no checkpoint is from before that"):
        read(Told(12), SPIKE)


def test_two_in_a_row_are_fewer_than_three() -> None:
    told = Told(4)
    read(told, [1.0, math.nan, math.nan, 1.0, math.nan, math.nan])
    assert told.seen == [1, 2, 3, 4, 5, 6]


def test_a_batch_that_could_hardly_be_read_ends_the_run_after_it_was_told() -> None:
    told = Told(4)
    with pytest.raises(
        UserError, match=r"step 3: 5 rows of its batch .* split 'train', .*record 3 \(OSError: the disk"
    ):
        read(told, [1.0, 1.0, -1.0, 1.0])
    assert told.seen == [1, 2, 3]


def test_metrics_that_cannot_be_written_name_the_last_whole_checkpoint() -> None:
    with pytest.raises(UserError, match=r"metrics.jsonl: .*No space left.*; the last whole checkpoint is 8; go on"):
        read(Told(4, 8, full=True), [1.0])


def test_what_the_advice_says_is_accepted(tmp_path: Path) -> None:
    from deemo_jax.core.run_folder.workdir import Workdir, begin
    from deemo_jax.training.request import TrainingRequest

    folder = Workdir(tmp_path)
    begin(folder, RECIPE.resolved(), overwrite=False)
    for step in (4, 8, 12):
        (folder.checkpoints / str(step)).mkdir(parents=True)
    config = tiny.get_config("nowhere")
    config.optimizer.lr = 1e-4
    plan = TrainingRequest(folder, Recipe.from_config(config).resolved(), resume=True, from_step=8).check()
    assert plan.start == 8 and plan.changes == {"optimizer.lr": (1e-2, 1e-4)}
