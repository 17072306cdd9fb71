"""The runs of a sweep in several processes of this machine, each with its share of the GPUs."""

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from types import FrameType

from deemo_jax.core.cli import EXIT_INTERRUPTED, EXIT_STOPPED
from deemo_jax.core.errors import UserError
from deemo_jax.core.progress import duration
from deemo_jax.core.start_signals import ASKED

# In the environment of a process that is to end when its standard input does, and so when its parent has ended.
TIED = "DEEMO_ENDS_WITH_STDIN"
DEVICES = "CUDA_VISIBLE_DEVICES"
# Seconds between two looks at the processes.
LOOK_S = 0.2


def in_processes(
    commands: Mapping[str, Sequence[str]], processes: int, log: Callable[[str], Path], gpus: Sequence[str] = ()
) -> int:
    """Runs commands, so many at a time; a signal that asks this process to stop is handed on to all of them.

    Args:
        commands: name -> command. What it says goes to its log.
        processes: at a time.
        log: name -> file.
        gpus: of this machine, to be divided among the processes; empty where there are none.

    Returns:
        0; or that of `cli`'s exit codes with which a process ends that was stopped by such a signal.

    Raises:
        UserError: some commands failed; it names them, and what the first of them said last. The others were done.
    """
    shares = shared(gpus, processes)
    waiting, free = list(commands.items()), list(range(processes))
    running: dict[str, tuple[subprocess.Popen[bytes], int]] = {}
    failed: list[str] = []
    begun, done, handed_on = time.monotonic(), 0, 0
    try:
        with _asked() as stopped:
            while running or (waiting and not stopped):
                while waiting and free and not stopped:
                    name, command = waiting.pop(0)
                    place = free.pop(0)
                    running[name] = _started(command, log(name), shares[place]), place
                    _say(f"{name}: begun; what it says is in {log(name)}")
                time.sleep(LOOK_S)
                for number in stopped[handed_on:]:
                    handed_on += 1
                    for process, _ in running.values():
                        with contextlib.suppress(ProcessLookupError):
                            process.send_signal(number)
                for name in [name for name, (process, _) in running.items() if process.poll() is not None]:
                    process, place = running.pop(name)
                    free.append(place)
                    if process.returncode == 0:
                        done += 1
                        left = (time.monotonic() - begun) / done * (len(waiting) + len(running))
                        _say(f"{name}: done, {done}/{len(commands)}, about {duration(left)} left")
                    elif not stopped:
                        failed.append(name)
                        _say(f"{name}: failed (exit code {process.returncode}): {last_line(log(name))}")
    finally:
        for process, _ in running.values():
            process.kill()
    if stopped:
        return EXIT_INTERRUPTED if stopped[0] == signal.SIGINT else EXIT_STOPPED
    if failed:
        raise UserError(
            f"{', '.join(failed)} failed; {failed[0]} said: {last_line(log(failed[0]))} (all it said is in "
            f"{log(failed[0])}; the same command goes on)"
        )
    return 0


def shared(gpus: Sequence[str], processes: int) -> list[tuple[str, ...]]:
    """The GPUs of each process; none where there are none.

    Raises:
        UserError: there are fewer GPUs than processes.
    """
    if gpus and len(gpus) < processes:
        raise UserError(f"--processes {processes}: this machine has {len(gpus)} GPUs; name as many processes at most")
    return [tuple(gpus[place::processes]) for place in range(processes)]


def visible_gpus() -> list[str]:
    """The GPUs of this machine that this process may use, as CUDA_VISIBLE_DEVICES names them."""
    if DEVICES in os.environ:
        return [name for name in os.environ[DEVICES].split(",") if name not in ("", "-1", "NoDevFiles")]
    if shutil.which("nvidia-smi") is None:
        return []
    found = subprocess.run(["nvidia-smi", "--list-gpus"], capture_output=True, text=True, timeout=60, check=False)
    return [str(number) for number, line in enumerate(found.stdout.splitlines()) if line.startswith("GPU")]


def end_with_parent() -> None:
    """Has this process save and end, as SIGTERM does, when the one that started it has ended, also by a kill."""
    if os.environ.pop(TIED, ""):
        threading.Thread(target=_end_with_stdin, daemon=True).start()


def last_line(file: Path) -> str:
    """The last line of a log that is not empty."""
    with contextlib.suppress(OSError), open(file, "rb") as log:
        log.seek(max(0, file.stat().st_size - 4096))
        lines = [line for line in log.read().decode(errors="replace").splitlines() if line.strip()]
        return lines[-1].strip() if lines else "nothing"
    return "nothing"


def _end_with_stdin() -> None:
    while os.read(0, 1024):
        pass
    os.kill(os.getpid(), signal.SIGTERM)


def _started(command: Sequence[str], log: Path, gpus: Sequence[str]) -> subprocess.Popen[bytes]:
    environment = os.environ | {TIED: "1"} | ({DEVICES: ",".join(gpus)} if gpus else {})
    try:
        with open(log, "ab") as out:
            # In a session of its own: Ctrl-C of a terminal reaches it once, handed on by this process.
            return subprocess.Popen(
                command, env=environment, stdin=subprocess.PIPE, stdout=out, stderr=out, start_new_session=True
            )
    except OSError as error:
        raise UserError(f"{error.filename or command[0]}: {error.strerror}; no process can be started") from error


@contextlib.contextmanager
def _asked() -> Iterator[list[int]]:
    """Within it, signals that ask to stop are noted in the list, and do nothing else."""
    came: list[int] = []

    def note(number: int, frame: FrameType | None) -> None:
        came.append(number)

    numbers = [number for number in ASKED if signal.getsignal(number) not in (signal.SIG_IGN, None)]
    before = {number: signal.signal(number, note) for number in numbers}
    try:
        yield came
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)
