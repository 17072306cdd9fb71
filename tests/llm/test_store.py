"""What was paid for survives a process that is killed while it writes, and a second process does not interfere."""

import json
import subprocess
import sys

import pytest

from deemo_jax.core import files
from deemo_jax.core.errors import UserError
from deemo_jax.llm.outcome import Failure, Reply, Usage
from deemo_jax.llm.request import Decoding
from deemo_jax.llm.store import Store

REPLY = Reply({"clue": 7, "reason": "schön \n"}, Usage(10, 2), "judge-1-x", 1, False, Decoding(0.0), "text")
MISFIT = Failure("malformed", "no JSON", 1, Usage(5, 1))


def add(store, of, outcome, settled=True):
    store.add(of, f"key of {of}", outcome, outcome.usage, settled, {"protocol": "test/1"})


@pytest.fixture
def path(tmp_path):
    path = tmp_path / "folder" / "answers.jsonl"
    with Store(path) as store:
        add(store, "a", MISFIT, settled=False)
        add(store, "a", REPLY)
        add(store, "b", MISFIT, settled=False)
    return path


def test_answers_are_there_again_with_all_that_was_paid_for_them(path):
    with Store(path) as store:
        kept = store.outcome("a")
        assert kept == Reply(REPLY.value, Usage(15, 3), "judge-1-x", 1, True, Decoding(0.0), "text")
        assert store.outcome("b") is None and store.misfits("b") == (1, Usage(5, 1))
        add(store, "b", MISFIT)
        assert store.outcome("b") == Failure("malformed", "no JSON", 1, Usage(10, 2), cached=True)
    assert [p.name for p in path.parent.iterdir()] == ["answers.jsonl"]


def test_a_line_that_was_written_in_part_is_left_out(path):
    whole = path.read_bytes()
    for cut in (1, 20, len(whole.splitlines(keepends=True)[-1]) - 1):
        path.write_bytes(whole[:-cut])
        with Store(path) as store:
            assert store.outcome("a") is not None and store.misfits("b") == (0, Usage())
            add(store, "b", MISFIT, settled=False)
        assert path.read_bytes() == whole


@pytest.mark.parametrize(
    "line",
    [
        b"\x00" * 40,
        b"{}",
        b"[1]",
        b'{"hash": 1',
        b"[" * 100_000,
        b'{"hash": "c", "outcome": "reply", "value": [], "prompt_tokens": 1, "completion_tokens": 1, "attempts": 1}',
        b'{"hash": "c", "outcome": "other", "prompt_tokens": 1e999, "completion_tokens": 1, "attempts": 1}',
    ],
)
def test_a_damaged_line_is_named(path, line):
    whole = path.read_bytes()
    path.write_bytes(whole + line + b"\n" + whole)
    with pytest.raises(UserError, match=r"answers\.jsonl:4: is no line of kept answers"), Store(path):
        pass
    assert path.read_bytes() == whole + line + b"\n" + whole
    with pytest.raises(UserError), Store(path):  # the lock is free again
        pass


def test_a_second_process_is_refused(path):
    script = "import sys, pathlib; from deemo_jax.llm.store import Store; Store(pathlib.Path(sys.argv[1])).__enter__()"
    with Store(path):
        second = subprocess.run([sys.executable, "-c", script, str(path)], capture_output=True, text=True, check=False)
    assert "is in use by another run" in second.stderr.splitlines()[-1]
    assert second.returncode == 1


def test_a_full_disk_is_told_and_leaves_no_half_line(path, monkeypatch):
    whole = path.read_bytes()

    def full(descriptor):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(files.os, "fsync", full)
    with Store(path) as store, pytest.raises(UserError, match="No space left on device"):
        add(store, "c", REPLY)
    assert path.read_bytes() == whole


def test_a_thread_that_comes_late_writes_nothing(path):
    whole = path.read_bytes()
    with Store(path) as store:
        pass
    add(store, "c", REPLY)
    assert path.read_bytes() == whole


def test_lines_are_ascii_and_say_who_was_asked(path):
    rows = [json.loads(line) for line in path.read_bytes().decode("ascii").splitlines()]
    assert {row["protocol"] for row in rows} == {"test/1"}
    assert rows[1]["value"] == REPLY.value
