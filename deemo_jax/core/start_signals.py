"""Signals that ask a command to stop while it starts, when there is nothing to save."""

import os
import signal
import sys
import threading
from collections.abc import Collection
from types import FrameType

from deemo_jax.core.cli import EXIT_STOPPED

# SLURM announces the end with the signal that `--signal` names, usually USR1, and ends jobs with TERM; HUP means that
# the terminal is gone.
ASKED = tuple(
    getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP", "SIGUSR1", "SIGUSR2") if hasattr(signal, name)
)


def end_when_asked() -> None:
    """From here on the signals `ASKED`, but for Ctrl-C, end the process with one line and `EXIT_STOPPED`.

    Signals that the process ignores (nohup) stay ignored. To be called in the main thread. Another thread obeys, since
    the main one may be within a library that does not return to Python.
    """
    reader, writer = os.pipe()
    os.set_blocking(writer, False)
    signal.set_wakeup_fd(writer, warn_on_full_buffer=False)
    for number in ASKED:
        if signal.getsignal(number) == signal.SIG_DFL:
            signal.signal(number, _asked)
    threading.Thread(target=_obey, args=(reader,), daemon=True).start()


def begin_work(left: Collection[signal.Signals] = ()) -> None:
    """Takes back what `end_when_asked` did, but for the signals that are `left` to others."""
    for number in ASKED:
        if signal.getsignal(number) is _asked and number not in left:
            signal.signal(number, signal.SIG_DFL)


def exit_when_asked() -> None:
    """From here on the signals `ASKED`, but for Ctrl-C, unwind the process, which ends with `EXIT_STOPPED`.

    For work that the same command goes on with. Signals that the process ignores stay ignored.
    """

    def unwind(number: int, frame: FrameType | None) -> None:
        print(f"stopped by {signal.Signals(number).name}; give the same command again", file=sys.stderr, flush=True)
        sys.exit(EXIT_STOPPED)

    begin_work()
    for number in ASKED:
        if number != signal.SIGINT and signal.getsignal(number) == signal.SIG_DFL:
            signal.signal(number, unwind)


def _asked(number: int, frame: FrameType | None) -> None:
    """Stands for a signal that `_obey` obeys."""


def _obey(reader: int) -> None:
    while True:
        (number,) = os.read(reader, 1)
        if signal.getsignal(number) is _asked:
            name = signal.Signals(number).name
            print(
                f"stopped by {name} before anything was begun; give the same command again", file=sys.stderr, flush=True
            )
            os._exit(EXIT_STOPPED)
