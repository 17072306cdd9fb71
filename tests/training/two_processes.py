"""Starts the command in several processes that find each other by hand, as on a cluster without a launcher.

Each has two CPU devices; collectives go through Gloo.
"""

import contextlib
import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

ROOT = Path(__file__).parents[2]


def free_port() -> int:
    """A port that nobody listens at."""
    with socket.socket() as trial:
        trial.bind(("", 0))
        return int(trial.getsockname()[1])


class Processes:
    """Processes of one run, and what each writes to stderr.

    Attributes:
        begun: the processes, by their number.
        logs: a file of each one's stderr.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.begun: list[subprocess.Popen] = []
        self.logs: list[Path] = []

    def start(self, number: int, count: int, port: int, config: str, workdir: Path, *flags: str) -> None:
        """Starts process `number` of `count`."""
        log = self._folder / f"process_{number}.log"
        words = ["--config", config, "--workdir", str(workdir), *flags]
        words += ["--distributed", f"--coordinator=localhost:{port}", f"--processes={count}", f"--process={number}"]
        devices = f"{os.environ.get('XLA_FLAGS', '')} --xla_force_host_platform_device_count=2"
        environment = os.environ | {"XLA_FLAGS": devices, "JAX_PLATFORMS": "cpu"}
        with open(log, "w") as file:
            command = [sys.executable, "-m", "deemo_jax.train", *words]
            self.begun.append(subprocess.Popen(command, cwd=ROOT, env=environment, stderr=file))
        self.logs.append(log)

    def ended(self, within_s: float = 500) -> tuple[list[int], list[str]]:
        """Waits for all: their exit codes, and what they said."""
        codes = [one.wait(within_s) for one in self.begun]
        return codes, [log.read_text() for log in self.logs]

    def said(self) -> str:
        """What all have said so far."""
        return "\n".join(log.read_text() for log in self.logs)


@contextlib.contextmanager
def processes(folder: Path) -> Iterator[Processes]:
    """Kills at its end what was started in it."""
    folder.mkdir(exist_ok=True)
    found = Processes(folder)
    try:
        yield found
    finally:
        for one in found.begun:
            one.kill()


def reached(metrics: Path, step: int, while_running: subprocess.Popen, said: Callable[[], str] = str) -> None:
    """Waits until a run has written so many lines of metrics."""
    while not metrics.exists() or metrics.read_bytes().count(b"\n") < step:
        assert while_running.poll() is None, f"ended too early: {said()}"
        time.sleep(0.02)
