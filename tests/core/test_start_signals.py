"""Signals while a command starts."""

import signal
import subprocess
import sys
from pathlib import Path

import pytest

from deemo_jax.core.cli import EXIT_STOPPED

ROOT = Path(__file__).parents[2]
# Says that it has begun, and is then within a library, where Python's own handlers do not run.
STARTING = """
import ctypes
from deemo_jax.core.start_signals import begin_work, end_when_asked
end_when_asked()
{more}
print("begun", flush=True)
ctypes.CDLL(None).pause()
ctypes.CDLL(None).pause()
"""


def begun(*command: str) -> subprocess.Popen[str]:
    process = subprocess.Popen([sys.executable, *command], cwd=ROOT, stdout=-1, stderr=-1, text=True)
    assert process.stdout is not None
    process.stdout.readline()
    return process


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGUSR1])
def test_a_command_that_starts_ends_at_once_with_one_line(number: signal.Signals) -> None:
    process = begun("-c", STARTING.format(more=""))
    process.send_signal(number)
    said = process.communicate(timeout=60)[1]
    assert (process.returncode, said.count("\n")) == (EXIT_STOPPED, 1)
    assert said.startswith(f"stopped by {number.name} before anything was begun")


def test_where_the_work_has_begun_a_signal_does_what_it_always_does() -> None:
    process = begun("-c", STARTING.format(more="begin_work()"))
    process.send_signal(signal.SIGTERM)
    assert process.communicate(timeout=60)[1] == "" and process.returncode == -signal.SIGTERM


def test_work_that_the_same_command_goes_on_with_is_unwound_in_one_line() -> None:
    tidied = "import time, deemo_jax.core.start_signals as s\ns.end_when_asked()\ns.exit_when_asked()\n"
    tidied += "try:\n    print('begun', flush=True)\n    time.sleep(60)\nfinally:\n    print('tidied')"
    process = begun("-c", tidied)
    process.send_signal(signal.SIGUSR1)
    out, said = process.communicate(timeout=60)
    assert (process.returncode, out, said) == (
        EXIT_STOPPED,
        "tidied\n",
        "stopped by SIGUSR1; give the same command again\n",
    )


def test_training_is_such_a_command_from_its_first_imports_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "absl.py").write_text("import time\nprint('begun', flush=True)\ntime.sleep(60)\n")
    monkeypatch.setenv("PYTHONPATH", f"{tmp_path}:{ROOT}")
    process = begun("-m", "deemo_jax.train", "--config", "configs/sample.py", "--workdir", str(tmp_path / "run"))
    process.send_signal(signal.SIGTERM)
    said = process.communicate(timeout=60)[1]
    assert process.returncode == EXIT_STOPPED and "before anything was begun" in said, said
