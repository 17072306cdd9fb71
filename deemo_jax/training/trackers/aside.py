"""Keeps a tracker aside from training: it works in a thread of its own, and what goes wrong there is said once."""

import contextlib
import queue
import sys
import threading
from collections.abc import Callable, Mapping

from deemo_jax.core.errors import plain
from deemo_jax.training.trackers.tracker import Tracker

# Steps that may wait to be taken, and seconds that are waited for them when training has ended.
MOST_WAITING = 1000
CLOSE_S = 30.0


class Aside:
    """A tracker that never stops or delays training; a context manager.

    Args:
        name: of the tracker, for the warning.
        make: opens it, in the thread.
        opened: is told, in the thread, by what the service knows the run.
        wait_s: seconds that are waited when training has ended.
    """

    def __init__(
        self, name: str, make: Callable[[], Tracker], opened: Callable[[str], None], wait_s: float = CLOSE_S
    ) -> None:
        self._name, self._make, self._opened, self._wait_s = name, make, opened, wait_s
        self._rows: queue.Queue[tuple[int, Mapping[str, float]] | bool] = queue.Queue(MOST_WAITING)
        self._failed = False
        # A daemon: a service that never answers does not keep the process alive.
        self._thread = threading.Thread(target=self._work, name=f"tracker {name}", daemon=True)
        self._thread.start()

    def add(self, step: int, values: Mapping[str, float]) -> None:
        """Hands over name -> value of a step."""
        try:
            if not self._failed:
                self._rows.put_nowait((step, dict(values)))
        except queue.Full:
            self._fail(f"{MOST_WAITING} steps wait to be taken")

    def close(self, finished: bool) -> None:
        """Waits for what was handed over, but not for long."""
        if self._failed:
            return
        with contextlib.suppress(queue.Full):
            self._rows.put_nowait(finished)
        self._thread.join(self._wait_s)
        if self._thread.is_alive() and not self._failed:
            self._fail(f"it has not ended after {self._wait_s:g} s")

    def _work(self) -> None:
        try:
            tracker = self._make()
            self._opened(tracker.ident)
            while not isinstance(row := self._rows.get(), bool):
                tracker.add(*row)
            tracker.close(row)
        except Exception as error:  # whatever a client raises
            self._fail(f"{type(error).__name__}: {error}")
        except SystemExit:  # of a client that takes itself for the program
            self._fail("the client ends itself")

    def _fail(self, why: str) -> None:
        """Says once that the tracker takes no more; metrics.jsonl has all numbers."""
        if self._failed:
            return
        self._failed = True
        reason = plain(" ".join(why.split()))[:300]
        print(f"tracker {self._name}: takes no more numbers ({reason}); training goes on", file=sys.stderr, flush=True)
