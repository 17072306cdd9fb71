"""Where time goes: into one bucket at a time; what is done again counts as lost."""

import json
from pathlib import Path

import pytest

from deemo_jax.training.watch import goodput as goodput_lib
from deemo_jax.training.watch.goodput import Bucket, Goodput


class Clock:
    """In place of the module `time`."""

    def __init__(self, now: float = 1000.0) -> None:
        self.now = now

    def monotonic(self) -> float:
        return self.now

    time = monotonic


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    found = Clock()
    monkeypatch.setattr(goodput_lib, "time", found)
    return found


def session(path: Path, clock: Clock, start: int, stop: int, step_s: float = 2.0, reached: int = 0) -> Goodput:
    """A session of steps `start` + 1 to `stop` that is killed when the last of them is written."""
    goodput = Goodput(path, clock.now - 1)
    clock.now += 4
    with goodput.bucket(Bucket.COMPILE):
        clock.now += 10
    goodput.begin_steps(start, reached, devices=8, processes=2)
    for step in range(start + 1, stop + 1):
        with goodput.bucket(Bucket.DATA):
            clock.now += 0.5
        clock.now += step_s
        goodput.tell(step, now=True)
    return goodput


def test_time_goes_into_one_bucket(tmp_path: Path, clock: Clock) -> None:
    goodput = session(tmp_path / "g.json", clock, 0, 4)
    with goodput.bucket(Bucket.EVALUATION):
        clock.now += 3
        with goodput.bucket(Bucket.CHECKPOINT):
            clock.now += 1
        clock.now += 1
    goodput.tell(4, now=True)
    found = json.loads((tmp_path / "g.json").read_text())
    assert found["seconds"] == {
        "start_up": 5,
        "compile": 10,
        "data_wait": 2,
        "step": 8,
        "checkpoint": 1,
        "evaluation": 4,
        "redone": 0,
        "idle": 0,
    }
    assert found["goodput"] == pytest.approx(8 / 30) and found["steps"] == {"done": 4, "redone": 0}
    assert found["sessions"][0]["devices"] == 8 and found["sessions"][0]["to_step"] == 4
    assert goodput.line().startswith("goodput 26.7% of 30 s: start up 5.0 s, compile 10.0 s, data wait 2.0 s, step 8.0")


def test_steps_done_again_and_the_time_between_sessions_are_lost(tmp_path: Path, clock: Clock) -> None:
    session(tmp_path / "g.json", clock, 0, 7)
    clock.now += 101  # one of them the time that the next process takes to begin
    goodput = session(tmp_path / "g.json", clock, 5, 10)
    found = goodput.summary()
    assert found["steps"] == {"done": 10, "redone": 2}
    assert found["seconds"]["step"] == pytest.approx(20) and found["seconds"]["redone"] == pytest.approx(4)
    assert found["seconds"]["idle"] == pytest.approx(100)
    assert len(found["sessions"]) == 2 and "redone 4.0 s (2 steps)" in goodput.line()


def test_steps_that_only_the_metrics_know_of_are_lost_too(tmp_path: Path, clock: Clock) -> None:
    session(tmp_path / "g.json", clock, 0, 6)
    assert session(tmp_path / "g.json", clock, 5, 10, reached=8).summary()["steps"]["redone"] == 3


def test_a_file_that_is_no_summary_is_begun_anew(tmp_path: Path, clock: Clock) -> None:
    (tmp_path / "g.json").write_text("{}")
    assert len(session(tmp_path / "g.json", clock, 5, 6).summary()["sessions"]) == 1


def test_processes_beside_the_first_write_nothing(tmp_path: Path, clock: Clock) -> None:
    goodput = Goodput(None)
    goodput.begin_steps(0, 0, devices=1, processes=1)
    goodput.tell(1, now=True)
    assert list(tmp_path.iterdir()) == []
