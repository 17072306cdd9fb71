"""A run that stands still is ended with the stacks of its threads; one that goes on is not."""

import threading
from pathlib import Path

import pytest

from deemo_jax.training.watch.watchdog import Watchdog


def test_what_stands_still_is_ended_and_its_threads_are_written(tmp_path: Path) -> None:
    said: list[str] = []
    ended = threading.Event()

    def end(reason: str) -> None:
        said.append(reason)
        ended.set()

    stacks = tmp_path / "stacks" / "process_0.txt"
    with Watchdog(0.05, stacks, lambda: "step 7 (data wait)", lambda: False, end):
        assert ended.wait(60)
    assert said == [
        f"step 7 (data wait): nothing has moved for 0.05 s (--stuck_after_s); the stacks of its threads are in {stacks}"
    ]
    assert "test_what_stands_still_is_ended" in stacks.read_text()


def test_a_folder_that_cannot_be_written_changes_nothing_else(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    ended = threading.Event()
    (tmp_path / "stacks").write_text("a file")
    said: list[str] = []

    def end(reason: str) -> None:
        said.append(reason)
        ended.set()

    with Watchdog(0.05, tmp_path / "stacks" / "p.txt", lambda: "s", lambda: False, end):
        assert ended.wait(60)
    assert said[0].endswith("are above") and "test_a_folder_that" in capfd.readouterr().err


def test_what_goes_on_or_is_over_is_left_alone(tmp_path: Path) -> None:
    said: list[str] = []
    with Watchdog(3600, tmp_path / "s", lambda: "", lambda: False, said.append) as watchdog:
        watchdog.beat()
    with Watchdog(0, tmp_path / "s", lambda: "", lambda: False, said.append) as watchdog:
        watchdog.beat()
    assert said == [] and list(tmp_path.iterdir()) == []
