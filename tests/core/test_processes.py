import multiprocessing
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import cv2
import pytest

from deemo_jax.core.errors import UserError
from deemo_jax.core.processes import Failure, settled, tell


class OddError(UserError):
    """An error that does not survive a pipe."""

    def __init__(self, first, second):
        super().__init__(f"{first} and {second}")


def trouble(item):
    """Does to its process what damaged media do to decoders."""
    tell(os.getpid())
    match item:
        case "segv":
            os.kill(os.getpid(), signal.SIGSEGV)
        case "oom":
            os.kill(os.getpid(), signal.SIGKILL)
        case "exit":
            os._exit(0)
        case "memory":
            raise MemoryError
        case "cv2":
            cv2.resize(cv2.UMat(), (0, 0))
        case "mistake":
            raise UserError("it is wrong")
        case "odd":
            raise OddError("this", "that")
        case "lambda":
            return lambda: None
    return item, os.getpid()


TROUBLES = {
    "segv": "SIGSEGV",
    "oom": "SIGKILL.*memory",
    "exit": "exit code 0",
    "memory": "MemoryError",
    "cv2": "error: ",
    "mistake": "it is wrong",
    "odd": "this and that",
    "lambda": "lambda",
}


def test_an_item_that_fails_does_not_stop_the_others():
    items = ["a", *(name for kind in TROUBLES for name in (kind, f"after {kind}"))]
    told = []
    found = dict(settled(trouble, items, 2, lambda item, pid: told.append((item, pid))))
    assert list(found) == items
    for item, made in found.items():
        if item in TROUBLES:
            assert isinstance(made, Failure)
            died = "the process that worked on it died" in made.reason
            assert re.search(TROUBLES[item], made.reason) and died == (item in ("segv", "oom", "exit"))
            assert (made.error is not None) == (item in ("mistake", "odd"))
        else:
            assert made[0] == item and (item, made[1]) in told and made[1] != os.getpid()
    assert not multiprocessing.active_children()


def test_one_child_serves_many_and_none_is_this_process():
    assert len({made[1] for _, made in settled(trouble, "abc")} - {os.getpid()}) == 1


def test_without_a_child_an_exception_does_not_stop_the_others_either():
    told = []
    found = dict(settled(trouble, ["a", "memory", "mistake"], 0, lambda *said: told.append(said)))
    assert found["a"] == ("a", os.getpid()) and told[0] == ("a", os.getpid())
    assert "MemoryError" in found["memory"].reason and str(found["mistake"].error) == "it is wrong"


def spoil(item):
    """What the first item did to the process shows in the second."""
    path, number = item
    if number == 1 and path.read_text() == str(os.getpid()):
        os.abort()
    path.write_text(str(os.getpid()))
    return number


@pytest.mark.slow
def test_an_item_is_not_blamed_for_what_an_earlier_one_did_to_its_process(tmp_path):
    path = tmp_path / "pid"
    path.touch()
    assert [made for _, made in settled(spoil, [(path, n) for n in range(3)])] == [0, 1, 2]


def test_tracebacks_are_kept_where_they_are_asked_for(tmp_path, monkeypatch):
    monkeypatch.setenv("DEEMO_TRACEBACKS", str(tmp_path / "log"))
    list(settled(trouble, ["memory", "mistake"], 0))
    log = (tmp_path / "log").read_text()
    assert "raise MemoryError" in log and "it is wrong" not in log


def slow(folder):
    """Works for ever; tidies when it is asked to end."""
    try:
        (folder / "begun").write_text(str(os.getpid()))
        time.sleep(600)
    finally:
        (folder / "tidied").touch()


def unbegun():
    raise SystemExit("not today")


def gone(pid):
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    status = Path(f"/proc/{pid}/stat")
    return status.exists() and status.read_text().rsplit(")", 1)[1].split()[0] == "Z"


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_no_child_outlives_its_parent(number, tmp_path):
    program = (
        "import sys, pathlib; from deemo_jax.core import cli, processes; from tests.core.test_processes import slow\n"
        "cli.tidy_when_terminated()\n"
        "if __name__ == '__main__':\n"
        "    sys.exit(cli.guarded(lambda: print(list(processes.settled(slow, [pathlib.Path(sys.argv[1])])))))\n"
    )
    parent = subprocess.Popen([sys.executable, "-c", program, tmp_path], stderr=subprocess.PIPE, text=True)
    while not (begun := tmp_path / "begun").exists() or not begun.read_text():
        assert parent.poll() is None, parent.communicate()[1]
        time.sleep(0.01)
    child = int(begun.read_text())
    parent.send_signal(number)
    _, said = parent.communicate()
    while not gone(child):
        time.sleep(0.01)
    assert parent.returncode == {signal.SIGINT: 130, signal.SIGTERM: 143, signal.SIGKILL: -9}[number]
    assert "Traceback" not in said and (tmp_path / "tidied").exists() == (number != signal.SIGKILL)


class Unborn:
    """A job that ends the process it arrives in."""

    def __call__(self, item):
        return item

    def __reduce__(self):
        return unbegun, ()


def test_a_process_that_cannot_begin_is_one_line():
    with pytest.raises(UserError, match="no worker process can be started"):
        list(settled(Unborn(), [1, 2]))
