"""Who has come: each process of a run that is starting signs in the run's folder, so that who is missing can be named.

A process signs before JAX joins the processes, which neither says who is missing nor ends without a crash. Its file has
a time of change that is renewed every second: one that is older than another by many seconds was left by a process that
has died. Only times of the same file system are compared, so clocks of hosts may differ.
"""

import contextlib
import dataclasses
import json
import os
import socket
import threading
import time
from collections.abc import Callable
from pathlib import Path
from types import TracebackType

from deemo_jax.core.errors import UserError
from deemo_jax.core.files import read_json

# Folder in the workdir in which processes sign; it is there while they join.
FOLDER = ".processes"
# Seconds between two signs of life, and after how many without one a process counts as absent.
BEAT_S, GONE_S = 1.0, 10.0
# Seconds between two looks at who has come.
LOOK_S = 0.2


@dataclasses.dataclass(frozen=True)
class Entry:
    """What a process says of itself.

    Attributes:
        host: name of its host.
        process: its number; None where only JAX will know it.
        processes: how many there are to be; None likewise.
    """

    host: str
    process: int | None
    processes: int | None

    def __str__(self) -> str:
        return f"process {self.process} on {self.host}" if self.process is not None else f"a process on {self.host}"


class RollCall:
    """Signs for this process while the `with` statement lasts.

    Args:
        workdir: the folder of the run, made where it is missing.
        me: this process.
        timeout_s: seconds after which `late` is called, in a thread.
        late: takes what the roll call says then: who is there and who is missing.

    Raises:
        UserError: the folder cannot be written.
    """

    def __init__(self, workdir: Path, me: Entry, timeout_s: float, late: Callable[[str], None]) -> None:
        self._folder, self._me, self._timeout_s, self._late = workdir / FOLDER, me, timeout_s, late
        self._file = self._folder / f"{socket.gethostname()}-{os.getpid()}.json"
        self._over = threading.Event()

    def __enter__(self) -> "RollCall":
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            self._file.write_text(json.dumps(dataclasses.asdict(self._me)), encoding="utf-8")
        except OSError as error:
            raise UserError(f"{self._folder}: cannot be written ({error.strerror}); name another --workdir") from error
        self._thread = threading.Thread(target=self._sign, daemon=True)
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._over.set()
        self._thread.join()
        self.leave(failed=kind is not None)

    def leave(self, *, failed: bool) -> None:
        """Takes the signature back, and the folder with the last one; where the run has `failed`, an empty workdir."""
        self._file.unlink(missing_ok=True)
        with contextlib.suppress(OSError):
            self._folder.rmdir()
            if failed:
                self._folder.parent.rmdir()

    def wait(self) -> None:
        """Waits until all are there, where this process knows how many they are; `late` ends it."""
        while self._me.processes is not None and not self._complete():
            time.sleep(LOOK_S)

    def told(self) -> str:
        """Who is there and who is missing, as far as this process can see."""
        there = sorted(self._there(), key=lambda entry: (entry.process is None, entry.process or 0, entry.host))
        listed = ", ".join(map(str, there))
        counts = {entry.processes for entry in there if entry.processes is not None}
        if len(counts) > 1:
            return f"they do not agree how many they are ({', '.join(map(str, sorted(counts)))}); there: {listed}"
        wanted = next(iter(counts), None)
        if wanted is None:
            return f"there: {listed}"
        absent = sorted(set(range(wanted)) - {entry.process for entry in there})
        if not absent:
            return f"all {wanted} are there{', some twice' if len(there) > wanted else ''}: {listed}"
        named = ", ".join(map(str, absent[:8])) + (f" and {len(absent) - 8} more" if len(absent) > 8 else "")
        return f"missing, or with another {self._folder.parent}: process {named} of {wanted}; there: {listed}"

    def _complete(self) -> bool:
        there, wanted = self._there(), self._me.processes
        alike = all(entry.processes == wanted for entry in there)
        return alike and sorted(entry.process or 0 for entry in there) == list(range(wanted or 0))

    def _there(self) -> list[Entry]:
        entries = []
        for path in self._folder.glob("*.json"):
            with contextlib.suppress(UserError, OSError, KeyError, TypeError):
                if self._file.stat().st_mtime - path.stat().st_mtime < GONE_S:
                    content = read_json(path)
                    entries.append(Entry(content["host"], content["process"], content["processes"]))
        return entries

    def _sign(self) -> None:
        until = time.monotonic() + self._timeout_s
        while not self._over.wait(min(BEAT_S, max(until - time.monotonic(), 0))):
            with contextlib.suppress(OSError):
                os.utime(self._file)
            if time.monotonic() >= until:
                self._late(self.told())
                return
