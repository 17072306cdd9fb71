"""What is written, and what a continued run removes before it writes again."""

import errno
import json
import math
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from deemo_jax.core.errors import UserError
from deemo_jax.core.progress import duration
from deemo_jax.core.recipe import Recipe
from deemo_jax.core.run_folder.workdir import Workdir
from deemo_jax.training import monitor as monitor_lib
from deemo_jax.training.monitor import Monitor, cut_back
from deemo_jax.training.trackers.trackers import Trackers
from tests.training import tiny

METRICS = {"loss": 1.5, "lr": 1e-3, "skipped": 0.0}


def trackers(folder: Path) -> Trackers:
    """Those of a run in a folder: TensorBoard."""
    return Trackers(Recipe.from_config(tiny.get_config(str(folder))), Workdir(folder))


def run(folder: Path, start: int, stop: int, log_every: int = 1, bad: int = -1) -> list[dict]:
    """Reports steps start + 1 .. stop of 6."""
    path = folder / "metrics.jsonl"
    monitor = Monitor(path, trackers(folder), steps=6, start=start, batch_size=4, log_every=log_every, active=True)
    with monitor:
        for step in range(start + 1, stop + 1):
            with monitor.waiting():
                pass
            odd = {"loss": math.nan, "skipped": 1.0} if step == bad else {}
            monitor.report(step, METRICS | odd, {"records": [7, 8]})
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_every_line_has_its_step(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rows = run(tmp_path, 0, 6, log_every=2)
    assert [row["step"] for row in rows] == [2, 4, 6]
    assert rows[0]["loss"] == 1.5 and rows[0]["examples_per_s"] > 0 and 0 <= rows[0]["data_wait"] <= 1
    said = capsys.readouterr().err
    assert "step 6/6, loss 1.5000" in said and "left" in said
    assert list((tmp_path / "tensorboard").iterdir())


def test_a_skipped_step_is_always_written_with_its_records(tmp_path: Path) -> None:
    rows = run(tmp_path, 0, 6, log_every=3, bad=2)
    assert [row["step"] for row in rows] == [2, 3, 6]
    assert rows[0]["loss"] is None and rows[0]["records"] == [7, 8] and "records" not in rows[1]


def test_a_continued_run_writes_no_step_twice(tmp_path: Path) -> None:
    run(tmp_path, 0, 5)
    with open(tmp_path / "metrics.jsonl", "a") as handle:
        handle.write('{"step": 6, "lo')  # killed while writing
    rows = run(tmp_path, 3, 6)
    assert [row["step"] for row in rows] == [1, 2, 3, 4, 5, 6]


def test_lines_that_are_none_are_cut(tmp_path: Path) -> None:
    path, good = tmp_path / "metrics.jsonl", b'{"step": 2}\n'
    path.write_bytes(b"[" * 100_000 + b"\n" + good + b'{"step": 1e999}\n{"loss": 1}\n\xff\n{"step": 4}\n')
    cut_back(path, 3)
    assert path.read_bytes() == good


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a device that is always full")
def test_a_full_disk_is_one_clear_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(monitor_lib, "cut_back", lambda path, step: None)  # it would put a new file in the link's place
    (tmp_path / "metrics.jsonl").symlink_to("/dev/full")
    with pytest.raises(UserError, match=r"metrics.jsonl: cannot be written \(No space left on device\)"):
        run(tmp_path, 0, 1)


def test_a_line_that_only_half_fits_is_taken_back(tmp_path: Path, small_files: Callable[[int], None]) -> None:
    run(tmp_path, 0, 3)
    path = tmp_path / "metrics.jsonl"
    whole = path.read_bytes()
    small_files(len(whole) + 40)
    with pytest.raises(UserError, match=r"metrics.jsonl: cannot be written \(File too large\)"):
        run(tmp_path, 3, 6)
    assert path.read_bytes() == whole


def test_a_full_disk_under_tensorboard_is_one_clear_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr("deemo_jax.training.trackers.tensorboard_file.TensorboardFile.add", full)
    with pytest.raises(UserError, match=r"tensorboard: cannot be written \(No space left on device\)"):
        run(tmp_path, 0, 1)


def test_a_link_to_the_metrics_stays_one(tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "metrics.jsonl").symlink_to(tmp_path / "elsewhere" / "m.jsonl")
    run(tmp_path, 0, 5)
    run(tmp_path, 3, 4)
    rows = [json.loads(line) for line in (tmp_path / "elsewhere" / "m.jsonl").read_text().splitlines()]
    assert [row["step"] for row in rows] == [1, 2, 3, 4]


def test_cut_back_leaves_a_missing_file_missing(tmp_path: Path) -> None:
    cut_back(tmp_path / "metrics.jsonl", 3)
    assert not list(tmp_path.iterdir())


def test_inactive_writes_nothing(tmp_path: Path) -> None:
    path = tmp_path / "metrics.jsonl"
    with Monitor(path, trackers(tmp_path), steps=2, start=0, batch_size=1, log_every=1, active=False) as monitor:
        monitor.report(1, METRICS, {})
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(("seconds", "text"), [(3.4, "3 s"), (61, "1 min 01 s"), (7500, "2 h 05 min")])
def test_duration(seconds: float, text: str) -> None:
    assert duration(seconds) == text
