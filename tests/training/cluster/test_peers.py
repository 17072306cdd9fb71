"""Processes that agree, that differ, that fail and that are killed: all end with the same words."""

import multiprocessing
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from deemo_jax.training.cluster import peers
from deemo_jax.training.cluster.peers import FILE

ROOT = Path(__file__).parents[3]
# What every process does before its own part.
BEGIN = """
import os, signal, sys, time
from pathlib import Path
from deemo_jax.core.errors import UserError
from deemo_jax.training.cluster.peers import connect
workdir, process, count, timeout = Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]), float(sys.argv[4])
with connect(workdir, process, count, timeout, timeout) as peers:
"""


def together(workdir: Path, program: str, count: int = 3, timeout: float = 60, folders: bool = False) -> list[tuple]:
    """(exit code, stderr) of processes that run `program`, indented by the caller, each with its `process`."""
    begun = [
        subprocess.Popen(
            [sys.executable, "-c", BEGIN + program, workdir / str(i) if folders else workdir, str(i), str(count),
             str(timeout)],
            cwd=ROOT,
            stderr=subprocess.PIPE,
            text=True,
        )
        for i in range(count)
    ]  # fmt: skip
    try:
        return [(said := one.communicate(timeout=120)[1], (one.returncode, said))[1] for one in begun]
    finally:
        for one in begun:
            one.kill()


def test_they_meet_and_leave_nothing_behind(tmp_path: Path) -> None:
    ended = together(tmp_path / "w", "    peers.agree('x', {'a': [1]}); peers.agree('y')")
    assert ended == [(0, "")] * 3
    assert not (tmp_path / "w" / FILE).exists()


def test_facts_that_differ_end_all_of_them_with_both_values(tmp_path: Path) -> None:
    ended = together(
        tmp_path, "    peers.agree('x', {'config.lr': 0.1 * (process == 1), 'alike': 1})\n    time.sleep(60)"
    )
    assert [code for code, _ in ended] == [2] * 3
    for _, said in ended:
        assert len(said.splitlines()) == 1 and "process 1 on " in said and "config.lr: 0.1 there, 0.0 here" in said
        assert "alike" not in said


@pytest.mark.parametrize("who", [0, 2])
def test_a_failure_of_one_ends_all_with_its_reason(who: int, tmp_path: Path) -> None:
    program = f"    if process == {who}: raise UserError('shard 3 is gone')\n    time.sleep(60)"
    ended = together(tmp_path, program)
    assert [code for code, _ in ended] == [2] * 3
    for number, (_, said) in enumerate(ended):
        assert len(said.splitlines()) == 1 and "shard 3 is gone" in said
        assert number == who or f"process {who} on " in said


def test_nothing_is_said_behind_the_reason(tmp_path: Path) -> None:
    program = (
        "    if process == 1: raise UserError('shard 3 is gone')\n    while True: print('trains', file=sys.stderr)"
    )
    (_, said), _ = together(tmp_path, program, count=2)
    assert said.startswith("trains") and "shard 3 is gone" in said.splitlines()[-1]


@pytest.mark.parametrize("who", [0, 1])
def test_a_killed_one_ends_the_others(who: int, tmp_path: Path) -> None:
    program = f"    peers.agree('x')\n    if process == {who}: os.kill(os.getpid(), signal.SIGKILL)\n    time.sleep(60)"
    ended = together(tmp_path, program)
    assert [code for code, _ in ended] == [-signal.SIGKILL if number == who else 75 for number in range(3)]
    for number, (_, said) in enumerate(ended):
        assert number == who or (f"process {who}" in said and "has ended without a word" in said)


def test_a_bug_of_one_is_its_traceback_and_one_line_of_the_others(tmp_path: Path) -> None:
    ended = together(tmp_path, "    if process == 1: {}['absent']\n    time.sleep(60)", count=2)
    assert [code for code, _ in ended] == [1, 1]
    assert "Traceback" in ended[1][1] and "Traceback" not in ended[0][1] and "KeyError" in ended[0][1]


def test_one_that_does_not_come_is_named(tmp_path: Path) -> None:
    program = "    if process == 2: time.sleep(60)\n    peers.agree('the data')"
    ended = together(tmp_path, program, timeout=3)
    assert [code for code, _ in ended] == [2] * 3
    assert "process 2 on " in ended[0][1] and "has not come to the data within 3 s" in ended[0][1]


def test_a_message_that_is_nested_too_deeply_is_none() -> None:
    one, other = multiprocessing.Pipe()
    with one, other:
        one.send_bytes(b"[" * 100_000)
        with pytest.raises(ValueError, match="not valid JSON"):
            peers._receive(other)


def test_folders_that_are_not_shared_are_named(tmp_path: Path) -> None:
    ended = together(tmp_path, "    pass", count=2, timeout=3, folders=True)
    assert [code for code, _ in ended] == [2, 2]
    assert "all processes must see" in ended[0][1] and "is not the folder that process 0 sees" in ended[1][1]
