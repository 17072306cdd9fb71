"""Signals that ask a run to stop: Ctrl-C, and those that clusters send before they take a machine back."""

import signal
import threading
from types import FrameType, TracebackType
from typing import Any

import jax

from deemo_jax.core.start_signals import ASKED, begin_work


class Stopped(BaseException):
    """A signal came before there was anything to save.

    Attributes:
        signal: the signal.
    """

    def __init__(self, number: signal.Signals) -> None:
        super().__init__(number.name)
        self.signal = number


class Stop:
    """A context in which the first signal is recorded instead of ending the process; a second one ends it.

    Before `saves` is called there is nothing to save, and the first signal raises `Stopped`, or `KeyboardInterrupt` for
    Ctrl-C. Signals that the process ignores (nohup) stay ignored. In a run of several processes SIGTERM is left to
    JAX's preemption service, which has all processes stop at the same step, and other signals are turned into SIGTERM.

    Attributes:
        signal: the signal that came; None where none did.
    """

    def __init__(self) -> None:
        self.signal: signal.Signals | None = None
        self._together = jax.process_count() > 1
        self._saves = self._together
        self._before: dict[signal.Signals, Any] = {}

    def __enter__(self) -> "Stop":
        if threading.current_thread() is threading.main_thread():  # elsewhere Python takes no handlers
            left = (signal.SIGTERM,) if self._together else ()
            begin_work(left)
            for number in ASKED:
                if number not in left and signal.getsignal(number) not in (signal.SIG_IGN, None):
                    self._before[number] = signal.signal(number, self._note)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._restore()

    def saves(self) -> None:
        """From here on the first signal is recorded, so that the state can be saved."""
        self._saves = True

    def after(self, step: int) -> bool:
        """Whether to save and stop behind step `step`. Every process must call it at every step."""
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
            # JAX's preemption service tells the other processes of a SIGTERM.
            signal.raise_signal(signal.SIGTERM)
        elif not self._saves:
            raise KeyboardInterrupt if number == signal.SIGINT else Stopped(self.signal)

    def _restore(self) -> None:
        while self._before:
            signal.signal(*self._before.popitem())
