"""Where the time of a run goes: the share that made steps which count, and what the rest was spent on.

goodput.json: {"goodput": share, "seconds": {bucket: s}, "steps": {"done", "redone"}, "sessions": [one for each start]}
"""

import contextlib
import dataclasses
import enum
import itertools
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from deemo_jax.core.errors import UserError
from deemo_jax.core.files import read_json, remove_rests, write_json
from deemo_jax.core.progress import duration

# Least seconds between two writes of the file, but for checkpoints and the end.
WRITE_EVERY_S = 5.0


class Bucket(enum.StrEnum):
    """What the time of a process is spent on."""

    START = "start_up"
    COMPILE = "compile"
    DATA = "data_wait"
    STEP = "step"
    CHECKPOINT = "checkpoint"
    EVALUATION = "evaluation"


# Buckets of a whole run that no process spends time in: steps that a later session did again, taken out of `step`; and
# the time between two sessions.
REDONE, IDLE = "redone", "idle"


@dataclasses.dataclass
class Session:
    """One start of a run.

    Attributes:
        began, ended: seconds since 1970; `ended` is the last time that the session was written.
        from_step, to_step: steps that were done when it began, and at `ended`.
        devices, processes: how many it ran on.
        seconds: of each bucket.
    """

    began: float
    ended: float
    from_step: int
    to_step: int
    devices: int
    processes: int
    seconds: dict[str, float]


class Goodput:
    """The clock of a session, which starts in the bucket `start_up`.

    Args:
        path: of the file; None writes nothing.
        began: time.monotonic() when the process began; None for this moment.
    """

    def __init__(self, path: Path | None, began: float | None = None) -> None:
        self._path, self._since = path, time.monotonic()
        self._seconds = dict.fromkeys(Bucket, 0.0)
        self._now = Bucket.START
        before = 0.0 if began is None else self._since - began
        self._seconds[Bucket.START] = before
        wall = time.time()
        self._session = Session(wall - before, wall, 0, 0, 1, 1, {})
        self._earlier: list[Session] = []
        self._redone, self._written = 0, 0.0

    @property
    def now(self) -> Bucket:
        """The bucket that time goes into."""
        return self._now

    @contextlib.contextmanager
    def bucket(self, bucket: Bucket) -> Iterator[None]:
        """Time in this context goes into `bucket`, and into no other one."""
        before = self._enter(bucket)
        try:
            yield
        finally:
            self._enter(before)

    def seconds(self, bucket: Bucket) -> float:
        """Of a bucket, in this session."""
        return self._seconds[bucket] + (time.monotonic() - self._since if bucket == self._now else 0)

    def begin_steps(self, step: int, reached: int, *, devices: int, processes: int) -> None:
        """From here on time goes into `step`.

        Args:
            step: number of steps done.
            reached: the last step that an earlier session is known to have done.
            devices, processes: how many work.
        """
        self._enter(Bucket.STEP)
        self._session = dataclasses.replace(
            self._session, from_step=step, to_step=step, devices=devices, processes=processes
        )
        if self._path is not None:
            remove_rests(self._path)
        if self._path is not None and step:
            self._earlier, self._redone = _read(self._path)
            reached = max([reached, *(of.to_step for of in self._earlier[-1:])])
        self._redone += max(reached - step, 0)

    def tell(self, step: int, *, now: bool = False) -> None:
        """Takes in that `step` steps are done, and writes the file, every few seconds or `now`.

        A file that cannot be written ends no run: where the disk is full, metrics and checkpoints say so.
        """
        self._session.to_step = step
        if self._path is None or (not now and time.monotonic() - self._written < WRITE_EVERY_S):
            return
        self._enter(self._now)
        self._session.ended, self._session.seconds = time.time(), self._spent()
        self._written = time.monotonic()
        with contextlib.suppress(UserError):
            write_json(self._path, self.summary())

    def summary(self) -> dict[str, Any]:
        """The content of the file."""
        sessions = [*self._earlier, dataclasses.replace(self._session, seconds=self._spent())]
        seconds = {str(bucket): sum(of.seconds.get(bucket, 0.0) for of in sessions) for bucket in Bucket}
        steps = sum(of.to_step - of.from_step for of in sessions)
        redone = min(self._redone, steps)
        lost = seconds[Bucket.STEP] * redone / steps if steps else 0.0
        idle = sum(max(later.began - earlier.ended, 0) for earlier, later in itertools.pairwise(sessions))
        seconds |= {Bucket.STEP: seconds[Bucket.STEP] - lost, REDONE: lost, IDLE: idle}
        whole = sum(seconds.values())
        return {
            "goodput": seconds[Bucket.STEP] / whole if whole else 0.0,
            "seconds": {str(name): round(value, 3) for name, value in seconds.items()},
            "steps": {"done": self._session.to_step, "redone": redone},
            "sessions": [dataclasses.asdict(of) for of in sessions],
        }

    def line(self) -> str:
        """The summary in one line."""
        self._enter(self._now)
        found = self.summary()
        seconds: Mapping[str, float] = found["seconds"]
        parts = [f"{name.replace('_', ' ')} {_told(value)}" for name, value in seconds.items() if name != REDONE]
        parts.append(f"redone {_told(seconds[REDONE])} ({found['steps']['redone']} steps)")
        return f"goodput {found['goodput']:.1%} of {duration(sum(seconds.values()))}: {', '.join(parts)}"

    def _spent(self) -> dict[str, float]:
        return {str(bucket): spent for bucket, spent in self._seconds.items()}

    def _enter(self, bucket: Bucket) -> Bucket:
        """Closes the account of the present bucket, and opens that of another; the one before is returned."""
        now, before = time.monotonic(), self._now
        self._seconds[before] += now - self._since
        self._since, self._now = now, bucket
        return before


def _read(path: Path) -> tuple[list[Session], int]:
    """The sessions of a file and the number of steps that were redone; none where it is missing or no such file."""
    try:
        found = read_json(path)
        sessions = [Session(**of) for of in found["sessions"]]
        return sessions, int(found["steps"]["redone"])
    except (UserError, KeyError, TypeError, ValueError):
        return [], 0


def _told(seconds: float) -> str:
    return f"{seconds:.1f} s" if seconds < 60 else duration(seconds)
