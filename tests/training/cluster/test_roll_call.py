"""Who is there and who is missing, told from the signatures in a folder."""

import json
import os
import threading
from pathlib import Path

import pytest

from deemo_jax.training.cluster.roll_call import FOLDER, GONE_S, Entry, RollCall


def never(said: str) -> None:
    raise AssertionError(said)


def sign(workdir: Path, name: str, host: str, process: int | None, processes: int | None, age_s: float = 0) -> None:
    """The signature of another process, last renewed `age_s` ago."""
    file = workdir / FOLDER / f"{name}.json"
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps({"host": host, "process": process, "processes": processes}))
    now = file.stat().st_mtime
    os.utime(file, (now - age_s, now - age_s))


def told(workdir: Path, process: int | None = 0, processes: int | None = 3) -> str:
    with RollCall(workdir, Entry("a", process, processes), 60, never) as call:
        return call.told()


def test_it_names_who_is_missing_and_who_is_there(tmp_path: Path) -> None:
    sign(tmp_path, "b", "b", 2, 3)
    assert told(tmp_path).endswith("process 1 of 3; there: process 0 on a, process 2 on b")


def test_who_died_before_is_missing(tmp_path: Path) -> None:
    sign(tmp_path, "b", "b", 1, 3, age_s=GONE_S + 5)
    assert "process 1, 2 of 3; there: process 0 on a" in told(tmp_path)


def test_counts_that_differ_are_named(tmp_path: Path) -> None:
    sign(tmp_path, "b", "b", 1, 2)
    assert "do not agree how many they are (2, 3)" in told(tmp_path)


def test_where_nobody_knows_the_number_hosts_are_named(tmp_path: Path) -> None:
    sign(tmp_path, "b", "b", None, None)
    assert told(tmp_path, None, None) == "there: a process on a, a process on b"


def test_it_waits_for_all_and_leaves_nothing_behind(tmp_path: Path) -> None:
    workdir = tmp_path / "new"
    sign(workdir, "old", "b", 1, 2, age_s=GONE_S + 5)
    with RollCall(workdir, Entry("a", 0, 2), 60, never) as call:
        waiting = threading.Thread(target=call.wait)
        waiting.start()
        assert waiting.is_alive()
        sign(workdir, "b", "b", 1, 2)
        waiting.join(30)
        assert not waiting.is_alive()
        (workdir / FOLDER / "old.json").unlink()
        (workdir / FOLDER / "b.json").unlink()
    assert list(workdir.iterdir()) == []


def test_a_run_that_fails_leaves_no_folder_behind(tmp_path: Path) -> None:
    with pytest.raises(KeyError), RollCall(tmp_path / "new", Entry("a", 0, 2), 60, never):
        raise KeyError
    assert not (tmp_path / "new").exists()


def test_a_number_that_is_there_twice_is_no_complete_run(tmp_path: Path) -> None:
    sign(tmp_path, "b", "b", 0, 1)
    with RollCall(tmp_path, Entry("a", 0, 1), 60, never) as call:
        assert not call._complete() and "all 1 are there, some twice" in call.told()


def test_who_waits_too_long_is_told(tmp_path: Path) -> None:
    said: list[str] = []
    rung = threading.Event()

    def late(roll: str) -> None:
        said.append(roll)
        rung.set()

    with RollCall(tmp_path, Entry("a", 0, 2), 0.05, late):
        assert rung.wait(30)
    assert "process 1 of 2" in said[0]
