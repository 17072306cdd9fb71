"""The loop: data and update are pure functions of the step, and a checkpoint holds where both stand."""

import dataclasses
import itertools
import sys
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from signal import SIGINT, Signals
from typing import Any

import jax
import numpy as np

from deemo_jax.data.pipeline import Pipeline, make_pipeline
from deemo_jax.errors import UserError
from deemo_jax.models.batch import Batch
from deemo_jax.training import mesh as mesh_lib
from deemo_jax.training import run
from deemo_jax.training.checkpoint import Checkpoints
from deemo_jax.training.monitor import Monitor, duration
from deemo_jax.training.recipe import Recipe
from deemo_jax.training.setup import Setup, build
from deemo_jax.training.state import TrainState, table
from deemo_jax.training.step import abstract_state, init_state, lower_step, state_shardings
from deemo_jax.training.stop import Stop


@dataclasses.dataclass(frozen=True)
class Outcome:
    """How far a run got.

    Attributes:
        step: steps done, which is also the newest checkpoint.
        finished: False when it was asked to stop.
        data_wait: share of the loop's time that went into waiting for data.
        signal: what asked it to stop.
    """

    step: int
    finished: bool
    data_wait: float = 0.0
    signal: Signals | None = None


def train(config: Mapping[str, Any], workdir: str | Path, *, resume: bool = False, overwrite: bool = False) -> Outcome:
    """Trains, or trains on, until `config.train.steps` or until asked to stop.

    A continued run gives the parameters that an uninterrupted one gives, bit for bit on the same devices: data and
    dropout are functions of the seed and the step.

    Args:
        config: see `deemo_jax.training.recipe.Recipe`.
        workdir: see `deemo_jax.training.run`.
        resume: go on with the run that is there, or begin one.
        overwrite: remove the run that is there.

    Returns:
        After SIGTERM an outcome that is not finished; its checkpoint is written.

    Raises:
        UserError: a mistake in the config or the folder, or a loss that stays NaN.
        KeyboardInterrupt: after Ctrl-C, when the checkpoint is written.
    """
    recipe, folder = Recipe.from_config(config), run.Workdir(Path(workdir))
    changes = run.check(folder, recipe.resolved(), resume=resume, overwrite=overwrite)
    start = 0 if overwrite else _latest(folder) or 0
    _meet("checked")  # every process must have looked before the first one writes
    if start >= recipe.train.steps:
        _say(f"{folder.path}: trained to step {start} already; nothing to do")
        return Outcome(start, True)
    mesh = mesh_lib.make_mesh(recipe.mesh)
    setup = build(recipe, mesh, with_trainable=not start)
    pipeline = _pipeline(recipe, setup, mesh)
    batches = pipeline.iterate(start)
    # The first is read here, so that what is wrong with the data is said before anything is written.
    batches = itertools.chain([next(batches)], batches)
    for line in changes:
        _say(f"changed since the run was begun: {line}")
    _say(table(setup.trainable, setup.frozen))
    if jax.process_index() == 0:
        run.begin(folder, recipe.resolved(), overwrite=overwrite)
    _meet("begun")
    with Checkpoints(folder.checkpoints, keep=recipe.train.keep) as checkpoints:
        outcome = _run(recipe, folder, mesh, setup, batches, checkpoints)
    _farewell(folder, outcome, pipeline)
    if outcome.signal == SIGINT:
        raise KeyboardInterrupt
    return outcome


def _run(
    recipe: Recipe,
    folder: run.Workdir,
    mesh: jax.sharding.Mesh,
    setup: Setup,
    batches: Iterator[Batch],
    checkpoints: Checkpoints,
) -> Outcome:
    facts, steps = run.describe(recipe.resolved(), setup.frozen), recipe.train.steps
    state, start = _start(recipe, mesh, setup, checkpoints, facts["frozen_sha256"])
    begun = time.monotonic()
    batch = next(batches)
    step = lower_step(setup.model, recipe, mesh, state, setup.frozen, mesh_lib.put_batch(batch, mesh)).compile()
    _say(f"compiled in {duration(time.monotonic() - begun)}; steps {start + 1} to {steps}")
    monitor = Monitor(
        folder.metrics,
        folder.tensorboard,
        steps=steps,
        start=start,
        batch_size=recipe.data.batch_size,
        log_every=recipe.train.log_every,
        active=jax.process_index() == 0,
    )
    done, asked = start, False
    pending: tuple[int, Mapping[str, jax.Array], np.ndarray] | None = None
    with monitor, Stop() as stop:
        while done < steps and not asked:
            if done > start:
                with monitor.waiting():
                    batch = next(batches)
            state, metrics = step(state, setup.frozen, mesh_lib.put_batch(batch, mesh))
            done += 1
            # The device works on this step while the host reads the one before.
            if pending is not None:
                _read(*pending, recipe, monitor)
            pending = done, metrics, batch.index
            asked = stop.after(done)
            if done % recipe.train.checkpoint_every == 0 or done == steps or asked:
                _read(*pending, recipe, monitor)
                pending = None
                position = {"data": {"next_step": done, "batch_size": recipe.data.batch_size, "seed": recipe.seed}}
                checkpoints.save(done, state, facts | position)
        checkpoints.wait()
    return Outcome(done, done == steps, monitor.data_wait, None if done == steps else stop.signal)


def _start(
    recipe: Recipe, mesh: jax.sharding.Mesh, setup: Setup, checkpoints: Checkpoints, frozen: str
) -> tuple[TrainState, int]:
    latest = checkpoints.latest()
    if latest is None:
        places = state_shardings(recipe, setup.trainable, mesh)
        return jax.jit(lambda tree: init_state(recipe, tree), out_shardings=places)(setup.trainable), 0
    metadata = checkpoints.metadata(latest)
    run.check_origin(metadata, frozen, checkpoints.path / str(latest))
    state = checkpoints.restore(latest, abstract_state(recipe, setup.trainable, mesh))
    position = metadata.get("data", {}).get("next_step")
    if not int(state.step) == latest == position:
        raise UserError(
            f"{checkpoints.path / str(latest)}: is for step {int(state.step)} and data at {position}; remove it"
        )
    _say(f"going on from step {latest}")
    return state, latest


def _read(done: int, metrics: Mapping[str, jax.Array], indices: np.ndarray, recipe: Recipe, monitor: Monitor) -> None:
    values = {key: float(value) for key, value in jax.device_get(dict(metrics)).items()}
    records = [int(index) for index in indices]
    monitor.report(done, values, {"records": records})
    if values["skipped_in_row"] >= recipe.train.nan_limit:
        raise UserError(
            f"step {done}: loss or gradient were not finite in {recipe.train.nan_limit} steps in a row, last with the "
            f"records {records} of split {recipe.data.train_split!r}; lower config.optimizer.lr or look at these, "
            "then go on from the last checkpoint with --resume"
        )


def _pipeline(recipe: Recipe, setup: Setup, mesh: jax.sharding.Mesh) -> Pipeline:
    which, count = mesh_lib.rows_of_process(mesh, recipe.data.batch_size)
    sizes = setup.model.config
    return make_pipeline(
        recipe.resolved(),
        audio_tokens=sizes.audio_tokens,
        video_tokens=sizes.video_tokens,
        train=True,
        process_index=which,
        process_count=count,
    )


def _latest(folder: run.Workdir) -> int | None:
    if not folder.checkpoints.is_dir():
        return None
    with Checkpoints(folder.checkpoints, read_only=True) as checkpoints:
        return checkpoints.latest()


def _farewell(folder: run.Workdir, outcome: Outcome, pipeline: Pipeline) -> None:
    if bad := pipeline.counts.unreadable:
        index, reason = next(iter(bad.items()))
        _say(f"{len(bad)} records could not be read and taught nothing; the first is {index} ({reason})")
    _say(f"waited for data in {outcome.data_wait:.2%} of the time")
    if outcome.finished:
        _say(f"{folder.path}: trained to step {outcome.step}")
    else:
        _say(f"{folder.path}: stopped and saved at step {outcome.step}; go on with --resume")


def _say(text: str) -> None:
    if jax.process_index() == 0:
        print(text, file=sys.stderr, flush=True)


def _meet(name: str) -> None:
    if jax.process_count() > 1:
        from jax.experimental import multihost_utils

        multihost_utils.sync_global_devices(name)
