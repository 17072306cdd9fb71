"""What all rooms share: clips, runs, signals that may interrupt, and one folder of compiled functions."""

import os
import shutil
import signal
import tempfile

import pytest

pytest_plugins = ["tests.raw_clips", "tests.tiny_runs"]

# A shell has what it starts in the background ignore these, and so would all commands that tests start and interrupt.
for number in (signal.SIGINT, signal.SIGQUIT, signal.SIGHUP):
    if signal.getsignal(number) is signal.SIG_IGN:
        signal.signal(number, signal.default_int_handler if number == signal.SIGINT else signal.SIG_DFL)

COMPILED = "JAX_COMPILATION_CACHE_DIR"


def pytest_configure(config: pytest.Config) -> None:
    """Toy models spend their time in the compiler: workers and the commands they start share what it made.

    JAX reads these variables when it is imported. The folder is of this session: nothing is used that was made before.
    """
    if "PYTEST_XDIST_WORKER" in os.environ:
        return
    os.environ[COMPILED] = tempfile.mkdtemp(prefix="compiled-")
    os.environ["JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS"] = "0.2"
    os.environ["JAX_PERSISTENT_CACHE_MIN_ENTRY_SIZE_BYTES"] = "-1"
    config.add_cleanup(lambda: shutil.rmtree(os.environ.pop(COMPILED), ignore_errors=True))
