"""Commands as a person runs them: in this process, which has JAX imported already, or in one of their own."""

import contextlib
import dataclasses
import os
import runpy
import signal
import subprocess
import sys
import tempfile
import warnings
from collections.abc import Iterator
from pathlib import Path
from unittest import mock

from absl import flags, logging

from deemo_jax.core import cli

ROOT = Path(__file__).parents[1]
SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGUSR1, signal.SIGUSR2)


@dataclasses.dataclass(frozen=True)
class Done:
    """How a command ended, and what it said."""

    returncode: int
    stdout: str
    stderr: str


def run(name: str, *arguments: object, **environment: str) -> Done:
    """`python -m deemo_jax.NAME ARGUMENTS`, from the root of the repository, in this process.

    Flags, signal handlers and the environment are afterwards as they were. A bug, which would be a traceback and exit
    code 1, is raised.
    """
    argv = [name, *map(str, arguments)]
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        with (
            _undone(),
            _written_to(out.fileno(), 1),
            _written_to(err.fileno(), 2),
            mock.patch.object(sys, "argv", argv),
            mock.patch.object(cli, "leave", sys.exit),  # which ends the process of the tests with it
        ):
            os.environ.update(environment)
            logging.get_absl_handler().python_handler.stream = sys.stderr
            try:
                runpy.run_module(f"deemo_jax.{name}", run_name="__main__", alter_sys=True)
                code: object = 0
            except SystemExit as end:
                code = end.code or 0
        said = []
        for file in (out, err):
            file.seek(0)
            said.append(file.read().decode(errors="surrogateescape"))
    assert isinstance(code, int), code
    return Done(code, *said)


def run_alone(name: str, *arguments: object, **environment: str) -> Done:
    """The same in a process of its own: what it imports, and how it ends, is what a person gets."""
    command = [sys.executable, "-m", f"deemo_jax.{name}", *map(str, arguments)]
    env = os.environ | environment
    done = subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True, timeout=600, check=False)
    return Done(done.returncode, done.stdout, done.stderr)


@contextlib.contextmanager
def _undone() -> Iterator[None]:
    """Takes back what a command does to its process."""
    handlers = {number: signal.getsignal(number) for number in SIGNALS}
    handler = logging.get_absl_handler().python_handler
    stream = handler.stream
    with mock.patch.dict(os.environ), contextlib.chdir(ROOT), warnings.catch_warnings():
        # A module that is imported elsewhere is run once more, as its command.
        warnings.filterwarnings("ignore", ".*found in sys.modules", RuntimeWarning)
        try:
            yield
        finally:
            handler.stream = stream
            for number, before in handlers.items():
                signal.signal(number, before)
            # A key of the config that the command line changes is a flag of whoever reads its value.
            for name in [name for name in flags.FLAGS if name.startswith("config.")]:
                delattr(flags.FLAGS, name)
            for module, defined in list(flags.FLAGS.flags_by_module_dict().items()):
                # The command's own are named by its file; those of --config.a.b are ml_collections' or absl's.
                own = module.startswith(("deemo_jax.", "ml_collections.", str(ROOT / "deemo_jax")))
                for flag in list(defined):
                    if own or flag.name.startswith("config."):
                        delattr(flags.FLAGS, flag.name)
            flags.FLAGS.unparse_flags()


@contextlib.contextmanager
def _written_to(target: int, number: int) -> Iterator[None]:
    """Sends stdout (1) or stderr (2), of libraries and children too, to the file `target`."""
    name = "stdout" if number == 1 else "stderr"
    kept = os.dup(number)
    os.dup2(target, number)
    try:
        with open(number, "w", closefd=False, buffering=1) as stream, mock.patch.object(sys, name, stream):
            yield
    finally:
        os.dup2(kept, number)
        os.close(kept)
