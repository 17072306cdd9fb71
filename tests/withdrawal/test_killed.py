"""A removal that is killed before any of its changes to the disk is finished by the same command, with one result."""

import itertools
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from deemo_jax.core.files import read_jsonl
from deemo_jax.withdraw import main
from tests.withdrawal.conftest import contents

# Every so many changes one is tried.
EVERY = 2
# A process that has imported everything, and read no shard, whose threads a fork would not have. For each line, a
# number and a folder, it forks a removal that kills itself before that change, and says whether it ended before.
NURSERY = """
import os, signal, sys
import deemo_jax.withdrawal.withdraw
from deemo_jax.withdraw import main

def dying(change, left=[0]):
    def changed(*arguments, **more):
        left[0] -= 1
        if left[0] == 0:
            os.kill(os.getpid(), signal.SIGKILL)
        return change(*arguments, **more)
    return changed, left

print("ready", flush=True)
for line in sys.stdin:
    number, root = line.rstrip("\\n").split(" ", 1)
    if not (child := os.fork()):
        null = os.open(os.devnull, os.O_WRONLY)
        os.dup2(null, 1), os.dup2(null, 2)
        for name in ("unlink", "rename", "replace", "rmdir", "mkdir"):
            change, left = dying(getattr(os, name))
            setattr(os, name, change)
        left[0] = int(number)
        os._exit(main(["anna", "--remove", "--in", root]))
    print("done" if os.WIFEXITED(os.waitpid(child, 0)[1]) else "killed", flush=True)
"""


@pytest.fixture
def die_before() -> Iterator[Callable[[int, Path], str]]:
    """Begins a removal in a folder that ends before a change: "killed", or "done" where there are fewer changes."""
    command = [sys.executable, "-c", NURSERY]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as nursery:
        assert nursery.stdin and nursery.stdout and nursery.stdout.readline() == "ready\n"

        def die(change: int, root: Path) -> str:
            print(change, root, file=nursery.stdin, flush=True)
            return nursery.stdout.readline().strip()

        yield die
        nursery.stdin.close()


def comparable(root: Path) -> dict[str, bytes]:
    """All files but locks, which killed processes leave, and the list of removals, which has times."""
    found = contents(root)
    return {
        name: data.replace(str(root).encode(), b"ROOT")
        for name, data in found.items()
        if not name.endswith((".lock", "withdrawals.jsonl"))
    }


@pytest.mark.slow
def test_a_removal_that_is_killed_before_any_change_is_finished(
    root: Path, tmp_path: Path, die_before: Callable[[int, Path], str]
) -> None:
    done = Path(shutil.copytree(root, tmp_path / "whole"))
    assert main(["anna", "--remove", "--in", str(done)]) == 0
    expected, states = comparable(done), list[str]()
    # Files in which the place of the first copy stands.
    expected = {name: data.replace(str(root).encode(), b"ROOT") for name, data in expected.items()}
    for change in itertools.count(1, EVERY):
        copy = Path(shutil.copytree(root, tmp_path / "copy"))
        ended = die_before(change, copy)
        rows = list(read_jsonl(copy / "withdrawals.jsonl")) if (copy / "withdrawals.jsonl").exists() else []
        states.append(rows[-1]["state"] if rows else "not begun")
        assert main(["anna", "--remove", "--in", str(copy)]) == 0
        found = {name: data.replace(str(root).encode(), b"ROOT") for name, data in comparable(copy).items()}
        others = {name for name in found.keys() | expected.keys() if found.get(name) != expected.get(name)}
        assert not others, f"change {change}"
        shutil.rmtree(copy)
        if ended == "done":
            break
    assert states.count("begun") > 10 and states[-1] == "done"
