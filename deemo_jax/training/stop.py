"""Being asked to stop: Ctrl-C, SIGTERM, a cluster that wants its machine back."""

import signal
from types import FrameType, TracebackType
from typing import Any

import jax


class Stop:
    """While entered, the first SIGINT or SIGTERM is noted rather than obeyed; the second one is obeyed.

    Over several processes SIGTERM is left to JAX's preemption service, which lets all of them agree on a step.

    Attributes:
        signal: what arrived, or None.
    """

    def __init__(self) -> None:
        self.signal: signal.Signals | None = None
        self._together = jax.process_count() > 1
        self._before: dict[signal.Signals, Any] = {}

    def __enter__(self) -> "Stop":
        for number in (signal.SIGINT,) if self._together else (signal.SIGINT, signal.SIGTERM):
            self._before[number] = signal.signal(number, self._note)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._restore()

    def after(self, step: int) -> bool:
        """Whether to save and stop now that `step` steps are done. Every process must ask, at every step."""
        if not self._together:
            return self.signal is not None
        from jax.experimental import multihost_utils

        if multihost_utils.reached_preemption_sync_point(step):
            self.signal = self.signal or signal.SIGTERM
            return True
        return False

    def _note(self, number: int, frame: FrameType | None) -> None:
        self.signal = signal.Signals(number)
        self._restore()
        if self._together:
            # One process alone cannot stop the others between steps; SIGTERM reaches them all through the service.
            signal.raise_signal(signal.SIGTERM)

    def _restore(self) -> None:
        while self._before:
            signal.signal(*self._before.popitem())
