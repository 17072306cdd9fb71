"""Being asked to stop: Ctrl-C, and the signals by which clusters take a machine back."""

import signal
import threading
from types import FrameType, TracebackType
from typing import Any

import jax

# SLURM gives notice with the one that `--signal` names, usually USR1, and ends jobs with TERM; HUP is a lost terminal.
ASKED = tuple(
    getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP", "SIGUSR1", "SIGUSR2") if hasattr(signal, name)
)


class Stopped(BaseException):
    """A signal came before there was anything to save.

    Attributes:
        signal: which.
    """

    def __init__(self, number: signal.Signals) -> None:
        super().__init__(number.name)
        self.signal = number


class Stop:
    """While entered, the first signal is noted rather than obeyed; the second one is obeyed, which ends the process.

    Before `saves` is called there is nothing to save, so the first one raises: `Stopped`, or `KeyboardInterrupt` for
    Ctrl-C. Signals that are ignored (nohup) stay so. Over several processes SIGTERM is left to JAX's preemption
    service, which lets all of them agree on a step, and the others are passed on to it.

    Attributes:
        signal: what arrived, or None.
    """

    def __init__(self) -> None:
        self.signal: signal.Signals | None = None
        self._together = jax.process_count() > 1
        self._saves = self._together
        self._before: dict[signal.Signals, Any] = {}

    def __enter__(self) -> "Stop":
        if threading.current_thread() is threading.main_thread():  # elsewhere Python takes no handlers
            for number in ASKED:
                left = self._together and number == signal.SIGTERM
                if not left and signal.getsignal(number) not in (signal.SIG_IGN, None):
                    self._before[number] = signal.signal(number, self._note)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._restore()

    def saves(self) -> None:
        """From here on a signal waits until the state is saved."""
        self._saves = True

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
        elif not self._saves:
            raise KeyboardInterrupt if number == signal.SIGINT else Stopped(self.signal)

    def _restore(self) -> None:
        while self._before:
            signal.signal(*self._before.popitem())
