"""What all rooms share: checked signatures, clips, runs, signals that interrupt, one folder of what was compiled."""

import gc
import os
import shutil
import signal
import tempfile
from collections.abc import Iterator
from importlib.metadata import version

import pytest

from tests import shapes

# Before anything of the product is imported: each annotated function checks its arguments and result.
shapes.install()

pytest_plugins = ["tests.raw_clips", "tests.tiny_runs"]

# A shell has what it starts in the background ignore these, and so would all commands that tests start and interrupt.
for number in (signal.SIGINT, signal.SIGQUIT, signal.SIGHUP):
    if signal.getsignal(number) is signal.SIG_IGN:
        signal.signal(number, signal.default_int_handler if number == signal.SIGINT else signal.SIG_DFL)

# What asks a command to stop, which a command takes for itself when it starts.
STOPS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGUSR1, signal.SIGUSR2)


@pytest.fixture(autouse=True)
def _signals_as_before() -> Iterator[None]:
    """Gives signals back after each test: processes that another test forks would not heed them."""
    handlers = {number: signal.getsignal(number) for number in STOPS}
    yield
    for number, handler in handlers.items():
        signal.signal(number, handler)


COMPILED = "JAX_COMPILATION_CACHE_DIR"
# Toy models spend their time in the compiler. Without most optimisations, with the older of its two ways to make fused
# loops, and with each module compiled in one piece, a step of training is compiled in a quarter of the time.
LAZY = {
    "JAX_DISABLE_MOST_OPTIMIZATIONS": "1",
    "XLA_FLAGS": "--xla_cpu_use_fusion_emitters=false --xla_cpu_parallel_codegen_split_count=1",
    "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": "0.2",
    "JAX_PERSISTENT_CACHE_MIN_ENTRY_SIZE_BYTES": "-1",
}


def _compile_lazily() -> str:
    """Has JAX compile lazily and once for all: for the workers of this session and the commands that they start.

    JAX reads these variables when it is imported, which the conftest.py of a folder may do: they are set before that.

    Returns:
        The folder of what is compiled. It is of this session: nothing is used that was made before.
    """
    os.environ[COMPILED] = tempfile.mkdtemp(prefix="compiled-")
    # XLA ends a process whose flags it does not know, and other versions may know others.
    known = version("jaxlib").startswith(("0.10.", "0.12."))
    os.environ.update({name: value for name, value in LAZY.items() if name != "XLA_FLAGS" or known})
    return os.environ[COMPILED]


_COMPILED = "" if "PYTEST_XDIST_WORKER" in os.environ else _compile_lazily()


def pytest_unconfigure() -> None:
    if _COMPILED:
        shutil.rmtree(_COMPILED, ignore_errors=True)


# Files that share what a session makes in seconds: one worker takes all of them, and these before others, so that what
# is long does not come last.
TOGETHER = (
    ("tests/training/test_loop.py", "tests/data/test_run_data.py", "tests/data/test_instruction_rows.py"),
    ("tests/generation/", "tests/evaluation/", "tests/test_generate.py", "tests/test_evaluate.py"),
    ("tests/training/test_step.py", "tests/training/test_loss.py"),
    ("tests/models/",),
    ("tests/audit/", "tests/test_deidentify.py"),
    ("tests/data/test_prompt_config.py", "tests/data/test_conversation.py"),
    ("tests/tfds_builders/test_captions.py", "tests/tfds_builders/test_instructions.py"),
)


def _group(nodeid: str) -> str:
    """What one worker does whole: some files, or the test's own."""
    file = nodeid.split("::")[0]
    return next((files[0] for files in TOGETHER if file.startswith(files)), file)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Groups come in the order in which workers are to take them."""
    order = {files[0]: number for number, files in enumerate(TOGETHER)}
    items.sort(key=lambda item: order.get(_group(item.nodeid), len(order)))


def pytest_collection_finish() -> None:
    """What is imported stays until the end: the collector, which JAX calls often, need not look at it each time."""
    gc.collect()
    gc.freeze()


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: object) -> object:
    """`--dist loadfile`, which knows files only, keeps groups of them together too."""
    from xdist.scheduler import LoadFileScheduling

    class LoadGroups(LoadFileScheduling):
        def _split_scope(self, nodeid: str) -> str:
            return _group(nodeid)

    return LoadGroups(config, log) if config.getvalue("dist") == "loadfile" else None
