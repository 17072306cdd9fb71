"""Checkpoints of a training run. No other file imports Orbax, whose v1 API is experimental.

A checkpoint is a folder named by its step. It holds the trees `trainable`, `opt_state` and `loop` (step, rng,
skipped_in_row), and JSON: the config, versions, the state of the data, and the hash of the frozen weights, which are
not stored. A folder has its final name only when it is complete.
"""

import contextlib
import errno
import logging
import math
import os
import re
import sys
import threading
import warnings
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any

import flax.traverse_util
import jax
import numpy as np
import orbax.checkpoint.experimental.v1 as ocp

from deemo_jax.core.errors import UserError
from deemo_jax.core.files import plain_path, sha256

PARTS = ("trainable", "opt_state", "loop")
# Folder for checkpoints that are newer than the one that a run goes on from.
SET_ASIDE = "set_aside"
# Error numbers of a disk that takes no more data.
DISK = (errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EFBIG, errno.EACCES, errno.EPERM)


class Checkpoints:
    """The checkpoints of a run.

    Args:
        folder: made when missing, unless `read_only`.
        keep: how many of the newest checkpoints stay.
        keep_best: how many of those with the least validation loss stay beside them.
        read_only: nothing is made, cleaned or deleted.

    Attributes:
        path: of the folder.
        anchors: steps of checkpoints that stay beside the newest ones.
        losses: step -> validation loss, of the checkpoints that have one.

    Raises:
        UserError: the folder is missing and `read_only`, or cannot be opened.
    """

    def __init__(self, folder: Path, *, keep: int = 1, keep_best: int = 1, read_only: bool = False) -> None:
        if read_only and not folder.is_dir():
            raise UserError(f"{folder}: no checkpoints there; train first, or name another run")
        self.path = folder.absolute()
        self.anchors: Collection[int] = ()
        self.losses: dict[int, float] = {}
        policies = ocp.training.preservation_policies
        with self._clear("the checkpoints cannot be opened", "check the path, space and permissions"):
            self.path.mkdir(parents=True, exist_ok=True)
            self._orbax = ocp.training.Checkpointer(
                plain_path(self.path),
                preservation_policy=policies.PreserveAll() if read_only else _Kept(self, keep, keep_best),
                cleanup_tmp_directories=not read_only,
            )
        self._saving: tuple[int, Any, Callable[[bool], None]] | None = None
        if not read_only:
            for step in self.steps():
                with contextlib.suppress(Exception), _quiet():  # a damaged one is named when it is read
                    self._note(step, _facts(self._orbax.checkpointables_metadata(step).custom_metadata))

    def __enter__(self) -> "Checkpoints":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            self.wait()
        except UserError:
            if kind is None:  # an exception that is being raised tells more
                raise
        finally:
            with _quiet(), contextlib.suppress(Exception):  # closing fails where a save has failed
                self._orbax.close()

    def steps(self) -> list[int]:
        """The steps of all complete checkpoints, ascending."""
        return [found.step for found in self._orbax.checkpoints]

    def best(self) -> int | None:
        """The step of the checkpoint with the least validation loss; None where none has one."""
        known = [step for step in self.steps() if step in self.losses]
        return min(known, key=lambda step: (self.losses[step], step), default=None)

    def identity(self, step: int) -> str:
        """A hash that tells a checkpoint from others of the same step, also after it was copied; empty if damaged."""
        written = self.path / str(step) / "_CHECKPOINT_METADATA"  # holds the time of writing, in nanoseconds
        return sha256(written) if written.is_file() else ""

    def save(self, step: int, parts: Mapping[str, Any], metadata: Mapping[str, Any]) -> None:
        """Copies arrays to the host and writes them in the background; they may be donated as soon as this returns.

        Args:
            step: names the checkpoint.
            parts: a tree of arrays for each of `PARTS`.
            metadata: values that JSON can hold; `validation_loss` is the one that the best checkpoints are known by.

        Raises:
            UserError: this checkpoint, or the one before, cannot be written.
        """
        self.wait()
        self._note(step, metadata)
        restore = _hush()  # until `wait`: a failure in the background is raised there
        with self._writing(step):
            saving = self._orbax.save_checkpointables_async(
                step, dict(parts), force=True, custom_metadata=dict(metadata)
            )
            self._saving = step, saving, restore

    def wait(self) -> None:
        """Waits until the checkpoint that is being written is on disk.

        Raises:
            UserError: it could not be written.
        """
        saving, self._saving = self._saving, None
        if saving is None:
            return
        step, written, restore = saving
        failed = True
        try:
            with self._writing(step):
                written.result()
            failed = False
        finally:
            restore(failed)

    def metadata(self, step: int) -> dict[str, Any]:
        """The metadata that was given to `save`.

        Raises:
            UserError: the checkpoint is damaged.
        """
        with self._reading(step):
            return _facts(self._orbax.checkpointables_metadata(step).custom_metadata)

    def restore(self, step: int, target: Mapping[str, Any]) -> dict[str, Any]:
        """Reads some or all parts of a checkpoint.

        Args:
            step: one of `steps`.
            target: for each part that is wanted, a tree of arrays or `jax.ShapeDtypeStruct`s with the shapes, dtypes
                and shardings to restore into; number and kind of devices may differ from those that saved.

        Raises:
            UserError: it holds other parameters, or is damaged.
        """
        self._check(step, target["trainable"])
        with self._reading(step):
            places = {part: _abstract(tree) for part, tree in target.items()}
            return dict(self._orbax.load_checkpointables(step, places))

    def learnt(self, step: int) -> Any:
        """The parameters that a checkpoint holds, whatever run it is of: a tree of NumPy arrays.

        Raises:
            UserError: it is damaged.
        """
        with self._reading(step):
            stored = self._orbax.checkpointables_metadata(step).metadata["trainable"]
            wanted = {"trainable": jax.tree.map(_on_host, stored)}
            return jax.tree.map(np.asarray, self._orbax.load_checkpointables(step, wanted)["trainable"])

    def whole(self, step: int) -> bool:
        """Whether every value of a checkpoint can be read; this reads all of it into the host's memory."""
        return not self._unreadable(step)

    def way_on(self, failed: int | None = None) -> str:
        """The end of a message about a full disk: how to go on, from the last checkpoint that is not `failed`."""
        saved = max((step for step in self.steps() if step != failed), default=None)
        last = "there is no whole checkpoint yet" if saved is None else f"the last whole checkpoint is {saved}"
        return f"{last}; mend space, quota or permissions, then go on with --resume"

    def _note(self, step: int, metadata: Mapping[str, Any]) -> None:
        loss = metadata.get("validation_loss")
        self.losses.pop(step, None)
        if isinstance(loss, int | float) and math.isfinite(loss):
            self.losses[step] = float(loss)

    def _unreadable(self, step: int) -> list[str]:
        """The parts of a checkpoint that are damaged."""
        bad = []
        for part in (*PARTS, "metadata"):
            with _quiet():
                try:
                    found = self._orbax.checkpointables_metadata(step)
                    if part == "metadata":
                        _facts(found.custom_metadata)
                        continue
                    self._orbax.load_checkpointables(step, {part: jax.tree.map(_on_host, found.metadata[part])})
                except Exception:
                    bad.append(part)
        return bad

    def _check(self, step: int, target: Mapping[str, Any]) -> None:
        with self._reading(step):
            trainable = self._orbax.checkpointables_metadata(step).metadata["trainable"]
            stored = {path: tuple(leaf.shape) for path, leaf in _leaves(trainable)}
        wanted = {path: tuple(leaf.shape) for path, leaf in _leaves(target)}
        different = sorted(path for path in stored | wanted if stored.get(path) != wanted.get(path))
        if different:
            shown = [
                f"{path}: {stored.get(path, 'absent')}, not {wanted.get(path, 'absent')}" for path in different[:3]
            ]
            more = f"; and {len(different) - 3} more" if len(different) > 3 else ""
            raise UserError(
                f"{self.path / str(step)}: holds other parameters than this config trains ({'; '.join(shown)}{more}); "
                "use the config of that run, or another --workdir"
            )

    @contextlib.contextmanager
    def _reading(self, step: int) -> Iterator[None]:
        """Turns what Orbax raises on a damaged checkpoint into a `UserError` that names the newest whole one."""
        try:
            with _quiet():
                yield
        except (UserError, KeyboardInterrupt):
            raise
        except Exception as error:
            where = self.path / str(step)
            if not os.path.lexists(where):
                raise UserError(f"{where}: is gone; training keeps only the newest checkpoints, so try again") from None
            if not (bad := self._unreadable(step)):
                raise UserError(
                    f"{where}: is whole, but cannot be restored into this run ({self._said(error)}); "
                    "use the config and the versions that made it"
                ) from error
            whole = next((other for other in reversed(self.steps()) if other != step and self.whole(other)), None)
            mend = "no other one is whole, so train anew (--overwrite)"
            if whole is not None:
                mend = f"the newest whole one is {whole}: go on from it with --from_step {whole}"
            raise UserError(f"{where}: this checkpoint is damaged ({', '.join(bad)}); {mend}") from error

    @contextlib.contextmanager
    def _writing(self, step: int) -> Iterator[None]:
        """Turns what Orbax raises on a full disk and the like into a `UserError` that names the last checkpoint."""
        with self._clear(f"checkpoint {step} cannot be written", self.way_on(step)):
            yield

    @contextlib.contextmanager
    def _clear(self, what: str, mend: str) -> Iterator[None]:
        try:
            with _quiet():
                yield
        except (UserError, KeyboardInterrupt):
            raise
        except Exception as error:
            raise UserError(f"{self.path}: {what} ({self._said(error)}); {mend}") from error

    def _said(self, error: Exception) -> str:
        """An error in one line: the system's message for it, or its first line with the checkpoints' real path."""
        for number in DISK:
            if os.strerror(number) in str(error):
                return os.strerror(number)
        line = next(iter(str(error).splitlines()), "").replace(str(plain_path(self.path)), str(self.path))
        return f"{type(error).__name__}: {line[:200]}".removesuffix(": ")


def saved_steps(folder: Path) -> list[int]:
    """The steps of the checkpoints in a folder, ascending, without Orbax, which would wait for all processes of a run.

    Args:
        folder: may be missing.
    """
    if not folder.is_dir():
        return []
    return sorted(int(path.name) for path in folder.iterdir() if re.fullmatch(r"0|[1-9][0-9]*", path.name))


def choose(folder: Path, known: Sequence[int], step: int | None) -> int | None:
    """`step`, or the newest of the `known` steps where it is None; None where there is no checkpoint.

    Raises:
        UserError: there is no checkpoint of `step`.
    """
    if step is not None and step not in known:
        there = f"there are {', '.join(map(str, known))}" if known else "there is none"
        raise UserError(f"{folder}: holds no checkpoint of step {step}; {there}")
    return max(known, default=None) if step is None else step


class _Kept:
    """Orbax's policy of which checkpoints stay: the newest, those with the least validation loss, and the anchors."""

    def __init__(self, owner: Checkpoints, keep: int, keep_best: int) -> None:
        self._owner, self._keep, self._keep_best = owner, keep, keep_best

    def should_preserve(self, checkpoints: Sequence[Any], *, context: Any) -> Sequence[bool]:
        steps, losses = [found.step for found in checkpoints], self._owner.losses
        best = sorted((step for step in steps if step in losses), key=lambda step: (losses[step], step))
        kept = {*steps[-self._keep :], *best[: self._keep_best], *self._owner.anchors}
        return [step in kept for step in steps]


def _facts(found: Any) -> dict[str, Any]:
    """The metadata that was given to `save`.

    Raises:
        ValueError: it is lost, or not of the form that training writes.
    """
    facts = dict(found or {})
    tables = [facts.get(key, {}) for key in ("config", "versions", "data", "health")]
    if not facts or not all(isinstance(table, dict) for table in (*tables, dict(tables[0]).get("optimizer", {}))):
        raise ValueError("its metadata is lost")
    return facts


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Silences what Orbax prints about a failure, apart from the exception that it raises.

    One damaged file or full disk fails many of its tasks at once. One failure is raised; the others reach logs,
    warnings about coroutines that were never awaited, threads, and callbacks whose event loop is closed, some of them
    only when memory is freed later. So after an exception they stay silenced for as long as the process lives.
    """
    restore, failed = _hush(), False
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    except Exception:
        failed = True
        warnings.filterwarnings("ignore", "coroutine .* was never awaited", RuntimeWarning)
        raise
    finally:
        restore(failed)


def _hush() -> Callable[[bool], None]:
    """Silences logs, and exceptions of threads and of callbacks.

    Returns:
        A function that ends this, wholly, or but for what comes late of a failure.
    """
    absl, tasks = logging.getLogger("absl"), logging.getLogger("asyncio")
    before = absl.level, tasks.level, sys.unraisablehook, threading.excepthook
    absl.setLevel(logging.CRITICAL)
    tasks.setLevel(logging.CRITICAL)
    sys.unraisablehook = threading.excepthook = _drop

    def restore(failed: bool) -> None:
        if not failed:
            absl.setLevel(before[0])
            tasks.setLevel(before[1])
            sys.unraisablehook, threading.excepthook = before[2:]

    return restore


def _drop(_: Any) -> None:
    """A hook for exceptions that prints nothing."""


def _leaves(tree: Mapping[str, Any]) -> Iterable[tuple[str, Any]]:
    """(path, leaf) of nested dicts."""
    return flax.traverse_util.flatten_dict(dict(tree), sep="/").items()


def _on_host(leaf: Any) -> Any:
    """A target in the host's memory for a value that is only read on trial."""
    try:
        place = jax.sharding.SingleDeviceSharding(jax.local_devices(backend="cpu")[0])
    except RuntimeError:  # JAX_PLATFORMS leaves no CPU
        return np.empty(leaf.shape, leaf.dtype)
    return jax.ShapeDtypeStruct(leaf.shape, leaf.dtype, sharding=place)


def _abstract(tree: Any) -> Any:
    return jax.tree.map(lambda leaf: jax.ShapeDtypeStruct(leaf.shape, leaf.dtype, sharding=leaf.sharding), tree)
