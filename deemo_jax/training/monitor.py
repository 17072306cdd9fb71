"""Reports a run's metrics to metrics.jsonl and its trackers, and as a bar or plain lines with the time left."""

import contextlib
import json
import math
import sys
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any

from deemo_jax.core import progress
from deemo_jax.core.errors import UserError
from deemo_jax.core.files import append_line, atomic, decode_json, read_jsonl
from deemo_jax.training.trackers.trackers import Trackers

# Seconds between two plain lines, where stderr is no terminal.
PLAIN_EVERY_S = 5.0


def cut_back(path: Path, step: int) -> None:
    """Removes the lines of a metrics file on steps after `step`, and an incomplete last line.

    Raises:
        UserError: the file cannot be written.
    """
    if not path.exists():
        return
    path = path.resolve()  # a link is kept, and its target is rewritten
    with atomic(path) as temporary, open(path, "rb") as old, open(temporary, "wb") as new:
        for line in old:
            try:
                kept = line.endswith(b"\n") and int(decode_json(line, str(path))["step"]) <= step
            except (ValueError, KeyError, TypeError, OverflowError):
                kept = False
            if kept:
                new.write(line)


def last_step(path: Path) -> int:
    """The step of the last whole line of a metrics file; 0 where there is none."""
    last = 0
    if path.exists():
        with contextlib.suppress(UserError, KeyError, TypeError, ValueError, OverflowError):
            for row in read_jsonl(path):
                last = int(row["step"])
    return last


class Monitor:
    """Measures time and writes metrics; a context manager that opens and closes the files.

    Args:
        metrics: the JSON-lines file, which is appended to.
        trackers: of the run.
        steps: of the whole run.
        start: steps that were done before.
        batch_size: examples in a step.
        log_every: steps between two lines.
        active: False on all processes but the first: time is measured, nothing is written or shown.
    """

    def __init__(
        self,
        metrics: Path,
        trackers: Trackers,
        *,
        steps: int,
        start: int,
        batch_size: int,
        log_every: int,
        active: bool,
    ) -> None:
        self._metrics, self._trackers, self._active = metrics, trackers, active
        self._steps, self._start, self._batch, self._every = steps, start, batch_size, log_every
        self._began = self._since = self._told = 0.0
        self._waited = self._waited_since = 0.0
        self._logged = start
        self._open = contextlib.ExitStack()

    def __enter__(self) -> "Monitor":
        if self._active:
            cut_back(self._metrics, self._start)
            try:
                self._trackers.open(self._start)
            except OSError as error:
                raise UserError(f"{_unwritten(self._trackers.where, error)}; check space and permissions") from error
            self._open.callback(lambda: self._trackers.close(self._logged == self._steps))
            self._bar = progress.bar("train", self._steps, self._start, "step")
            self._open.callback(self._bar.close)
        self._began = self._since = self._told = time.monotonic()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._open.close()

    @contextlib.contextmanager
    def waiting(self) -> Iterator[None]:
        """To be entered while waiting for a batch."""
        begin = time.monotonic()
        yield
        self._waited += time.monotonic() - begin

    @property
    def data_wait(self) -> float:
        """Share of the time since the monitor was entered that was spent waiting for data."""
        return self._waited / max(time.monotonic() - self._began, 1e-9)

    def report(self, step: int, metrics: Mapping[str, float], extra: Mapping[str, Any]) -> None:
        """Takes in the metrics of a finished step.

        Every `log_every`-th step is written, and the last, skipped ones, and those with a validation loss.

        Args:
            step: number of the step, from 1 on.
            metrics: scalars.
            extra: written beside them in skipped steps only.

        Raises:
            UserError: a file cannot be written.
        """
        if not self._active:
            return
        self._bar.update(step - self._bar.n)
        skipped = bool(metrics["skipped"])
        if step % self._every and step != self._steps and not skipped and "validation_loss" not in metrics:
            return
        now = time.monotonic()
        spent = max(now - self._since, 1e-9)
        row: dict[str, Any] = {key: _json_number(value) for key, value in metrics.items()}
        row["examples_per_s"] = (step - self._logged) * self._batch / spent
        row["data_wait"] = (self._waited - self._waited_since) / spent
        line = json.dumps({"step": step, **row, **(extra if skipped else {})}, allow_nan=False)
        try:
            append_line(self._metrics, line)
        except OSError as error:
            raise UserError(_unwritten(self._metrics, error)) from error
        try:
            self._trackers.add(step, {f"train/{key}": value for key, value in row.items() if value is not None})
        except OSError as error:
            raise UserError(_unwritten(self._trackers.where, error)) from error
        self._since, self._waited_since, self._logged = now, self._waited, step
        self._show(step, metrics, row, skipped)

    def _show(self, step: int, metrics: Mapping[str, float], row: Mapping[str, Any], skipped: bool) -> None:
        loss, rate, validation = metrics["loss"], metrics["lr"], metrics.get("validation_loss")
        if progress.in_terminal():
            self._bar.set_postfix(loss=f"{loss:.4f}", lr=f"{rate:.1e}", wait=f"{row['data_wait']:.1%}")
            return
        now = time.monotonic()
        if (
            now - self._told < PLAIN_EVERY_S
            and step != self._steps
            and step > self._start + self._every
            and not skipped
            and validation is None
        ):
            return
        self._told = now
        left = (now - self._began) / max(step - self._start, 1) * (self._steps - step)
        line = (
            f"train: step {step}/{self._steps}, loss {loss:.4f}, "
            f"{'' if validation is None else f'validation loss {validation:.4f}, '}"
            f"lr {rate:.1e}, {row['examples_per_s']:.1f} "
            f"examples/s, {row['data_wait']:.1%} waiting for data, about {progress.duration(left)} left"
        )
        print(line + (" - NOT FINITE, skipped" if skipped else ""), file=sys.stderr, flush=True)


def _unwritten(path: Path, error: OSError) -> str:
    return f"{path}: cannot be written ({error.strerror or error})"


def _json_number(value: float) -> float | int | None:
    """A number for JSON: None for NaN and infinity, which JSON lacks; whole numbers as integers."""
    if not math.isfinite(value):
        return None
    return int(value) if value == int(value) and abs(value) < 1e9 else float(value)
