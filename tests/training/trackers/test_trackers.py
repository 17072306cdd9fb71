"""Trackers get numbers only, and never stop a run."""

import dataclasses
import importlib.util
import json
import socket
import threading
from collections.abc import Mapping
from pathlib import Path

import pytest

from deemo_jax.core.errors import UserError
from deemo_jax.core.recipe import Recipe, TrainRecipe
from deemo_jax.core.run_folder.workdir import Workdir
from deemo_jax.training.monitor import Monitor
from deemo_jax.training.trackers import aside, trackers
from deemo_jax.training.trackers.tracker import TrackedRun
from deemo_jax.training.trackers.trackers import SERVICES, Trackers, check_installed
from tests.training import tiny

KEY = "0123456789abcdef" * 2 + "01234567"
METRICS = {"loss": 1.5, "lr": 1e-3, "skipped": 0.0}


class Recording:
    """A tracker that keeps what it is given; `fails` names the method that raises."""

    def __init__(self, run: TrackedRun, fails: str = "") -> None:
        self.run, self.rows, self.finished, self._fails = run, list[tuple[int, Mapping[str, float]]](), None, fails
        self.ident = run.ident or "fresh"
        self._maybe("open")

    def add(self, step: int, values: Mapping[str, float]) -> None:
        self._maybe("add")
        self.rows.append((step, values))

    def close(self, finished: bool) -> None:
        self._maybe("close")
        self.finished = finished

    def _maybe(self, method: str) -> None:
        if self._fails == method:
            raise ConnectionError(f"no answer in {method}")


def report(folder: Path, names: tuple[str, ...], start: int = 0, stop: int = 3) -> list[dict]:
    """Reports steps of a run of three; its metrics.jsonl."""
    recipe = Recipe.from_config(tiny.get_config(str(folder / "private_data")))
    recipe = dataclasses.replace(recipe, train=dataclasses.replace(recipe.train, trackers=names))
    path = folder / "metrics.jsonl"
    to = Trackers(recipe, Workdir(folder))
    with Monitor(path, to, steps=3, start=start, batch_size=4, log_every=1, active=True) as monitor:
        for step in range(start + 1, stop + 1):
            monitor.report(step, METRICS, {"records": [7]})
    return [json.loads(line) for line in path.read_text().splitlines()]


@pytest.fixture
def recorded(monkeypatch: pytest.MonkeyPatch) -> list[Recording]:
    """The trackers that are opened in place of W&B."""
    made: list[Recording] = []

    def opened(run: TrackedRun) -> Recording:
        made.append(Recording(run))
        return made[-1]

    monkeypatch.setitem(SERVICES, "wandb", opened)
    return made


def test_a_tracker_gets_every_number_and_nothing_else(tmp_path: Path, recorded: list[Recording]) -> None:
    rows = report(tmp_path, ("wandb",))
    (tracker,) = recorded
    assert [step for step, _ in tracker.rows] == [1, 2, 3] and tracker.finished is True
    expected = {f"train/{key}": value for key, value in rows[0].items() if key != "step"}
    assert dict(tracker.rows[0][1]) == expected and not (tmp_path / "tensorboard").exists()
    assert all(type(value) in (int, float) for _, values in tracker.rows for value in values.values())
    assert tracker.run.name == "tiny" and tracker.run.numbers["optimizer.lr"] == 1e-2
    assert all(isinstance(value, bool | int | float) for value in tracker.run.numbers.values())


def test_a_run_that_goes_on_is_known_again(tmp_path: Path, recorded: list[Recording]) -> None:
    report(tmp_path, ("tensorboard", "wandb"), stop=2)
    assert recorded[0].finished is False and list((tmp_path / "tensorboard").iterdir())
    report(tmp_path, ("tensorboard", "wandb"), start=2)
    assert [tracker.run.ident for tracker in recorded] == ["", "fresh"] and recorded[1].finished is True
    (tmp_path / "trackers/idents.json").write_text("{")
    report(tmp_path, ("wandb",), start=2)
    assert recorded[2].run.ident == "" and "fresh" in (tmp_path / "trackers/idents.json").read_text()


@pytest.mark.parametrize("method", ["open", "add", "close"])
def test_one_that_fails_is_told_once_and_training_goes_on(
    method: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(SERVICES, "mlflow", lambda run: Recording(run, method))
    assert [row["step"] for row in report(tmp_path, ("mlflow",))] == [1, 2, 3]
    said = [line for line in capsys.readouterr().err.splitlines() if "tracker" in line]
    reason = f"ConnectionError: no answer in {method}"
    assert said == [f"tracker mlflow: takes no more numbers ({reason}); training goes on"]


def test_one_that_hangs_is_not_waited_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    never = threading.Event()
    slow = aside.Aside("wandb", lambda: never.wait() or Recording(TrackedRun("", {}, tmp_path)), str, wait_s=0.05)
    monkeypatch.setattr(aside, "MOST_WAITING", 2)
    for step in range(5):
        slow.add(step, {})
    slow.close(True)
    assert "has not ended after 0.05 s" in capsys.readouterr().err
    full = aside.Aside("wandb", lambda: never.wait() or Recording(TrackedRun("", {}, tmp_path)), str, wait_s=0.05)
    for step in range(5):
        full.add(step, {})
    full.close(True)
    never.set()
    assert capsys.readouterr().err.count("2 steps wait to be taken") == 1


def test_what_is_not_there_or_not_known_is_refused_before_training(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(
        UserError, match=r"config\.train\.trackers: 'comet' is not known; choose from tensorboard, wandb"
    ):
        TrainRecipe(steps=1, trackers=("comet",))
    monkeypatch.setattr(trackers.importlib.util, "find_spec", lambda _: None)
    with pytest.raises(UserError, match=r"wandb is not installed; pip install 'deemo-jax\[wandb\]'"):
        check_installed(["tensorboard", "wandb"])
    check_installed(["tensorboard"])


def everything(folder: Path) -> bytes:
    """All that lies in a folder, but the client's own logs, which stay on this machine."""
    return b"\n".join(
        path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file() and path.suffix != ".log"
    )


@pytest.fixture
def private(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[bytes]:
    """What must not leave: user, machine, paths, the data's place, records, keys."""
    for name in ("USER", "LOGNAME"):
        monkeypatch.setenv(name, "private-user")
    monkeypatch.setattr(socket, "gethostname", lambda: "private-host")
    monkeypatch.setenv("WANDB_API_KEY", KEY)
    return [name.encode() for name in ("private-user", "private-host", str(tmp_path), "private_data", "records", KEY)]


@pytest.mark.slow
@pytest.mark.skipif(importlib.util.find_spec("wandb") is None, reason="the extra wandb is not installed")
def test_what_weights_and_biases_would_send_has_numbers_only(
    tmp_path: Path, private: list[bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WANDB_MODE", "offline")
    report(tmp_path, ("wandb",), stop=2)
    print("words of the terminal")
    report(tmp_path, ("wandb",), start=2)
    sent = b"".join(path.read_bytes() for path in (tmp_path / "trackers").rglob("*.wandb"))
    assert b"train/loss" in sent and b"optimizer.lr" in sent and sent.count(b"tiny") >= 1
    assert not [name for name in [*private, b"words of the terminal"] if name in sent]
    assert KEY.encode() not in everything(tmp_path)


@pytest.mark.slow
@pytest.mark.skipif(importlib.util.find_spec("mlflow") is None, reason="the extra mlflow is not installed")
def test_mlflow_has_every_step_and_numbers_only(
    tmp_path: Path, private: list[bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    report(tmp_path, ("mlflow",), stop=2)
    report(tmp_path, ("mlflow",), start=2)
    home = tmp_path / "trackers/mlflow"
    (losses,) = home.rglob("metrics/train/loss")
    assert [line.split()[1:] for line in losses.read_text().splitlines()] == [["1.5", str(step)] for step in (1, 2, 3)]
    (rate,) = home.rglob("params/optimizer.lr")
    assert rate.read_text() == "0.01" and "status: 3" in next(losses.parents[2].glob("meta.yaml")).read_text()
    # A store of files names the place of its own artifacts.
    said = everything(home).replace(str(home).encode(), b"")
    assert not [name for name in private if name in said]
