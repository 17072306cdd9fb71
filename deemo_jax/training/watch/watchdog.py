"""Ends a run that is stuck, and writes what each of its threads was doing."""

import faulthandler
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from types import TracebackType

# Seconds between two looks.
LOOK_S = 1.0
# Seconds that a process which waits for the others is given beyond the limit, so that the one they wait for is named.
OTHERS_S = 5.0
# Seconds after which a process ends without a word, where the interpreter itself is stuck.
LAST_S = 30.0


class Watchdog:
    """A thread that expects `beat` to be called often; a context manager.

    Args:
        limit_s: the most seconds between two beats; 0 for any number.
        stacks: file for the stacks of all threads.
        doing: says what the process is doing.
        waits: whether it is doing what it does together with the others.
        end: called with the reason, in the thread; must end the process.
    """

    def __init__(
        self,
        limit_s: float,
        stacks: Path,
        doing: Callable[[], str],
        waits: Callable[[], bool],
        end: Callable[[str], None],
    ) -> None:
        self._limit_s, self._stacks, self._doing, self._waits, self._end = limit_s, stacks, doing, waits, end
        self._beat = self._armed = time.monotonic()
        self._over = threading.Event()

    def __enter__(self) -> "Watchdog":
        if self._limit_s:
            self._arm()
            threading.Thread(target=self._watch, daemon=True).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._over.set()
        if self._limit_s:
            faulthandler.cancel_dump_traceback_later()

    def beat(self) -> None:
        """The run goes on."""
        self._beat = time.monotonic()
        if self._limit_s and self._beat - self._armed > LOOK_S:
            self._arm()

    def _arm(self) -> None:
        self._armed = time.monotonic()
        if sys.__stderr__ is not None:
            faulthandler.dump_traceback_later(
                self._limit_s + OTHERS_S + LAST_S, file=sys.__stderr__.fileno(), exit=True
            )

    def _watch(self) -> None:
        while not self._over.wait(min(LOOK_S, self._limit_s / 4)):
            late = time.monotonic() - self._beat - self._limit_s
            if late > (OTHERS_S if self._waits() else 0):
                self._bark()
                return

    def _bark(self) -> None:
        where = f"the stacks of its threads are in {self._stacks}"
        try:
            self._stacks.parent.mkdir(exist_ok=True)
            with open(self._stacks, "w", encoding="utf-8") as file:
                faulthandler.dump_traceback(file)
        except OSError:
            where = "the stacks of its threads are above"
            faulthandler.dump_traceback(sys.__stderr__ or sys.stderr)
        self._end(f"{self._doing()}: nothing has moved for {self._limit_s:g} s (--stuck_after_s); {where}")
