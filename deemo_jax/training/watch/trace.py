"""A trace of some steps, as xprof and TensorBoard show it."""

import contextlib
import re
from pathlib import Path
from types import TracebackType
from typing import Any

import jax

from deemo_jax.core.errors import UserError


def parse_steps(text: str) -> tuple[int, int]:
    """'START:STOP' -> the first step of a trace and the last.

    Raises:
        UserError: it is something else.
    """
    found = re.fullmatch(r"(\d+):(\d+)", text)
    if not found or not 0 < int(found[1]) <= int(found[2]):
        raise UserError(f"--profile: {text!r} must be START:STOP, the first step and the last, such as 10:14")
    return int(found[1]), int(found[2])


class Trace:
    """Records steps `first` to `last` into a folder; a context manager.

    Args:
        folder: for the trace.
        steps: first and last step; None records nothing.
    """

    def __init__(self, folder: Path, steps: tuple[int, int] | None) -> None:
        self._folder, self._steps, self._on = folder, steps, False

    def before(self, step: int) -> None:
        """Called before each step."""
        if self._steps is not None and step == self._steps[0]:
            jax.profiler.start_trace(str(self._folder))
            self._on = True

    def after(self, step: int, made: Any) -> str:
        """Called after each step with arrays that it makes.

        Returns:
            A line to be shown; empty for none.
        """
        if not self._on or self._steps is None or step < self._steps[1]:
            return ""
        jax.block_until_ready(made)
        self._stop()
        return (
            f"the trace of steps {self._steps[0]} to {step} is in {self._folder}; look at it with xprof or TensorBoard"
        )

    def __enter__(self) -> "Trace":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._on:
            with contextlib.suppress(RuntimeError):
                self._stop()

    def _stop(self) -> None:
        self._on = False
        jax.profiler.stop_trace()
