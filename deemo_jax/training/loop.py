"""The training loop. Data and updates are functions of the step number, so a checkpoint resumes a run exactly."""

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

from deemo_jax.core.config import Config
from deemo_jax.core.errors import UserError
from deemo_jax.core.progress import duration
from deemo_jax.core.recipe import Recipe
from deemo_jax.core.run_folder.checkpoint import Checkpoints
from deemo_jax.core.run_folder.lock import Lock
from deemo_jax.core.run_folder.workdir import Workdir, told
from deemo_jax.data.clip_source import ClipSource
from deemo_jax.data.features.encoded_clips import with_features
from deemo_jax.data.masked_records import MaskedCount
from deemo_jax.data.pipeline import Pipeline, make_pipeline
from deemo_jax.data.prompts import INSTRUCTION_VERSION
from deemo_jax.data.run_data import DataRecord, examine, read_record
from deemo_jax.data.tokenizer_fit import check_text_fits
from deemo_jax.models import mesh as mesh_lib
from deemo_jax.models import placement
from deemo_jax.models.batch import Batch
from deemo_jax.models.checkpoint_origin import describe
from deemo_jax.models.from_recipe import Setup, build
from deemo_jax.models.params import merge
from deemo_jax.models.vocabulary import cut_rows
from deemo_jax.models.weights import flatten
from deemo_jax.training.loss_spikes import LossSpikes
from deemo_jax.training.monitor import Monitor
from deemo_jax.training.request import Plan, TrainingRequest
from deemo_jax.training.resume import fresh, restore
from deemo_jax.training.state import TrainState, table
from deemo_jax.training.step import lower_step
from deemo_jax.training.step_guard import StepGuard
from deemo_jax.training.stop_signals import Stop, Stopped


@dataclasses.dataclass(frozen=True)
class Ended:
    """How far a run got.

    Attributes:
        step: number of steps done; the newest checkpoint is of this step.
        finished: False where the run was stopped before its last step.
        data_wait: share of the loop's time that was spent waiting for data.
        signal: the signal that stopped it; None where it was not stopped.
    """

    step: int
    finished: bool
    data_wait: float = 0.0
    signal: Signals | None = None


def train(
    config: Config,
    workdir: str | Path,
    *,
    resume: bool = False,
    overwrite: bool = False,
    from_step: int | None = None,
    accept_data_change: bool = False,
    verify_data: bool = False,
) -> Ended:
    """Trains, or trains on, until `config.train.steps` or until asked to stop.

    A continued run gives the parameters that an uninterrupted one gives, bit for bit on the same devices: data and
    dropout are functions of the seed and the step.

    Args:
        config: see `deemo_jax.core.recipe.Recipe`.
        workdir: see `deemo_jax.core.run_folder.workdir`.
        resume: continues the run that is there, or begins one.
        overwrite: removes the run that is there.
        from_step: continues from this checkpoint instead of the newest; newer ones are moved to `set_aside/`.
        accept_data_change: continues with other data than the run was begun with, and records that.
        verify_data: compares the hash of every shard with the one that `build` recorded.

    Returns:
        How far the run got; after SIGTERM, SIGHUP, SIGUSR1 or SIGUSR2 it is not finished, and its checkpoint is
        written.

    Raises:
        UserError: a mistake in the config, the folder or the data, another run in the folder, a full disk, too much
            data that cannot be read, or a loss that stays NaN.
        KeyboardInterrupt: after Ctrl-C, when the checkpoint is written.
    """
    recipe, folder = Recipe.from_config(config), Workdir(Path(workdir))
    request = TrainingRequest(folder, recipe.resolved(), resume, overwrite, from_step)
    plan = request.check()
    _meet("checked")  # the first process writes only when all have checked the folder
    if plan.start >= recipe.train.steps:
        _say(f"{folder.path}: trained to step {plan.start} already; nothing to do")
        return Ended(plan.start, True)
    with Lock(folder.lock) as lock, Stop() as stop:
        try:
            found, remarks = examine(recipe.data, verify=verify_data)
            before = DataRecord() if overwrite else read_record(folder.data)
            data = before.agreeing(found, folder.path, plan.start, accept=accept_data_change)
            for line in [f"warning: {doubt}" for doubt in recipe.doubts()] + remarks + data.notes():
                _say(line)
            outcome = _train(recipe, request, plan, data, lock, stop)
        except Stopped as stopped:
            _say(f"{folder.path}: stopped before step {plan.start + 1}; begin or go on with --resume")
            return Ended(plan.start, False, signal=stopped.signal)
    if outcome.signal == SIGINT:
        raise KeyboardInterrupt
    return outcome


def _train(recipe: Recipe, request: TrainingRequest, plan: Plan, data: DataRecord, lock: Lock, stop: Stop) -> Ended:
    folder = request.folder
    _hold(lock, request, plan, new=False)
    mesh = mesh_lib.make_mesh(recipe.mesh)
    mesh_lib.check_batch(mesh, recipe.data.batch_size, recipe.optimizer.accumulate)
    check_text_fits(recipe)
    setup = build(recipe, mesh, with_trainable=not plan.start)
    pipeline = _pipeline(recipe, setup, mesh)
    batches = pipeline.iterate(plan.start)
    # The first batch is read here, so that an error in the data is raised before anything is written.
    batches = itertools.chain([next(batches)], batches)
    vocab = setup.model.config.decoder.config.vocab
    facts = describe(recipe.resolved(), cut_rows(setup.frozen, vocab), INSTRUCTION_VERSION)
    if plan.start:
        state, metadata = restore(recipe, mesh, setup, folder.checkpoints, plan.start, facts["frozen_sha256"])
        health = LossSpikes(metadata.get("health"))
        _say(f"going on from step {plan.start}")
    else:
        state, health = fresh(recipe, mesh, setup), LossSpikes()
    for line in told(plan.changes):
        _say(f"changed since the run was begun: {line}")
    _say(table(setup.trainable, setup.frozen, recipe.resting()))
    if mesh.size > 1:
        rows = placement.placements(flatten(merge(setup.trainable, setup.frozen)))
        _say(placement.table(rows, recipe.mesh.replicated_below))
    _hold(lock, request, plan, new=True)
    if jax.process_index() == 0:
        for line in request.begin(plan):
            _say(line)
        data.write(folder.data)
    _meet("begun")
    with Checkpoints(folder.checkpoints, keep=recipe.train.keep) as checkpoints:
        outcome = _run(
            recipe, folder, mesh, setup, batches, checkpoints, state, health, facts, stop, pipeline.masked_count()
        )
    _farewell(folder, outcome, pipeline)
    return outcome


def _run(
    recipe: Recipe,
    folder: Workdir,
    mesh: jax.sharding.Mesh,
    setup: Setup,
    batches: Iterator[Batch],
    checkpoints: Checkpoints,
    state: TrainState,
    health: LossSpikes,
    facts: Mapping[str, Any],
    stop: Stop,
    masked: MaskedCount,
) -> Ended:
    begun, start, steps = time.monotonic(), int(state.step), recipe.train.steps
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
    guard = StepGuard(recipe, monitor, health, checkpoints, masked)
    done, asked = start, False
    pending: tuple[int, Mapping[str, jax.Array], np.ndarray] | None = None
    stop.saves()
    with monitor:
        while done < steps and not asked:
            if done > start:
                with monitor.waiting():
                    batch = next(batches)
            state, metrics = step(state, setup.frozen, mesh_lib.put_batch(batch, mesh))
            done += 1
            # The device works on this step while the host reads the one before.
            if pending is not None:
                guard.read(*pending)
            pending = done, metrics, batch.index
            asked = stop.after(done)
            if done % recipe.train.checkpoint_every == 0 or done == steps or asked:
                guard.read(*pending)
                pending = None
                position = {"data": {"next_step": done, "batch_size": recipe.data.batch_size, "seed": recipe.seed}}
                checkpoints.wait()
                checkpoints.anchor = health.before(checkpoints.steps())
                parts = cut_rows(state.parts(), setup.model.config.decoder.config.vocab)
                checkpoints.save(done, parts, {**facts, **position, "health": health.to_json()})
        checkpoints.wait()
    return Ended(done, done == steps, monitor.data_wait, None if done == steps else stop.signal)


def _pipeline(recipe: Recipe, setup: Setup, mesh: jax.sharding.Mesh) -> Pipeline:
    which, count = mesh_lib.rows_of_process(mesh, recipe.data.batch_size)
    model, data = setup.model, recipe.data
    source = ClipSource(data.data_dir, data.dataset, data.train_split)
    found = with_features(source, recipe, model, setup.frozen, data.train_split)
    return make_pipeline(
        recipe, model.config.tokens, train=True, source=found, process_index=which, process_count=count
    )


def _hold(lock: Lock, request: TrainingRequest, plan: Plan, *, new: bool) -> None:
    """Takes the lock of a workdir that was there when the plan was made, or of a `new` one. The first process holds it.

    Raises:
        UserError: another run holds the lock or has changed the folder meanwhile; raised on every process.
    """
    refusal = ""
    if jax.process_index() == 0:
        try:
            if request.hold(lock, plan, new=new):
                _say(lock.note)
        except UserError as error:
            refusal = str(error)
    if jax.process_count() > 1:
        from jax.experimental import multihost_utils

        if multihost_utils.broadcast_one_to_all(np.int32(bool(refusal))) and not refusal:
            refusal = f"{request.folder.path}: cannot be used; the first process says why"
    if refusal:
        raise UserError(refusal)


def _farewell(folder: Workdir, outcome: Ended, pipeline: Pipeline) -> None:
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
