"""Several commands at a time, and signals."""

import os
import signal
import subprocess
import sys
import threading
import time

import pytest

from deemo_jax.ablation.local_processes import DEVICES, in_processes, shared, visible_gpus
from deemo_jax.core.errors import UserError

WAITS = ["sh", "-c", "trap 'echo asked; exit 75' INT TERM; echo begun; while :; do sleep 0.05; done"]
# A parent that starts one child, which ends with it, and waits.
PARENT = """
import sys, pathlib
from deemo_jax.ablation.local_processes import in_processes
child = "import time\\nfrom deemo_jax.ablation import local_processes\\nlocal_processes.end_with_parent()\\n"
child += "print('begun', flush=True)\\ntry:\\n    time.sleep(60)\\nfinally:\\n    print('left', flush=True)"
child = "import signal, sys\\nsignal.signal(signal.SIGTERM, lambda *_: sys.exit(75))\\n" + child
in_processes({"a": [sys.executable, "-c", child]}, 1, lambda name: pathlib.Path(sys.argv[1]))
"""


def test_all_are_done_so_many_at_a_time_each_with_its_gpus(tmp_path):
    say = f"echo devices ${DEVICES}; test ! -e {tmp_path}/$0.now; touch {tmp_path}/now.$$; ls {tmp_path} | grep -c now"
    commands = {name: ["sh", "-c", f"{say}; sleep 0.3; rm {tmp_path}/now.$$"] for name in "abc"}
    assert in_processes(commands, 2, lambda name: tmp_path / name, ["0", "1", "2"]) == 0
    said = [(tmp_path / name).read_text().split() for name in "abc"]
    assert {words[1] for words in said} == {"0,2", "1"} and {words[2] for words in said} <= {"1", "2"}


def test_one_that_fails_is_named_when_the_others_are_done(tmp_path):
    commands = {"bad": ["sh", "-c", "echo why >&2; exit 2"], "good": ["sh", "-c", "echo fine"]}
    with pytest.raises(UserError, match="bad failed; bad said: why"):
        in_processes(commands, 1, lambda name: tmp_path / name)
    assert (tmp_path / "good").read_text() == "fine\n"


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 75)])
def test_a_signal_reaches_all_and_no_more_are_begun(tmp_path, number, code):
    def ask():
        while not all((tmp_path / name).exists() and (tmp_path / name).read_text() for name in "ab"):
            time.sleep(0.02)
        os.kill(os.getpid(), number)

    before = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        thread = threading.Thread(target=ask)
        thread.start()
        assert in_processes(dict.fromkeys("abc", WAITS), 2, lambda name: tmp_path / name) == code
        thread.join()
    finally:
        signal.signal(signal.SIGTERM, before)
    assert [(tmp_path / name).read_text().split() for name in "ab"] == [["begun", "asked"]] * 2
    assert not (tmp_path / "c").exists()


@pytest.mark.slow
def test_processes_end_with_a_parent_that_is_killed(tmp_path):
    log = tmp_path / "log"
    with subprocess.Popen([sys.executable, "-c", PARENT, str(log)]) as parent:
        while not (log.exists() and "begun" in log.read_text()):
            time.sleep(0.05)
        parent.kill()
    for _ in range(200):
        time.sleep(0.05)
        if "left" in log.read_text():
            return
    pytest.fail("the child goes on")


def test_gpus_are_divided():
    assert shared([], 3) == [(), (), ()] and shared(list("01234"), 2) == [("0", "2", "4"), ("1", "3")]
    with pytest.raises(UserError, match="--processes 3: this machine has 2 GPUs"):
        shared(["0", "1"], 3)


@pytest.mark.parametrize(("value", "found"), [("", []), ("-1", []), ("3,GPU-a", ["3", "GPU-a"])])
def test_gpus_are_those_that_are_visible(monkeypatch, value, found):
    monkeypatch.setenv(DEVICES, value)
    assert visible_gpus() == found
