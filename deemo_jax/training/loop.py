"""The training loop. Data and updates are functions of the step number, so a checkpoint resumes a run exactly."""

import dataclasses
import itertools
import math
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from signal import SIGINT, Signals
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from deemo_jax.core.compilation_cache import kept_in
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
from deemo_jax.data.mixture import MixedClips, open_training
from deemo_jax.data.pipeline import Pipeline, make_pipeline
from deemo_jax.data.prompt_lengths import check_prompts
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
from deemo_jax.training.cluster.facts import data_facts, run_facts
from deemo_jax.training.cluster.peers import Alone, connect
from deemo_jax.training.loss_spikes import LossSpikes
from deemo_jax.training.monitor import Monitor, last_step
from deemo_jax.training.request import Plan, TrainingRequest
from deemo_jax.training.resume import fresh, restore
from deemo_jax.training.state import TrainState, table
from deemo_jax.training.step import lower_step
from deemo_jax.training.step_guard import StepGuard
from deemo_jax.training.stop_signals import Stop, Stopped
from deemo_jax.training.trackers.trackers import Trackers
from deemo_jax.training.validation import Validation
from deemo_jax.training.watch.goodput import Bucket, Goodput
from deemo_jax.training.watch.trace import Trace
from deemo_jax.training.watch.watchdog import Watchdog

# Seconds that stand for no bound.
FOREVER_S = 1e8


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


@dataclasses.dataclass(frozen=True)
class Watch:
    """How a run is watched.

    Attributes:
        join_timeout_s: how long processes wait for each other before the first step.
        stuck_after_s: seconds without progress after which the run ends; 0 for never.
        profile: first and last step of a trace; None for none.
        began: time.monotonic() when the process began; None for the call of `train`.
        place: number of this process and how many there are, where that is known before JAX looks for devices.
    """

    join_timeout_s: float = 300.0
    stuck_after_s: float = 900.0
    profile: tuple[int, int] | None = None
    began: float | None = None
    place: tuple[int, int] | None = None


def train(
    config: Config,
    workdir: str | Path,
    *,
    resume: bool = False,
    overwrite: bool = False,
    from_step: int | None = None,
    accept_data_change: bool = False,
    verify_data: bool = False,
    watch: Watch = Watch(),
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
        watch: bounds on time, and what is measured. In a run of several processes a failure of one ends all.

    Returns:
        How far the run got; after SIGTERM, SIGHUP, SIGUSR1 or SIGUSR2 it is not finished, and its checkpoint is
        written.

    Raises:
        UserError: a mistake in the config, the folder or the data, another run in the folder, a full disk, too much
            data that cannot be read, or a loss that stays NaN.
        KeyboardInterrupt: after Ctrl-C, when the checkpoint is written.
    """
    folder = Workdir(Path(workdir))
    process, count = watch.place or (jax.process_index(), jax.process_count())
    patience_s = watch.stuck_after_s or FOREVER_S
    with connect(folder.path, process, count, watch.join_timeout_s, patience_s) as peers:
        if jnp.asarray(0.0).dtype != jnp.float32:
            raise UserError("JAX_ENABLE_X64 is set, which changes the numbers of a run; unset it")
        recipe = Recipe.from_config(config)
        request = TrainingRequest(folder, recipe.resolved(), resume, overwrite, from_step)
        plan = request.check()
        # The first process writes only when all have checked the folder.
        peers.agree("the start", run_facts(recipe, plan.start))
        if plan.start >= recipe.train.steps and not plan.changes and not accept_data_change:
            _say(f"{folder.path}: trained to step {plan.start} already; nothing to do")
            return Ended(plan.start, True)
        outcome = _held(recipe, request, plan, peers, watch, accept_data_change, verify_data)
    if outcome.signal == SIGINT:
        raise KeyboardInterrupt
    return outcome


def _held(
    recipe: Recipe,
    request: TrainingRequest,
    plan: Plan,
    peers: Alone,
    watch: Watch,
    accept_data_change: bool,
    verify_data: bool,
) -> Ended:
    """Checks the data and trains, while the folder is locked and signals are noted."""
    folder = request.folder
    with Lock(folder.lock) as lock, Stop() as stop:
        try:
            found, remarks = examine(recipe.data, verify=verify_data)
            peers.agree("the data", data_facts(found))
            before = DataRecord() if request.overwrite else read_record(folder.data)
            data = before.agreeing(found, folder.path, plan.start, accept=accept_data_change)
            lines = [_devices(), *(f"warning: {doubt}" for doubt in recipe.doubts()), *remarks, *data.notes()]
            for line in lines:
                _say(line)
            if plan.start >= recipe.train.steps:
                return _recorded(request, plan, data, lock)
            return _train(recipe, request, plan, data, lock, stop, peers, watch)
        except Stopped as stopped:
            _say(f"{folder.path}: stopped before step {plan.start + 1}; begin or go on with --resume")
            return Ended(plan.start, False, signal=stopped.signal)


def _recorded(request: TrainingRequest, plan: Plan, data: DataRecord, lock: Lock) -> Ended:
    """Writes down what has changed of a run that is trained to its end."""
    if jax.process_index() == 0:
        if request.hold(lock, plan, new=False):
            _say(lock.note)
        for line in (*told(plan.changes), *request.begin(plan)):
            _say(f"recorded: {line}")
        data.write(request.folder.data)
    _say(f"{request.folder.path}: trained to step {plan.start} already; nothing else to do")
    return Ended(plan.start, True)


def _train(
    recipe: Recipe,
    request: TrainingRequest,
    plan: Plan,
    data: DataRecord,
    lock: Lock,
    stop: Stop,
    peers: Alone,
    watch: Watch,
) -> Ended:
    folder, first = request.folder, jax.process_index() == 0
    goodput = Goodput(folder.goodput if first else None, watch.began)
    if first and request.hold(lock, plan, new=False):
        _say(lock.note)
    mesh = mesh_lib.make_mesh(recipe.mesh)
    mesh_lib.check_batch(mesh, recipe.data.batch_size, recipe.optimizer.accumulate)
    check_text_fits(recipe)
    setup = build(recipe, mesh, with_trainable=not plan.start)
    if first and data.data is not None:
        for split in filter(None, (recipe.data.train_split, recipe.data.validation_split)):
            check_prompts(recipe, setup.model.config.tokens, data.data, split)
    pipeline = _pipeline(recipe, setup, mesh)
    batches = pipeline.iterate(plan.start)
    # The first batch is read here, so that an error in the data is raised before anything is written.
    batches = itertools.chain([next(batches)], batches)
    validation = None
    if split := recipe.data.validation_split:
        validation = Validation(setup.model, _pipeline(recipe, setup, mesh, split), mesh, split)
    vocab = setup.model.config.decoder.config.vocab
    facts = describe(recipe.resolved(), cut_rows(setup.frozen, vocab), INSTRUCTION_VERSION)
    peers.agree("the weights", {"frozen weights": facts["frozen_sha256"]})
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
    if first:
        if request.hold(lock, plan, new=True):
            _say(lock.note)
        for line in request.begin(plan):
            _say(line)
        data.write(folder.data)
    peers.agree("the first step")
    with Checkpoints(folder.checkpoints, keep=recipe.train.keep, keep_best=recipe.train.keep_best) as checkpoints:
        run = _Run(recipe, folder, mesh, setup, checkpoints, health, facts, goodput, peers, watch)
        outcome = run.steps(state, batches, validation, stop, pipeline.masked_count())
        best = checkpoints.best()
    _farewell(folder, outcome, pipeline, goodput)
    if best is not None:
        _say(f"the least validation loss, {checkpoints.losses[best]:.4f}, is that of checkpoint {best}")
    return outcome


@dataclasses.dataclass
class _Run:
    """The steps of a run that is ready to begin, and what they need."""

    recipe: Recipe
    folder: Workdir
    mesh: jax.sharding.Mesh
    setup: Setup
    checkpoints: Checkpoints
    health: LossSpikes
    facts: Mapping[str, Any]
    goodput: Goodput
    peers: Alone
    watch: Watch

    def steps(
        self,
        state: TrainState,
        batches: Iterator[Batch],
        validation: Validation | None,
        stop: Stop,
        masked: MaskedCount,
    ) -> Ended:
        recipe, folder, goodput, frozen = self.recipe, self.folder, self.goodput, self.setup.frozen
        start, steps, first = int(state.step), recipe.train.steps, jax.process_index() == 0
        batch = next(batches)
        with goodput.bucket(Bucket.COMPILE):
            placed = mesh_lib.put_batch(batch, self.mesh)
            step = lower_step(self.setup.model, recipe, self.mesh, state, frozen, placed).compile()
            if validation is not None:
                validation.compile(state.trainable, frozen)
        # Collectives wait 30 seconds for each other (Gloo), and one host may compile much longer than another.
        self.peers.agree("the compiled step")
        where = f", kept in {kept}" if (kept := kept_in()) else ""
        _say(f"compiled in {duration(goodput.seconds(Bucket.COMPILE))}{where}; steps {start + 1} to {steps}")
        monitor = Monitor(
            folder.metrics,
            Trackers(recipe, folder),
            steps=steps,
            start=start,
            batch_size=recipe.data.batch_size,
            log_every=recipe.train.log_every,
            active=first,
        )
        guard = StepGuard(recipe, monitor, self.health, self.checkpoints, masked)
        done, asked = start, False
        pending: tuple[int, Mapping[str, jax.Array], np.ndarray] | None = None
        watchdog = Watchdog(
            self.watch.stuck_after_s,
            folder.stacks / f"process_{jax.process_index()}.txt",
            lambda: f"step {done + 1} ({goodput.now.replace('_', ' ')})",
            lambda: jax.process_count() > 1 and goodput.now != Bucket.DATA,
            self.peers.end,
        )
        trace = Trace(folder.profile, self.watch.profile if first else None)
        reached = last_step(folder.metrics)
        goodput.begin_steps(start, reached, devices=jax.device_count(), processes=jax.process_count())
        stop.saves()
        with monitor, watchdog, trace:
            while done < steps and not asked:
                if done > start:
                    with monitor.waiting(), goodput.bucket(Bucket.DATA):
                        batch = next(batches)
                trace.before(done + 1)
                state, metrics = step(state, frozen, mesh_lib.put_batch(batch, self.mesh))
                done += 1
                # The device works on this step while the host reads the one before.
                if pending is not None:
                    guard.read(*pending)
                    goodput.tell(pending[0])
                pending = done, metrics, batch.index
                _say(trace.after(done, metrics))
                asked = stop.after(done)
                if done == start + 1:
                    jax.block_until_ready(metrics)
                    _say(self._first_step())
                if done % recipe.train.checkpoint_every == 0 or done == steps or asked:
                    more = self._validated(validation, state, watchdog)
                    guard.read(*pending, more)
                    pending = None
                    self._save(done, state, more)
                watchdog.beat()
            with goodput.bucket(Bucket.CHECKPOINT):
                self.checkpoints.wait()
            goodput.tell(done, now=True)
        return Ended(done, done == steps, monitor.data_wait, None if done == steps else stop.signal)

    def _validated(self, validation: Validation | None, state: TrainState, watchdog: Watchdog) -> dict[str, float]:
        """The validation loss, where there is a split for it."""
        if validation is None:
            return {}
        with self.goodput.bucket(Bucket.EVALUATION):
            return {"validation_loss": validation.loss(state.trainable, self.setup.frozen, watchdog.beat)}

    def _save(self, done: int, state: TrainState, more: Mapping[str, float]) -> None:
        """Begins to write a checkpoint, when the one before is written."""
        position = {"next_step": done, "batch_size": self.recipe.data.batch_size, "seed": self.recipe.seed}
        with self.goodput.bucket(Bucket.CHECKPOINT):
            self.checkpoints.wait()
            self.checkpoints.anchors = self.health.anchors(self.checkpoints.steps())
            finite = {name: value for name, value in more.items() if math.isfinite(value)}
            facts = {**self.facts, "data": position, "health": self.health.to_json(), **finite}
            parts = cut_rows(state.parts(), self.setup.model.config.decoder.config.vocab)
            self.checkpoints.save(done, parts, facts)
        self.goodput.tell(done, now=True)

    def _first_step(self) -> str:
        parts = {bucket: self.goodput.seconds(bucket) for bucket in Bucket}
        spent = ", ".join(f"{duration(value)} {bucket.replace('_', ' ')}" for bucket, value in parts.items() if value)
        return f"the first step was done {duration(sum(parts.values()))} after the start: {spent}"


def _pipeline(recipe: Recipe, setup: Setup, mesh: jax.sharding.Mesh, split: str = "") -> Pipeline:
    """The batches of the training split, or one pass over the `split` that is named."""
    which, count = mesh_lib.rows_of_process(mesh, recipe.data.batch_size)
    model, data = setup.model, recipe.data
    read = split or data.train_split
    opened = ClipSource(data.data_dir, data.dataset, read) if split else open_training(data)
    source = opened if isinstance(opened, MixedClips) else with_features(opened, recipe, model, setup.frozen, read)
    return make_pipeline(
        recipe,
        model.config.tokens,
        train=not split,
        split=split,
        source=source,
        process_index=which,
        process_count=count,
    )


def _devices() -> str:
    devices, count = jax.devices(), jax.process_count()
    named = f"devices: {len(devices)} x {devices[0].device_kind} (platform {devices[0].platform})"
    return named + (f" of {count} processes" if count > 1 else "")


def _farewell(folder: Workdir, outcome: Ended, pipeline: Pipeline, goodput: Goodput) -> None:
    if bad := pipeline.counts.unreadable:
        index, reason = next(iter(bad.items()))
        _say(f"{len(bad)} records could not be read and taught nothing; the first is {index} ({reason})")
    _say(f"waited for data in {outcome.data_wait:.2%} of the time")
    _say(goodput.line())
    if outcome.finished:
        _say(f"{folder.path}: trained to step {outcome.step}")
    else:
        _say(f"{folder.path}: stopped and saved at step {outcome.step}; go on with --resume")


def _say(text: str) -> None:
    if text and jax.process_index() == 0:
        print(text, file=sys.stderr, flush=True)
