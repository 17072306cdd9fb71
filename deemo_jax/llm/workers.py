"""Threads that settle requests, and end when they are asked to without losing an answer that is under way."""

import queue
import sys
import threading
import time
from collections.abc import Callable

from deemo_jax.llm.attempts import Settled, StoppedError
from deemo_jax.llm.request import Request

# After the stop, seconds until a thread counts as waiting for a reply, and beside the time that a reply may take.
AT_ONCE_S = 0.5
SPARE_S = 5.0


class Workers:
    """Threads that settle requests.

    Args:
        settle: settles one, given it and its hash; raises `StoppedError` when `stop` is set.
        threads: at once.
        stop: set by `end`.
    """

    def __init__(self, settle: Callable[[Request, str], Settled], threads: int, stop: threading.Event) -> None:
        self._settle, self._stop = settle, stop
        self._jobs: queue.SimpleQueue[tuple[str, Request] | None] = queue.SimpleQueue()
        self._results: queue.SimpleQueue[tuple[str, Settled | BaseException]] = queue.SimpleQueue()
        # As daemons they do not keep the process from its end when a person presses Ctrl-C a second time.
        self._threads = [threading.Thread(target=self._work, daemon=True) for _ in range(threads)]
        for thread in self._threads:
            thread.start()

    def begin(self, of: str, request: Request) -> None:
        """Hands over a request and its hash."""
        self._jobs.put((of, request))

    def next(self) -> tuple[str, Settled]:
        """Waits for a request that is settled: its hash, and what became of it.

        Raises:
            BaseException: what a thread raised.
        """
        of, settled = self._results.get()
        if isinstance(settled, BaseException):
            raise settled
        return of, settled

    def end(self, timeout_s: float) -> None:
        """Begins nothing more, and waits for replies that are under way, which may take twice `timeout_s`."""
        self._stop.set()
        for _ in self._threads:
            self._jobs.put(None)
        self._join(AT_ONCE_S)
        if waited_for := sum(thread.is_alive() for thread in self._threads):
            print(
                f"waiting for {waited_for} replies that are under way and may be paid for; Ctrl-C leaves them",
                file=sys.stderr,
                flush=True,
            )
            self._join(2 * timeout_s + SPARE_S)

    def _join(self, seconds: float) -> None:
        deadline = time.monotonic() + seconds
        for thread in self._threads:
            thread.join(max(deadline - time.monotonic(), 0))

    def _work(self) -> None:
        while (job := self._jobs.get()) is not None and not self._stop.is_set():
            of, request = job
            try:
                self._results.put((of, self._settle(request, of)))
            except StoppedError:
                return
            except BaseException as error:
                self._results.put((of, error))
