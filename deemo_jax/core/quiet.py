"""Orbax without the noise around a failure.

One damaged file or full disk fails many tasks at once. One of the failures is raised and told by us; the others end up
in logs, in warnings of coroutines that nobody awaited, in threads, and in callbacks that find their event loop closed,
some of them only when memory is cleaned up later.
"""

import contextlib
import logging
import sys
import threading
import warnings
from collections.abc import Iterator
from typing import Any


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """Around calls to Orbax. After an exception its late echoes are dropped for as long as the process lives."""
    absl, tasks = logging.getLogger("absl"), logging.getLogger("asyncio")
    before = absl.level, tasks.level, sys.unraisablehook, threading.excepthook
    absl.setLevel(logging.CRITICAL)
    tasks.setLevel(logging.CRITICAL)
    sys.unraisablehook = threading.excepthook = _drop
    failed = False
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    except Exception:
        failed = True
        warnings.filterwarnings("ignore", "coroutine .* was never awaited", RuntimeWarning)
        raise
    finally:
        absl.setLevel(before[0])
        if not failed:
            tasks.setLevel(before[1])
            sys.unraisablehook, threading.excepthook = before[2:]


def _drop(_: Any) -> None:
    """In place of a hook that prints."""
