"""Whole runs of the tiny recipe: learning, being killed, being stopped, and being opened again."""

import functools
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import flax.traverse_util
import jax
import numpy as np
import pytest

from deemo_jax.core.errors import UserError
from deemo_jax.core.files import read_json, read_jsonl, write_json
from deemo_jax.core.recipe import Recipe
from deemo_jax.core.run_folder.checkpoint import Checkpoints, saved_steps
from deemo_jax.core.run_folder.lock import Lock
from deemo_jax.data.features.make import make_features
from deemo_jax.data.pipeline import Pipeline
from deemo_jax.generation.load import load_run
from deemo_jax.models.batch import Batch
from deemo_jax.models.from_recipe import build
from deemo_jax.models.mesh import MeshRecipe, make_mesh
from deemo_jax.models.params import merge
from deemo_jax.models.weights import flatten, save_tree
from deemo_jax.training import loop
from deemo_jax.training.loop import train
from deemo_jax.training.monitor import Monitor
from deemo_jax.training.validation import Validation
from tests.tiny_runs import KEPT
from tests.training import tiny

ROOT = Path(__file__).parents[2]
pytestmark = pytest.mark.usefixtures("traced_once")


def parameters(workdir: Path) -> dict[str, np.ndarray]:
    return {path: np.asarray(leaf) for path, leaf in flatten(load_run(workdir)[2]).items()}


@functools.cache
def unchanged(workdir: Path) -> dict[str, np.ndarray]:
    return parameters(workdir)


def assert_same_run(workdir: Path, whole: Path) -> None:
    """The same parameters, bit for bit, and the same metrics, each step once."""
    found, expected = parameters(workdir), unchanged(whole)
    assert found.keys() == expected.keys()
    assert [path for path in expected if found[path].tobytes() != expected[path].tobytes()] == []
    rows, whole_rows = list(read_jsonl(workdir / "metrics.jsonl")), list(read_jsonl(whole / "metrics.jsonl"))
    assert [row["step"] for row in rows] == list(range(1, tiny.STEPS + 1))
    assert [row["loss"] for row in rows] == [row["loss"] for row in whole_rows]


def lines(path: Path) -> int:
    return path.read_bytes().count(b"\n") if path.exists() else 0


def test_the_loss_falls_and_everything_is_left_behind(tiny_run: Path, tiny_data: Path) -> None:
    rows = list(read_jsonl(tiny_run / "metrics.jsonl"))
    assert rows[0]["loss"] > 4 and rows[-1]["loss"] < rows[0]["loss"] / 10
    assert rows[0].keys() >= {"step", "loss", "lr", "grad_norm", "examples_per_s", "data_wait", "skipped"}
    assert sorted(path.name for path in tiny_run.iterdir()) == [
        ".lock",
        "checkpoints",
        "config.json",
        "data.json",
        "goodput.json",
        "metrics.jsonl",
        "origin.json",
        "tensorboard",
    ]
    assert sorted(path.name for path in (tiny_run / "checkpoints").iterdir()) == ["35", "40"]
    assert read_json(tiny_run / "config.json") == Recipe.from_config(tiny.get_config(str(tiny_data))).resolved()
    with Checkpoints(tiny_run / "checkpoints", read_only=True) as checkpoints:
        facts = checkpoints.metadata(tiny.STEPS)
    assert facts["data"]["next_step"] == tiny.STEPS and len(facts["frozen_sha256"]) == 64
    assert facts["versions"]["jax"] == jax.__version__


def test_only_what_is_trainable_moved_and_frozen_weights_are_in_no_checkpoint(tiny_run: Path) -> None:
    params = unchanged(tiny_run)
    assert {str(leaf.dtype) for path, leaf in params.items() if "/encoder/" in path} == {"bfloat16"}
    assert {str(leaf.dtype) for path, leaf in params.items() if "/encoder/" not in path} == {"float32"}
    everything = load_run(tiny_run)[2]
    checkpoints = Checkpoints(tiny_run / "checkpoints", read_only=True)
    with checkpoints, pytest.raises(UserError, match=r"audio/encoder/\S+: absent, not"):
        checkpoints.restore(tiny.STEPS, {"trainable": everything})


def test_a_finished_run_is_left_alone(tiny_run: Path, tiny_data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = (tiny_run / "metrics.jsonl").read_bytes()
    outcome = train(tiny.get_config(str(tiny_data)), tiny_run, resume=True)
    assert outcome.finished and "nothing to do" in capsys.readouterr().err
    with pytest.raises(UserError, match="already holds a run"):
        train(tiny.get_config(str(tiny_data)), tiny_run)
    assert (tiny_run / "metrics.jsonl").read_bytes() == before


def test_of_a_finished_run_what_has_changed_is_recorded(
    tiny_run: Path, tiny_data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    moved, run = shutil.copytree(tiny_data, tmp_path / "moved"), shutil.copytree(tiny_run, tmp_path / "run")
    config = tiny.get_config(str(tiny_data))
    config.data.data_dir = str(moved)
    assert train(config, run, resume=True).finished
    said = capsys.readouterr().err
    assert f"recorded: config.data.data_dir: {tiny_data} -> {moved}" in said and "nothing else to do" in said
    assert read_json(run / "config.json")["data"]["data_dir"] == str(moved)
    (record,) = read_jsonl(run / "config_history.jsonl")
    assert record["step"] == tiny.STEPS and list(record["changed"]) == ["data.data_dir"]
    assert (run / "metrics.jsonl").read_bytes() == (tiny_run / "metrics.jsonl").read_bytes()
    config.data.data_dir = "nowhere"
    with pytest.raises(UserError, match="no dataset there"):
        train(config, run, resume=True)


def command(data_dir: Path, workdir: Path, *flags: str) -> list[str]:
    config = f"tests/training/tiny.py:{data_dir}"
    return [sys.executable, "-m", "deemo_jax.train", "--config", config, "--workdir", str(workdir), *flags]


@pytest.mark.slow
def test_what_a_kill_leaves_behind_ends_bit_equal(killed_run: Path, tiny_run: Path, tiny_data: Path) -> None:
    assert train(tiny.get_config(str(tiny_data)), killed_run, resume=True).finished
    assert_same_run(killed_run, tiny_run)


@pytest.mark.slow
def test_killed_at_a_random_step_and_continued_it_ends_bit_equal(
    tiny_run: Path, tiny_data: Path, tmp_path: Path
) -> None:
    step = random.SystemRandom().randrange(8, tiny.STEPS - 10)
    with open(tmp_path / "log", "w") as log:
        killed = subprocess.Popen(command(tiny_data, tmp_path), cwd=ROOT, stderr=log)
        while killed.poll() is None and lines(tmp_path / "metrics.jsonl") < step:
            time.sleep(0.01)
        killed.kill()
        assert killed.wait() == -signal.SIGKILL, f"step {step}: {(tmp_path / 'log').read_text()}"
    assert step <= lines(tmp_path / "metrics.jsonl") < tiny.STEPS
    assert train(tiny.get_config(str(tiny_data)), tmp_path, resume=True).finished
    assert_same_run(tmp_path, tiny_run)


@pytest.mark.parametrize("number", [signal.SIGUSR1, signal.SIGINT])
def test_a_signal_saves_and_stops_and_the_run_goes_on(
    number: signal.Signals, killed_run: Path, tiny_run: Path, tiny_data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config, metrics = tiny.get_config(str(tiny_data)), killed_run / "metrics.jsonl"
    handler, report = signal.getsignal(number), Monitor.report

    def asked(self: Monitor, step: int, *facts: Any) -> None:
        report(self, step, *facts)
        if step == KEPT + 1:
            os.kill(os.getpid(), number)

    with monkeypatch.context() as patch:
        patch.setattr(Monitor, "report", asked)
        if number == signal.SIGINT:
            with pytest.raises(KeyboardInterrupt):
                train(config, killed_run, resume=True)
        else:
            outcome = train(config, killed_run, resume=True)
            assert not outcome.finished and outcome.signal == number
    assert signal.getsignal(number) == handler
    with Checkpoints(killed_run / "checkpoints", read_only=True) as checkpoints:
        older, stopped = checkpoints.steps()
    assert older == KEPT < stopped < tiny.STEPS and lines(metrics) == stopped
    if number == signal.SIGUSR1:  # after either the same files are there
        assert train(config, killed_run, resume=True, from_step=older).finished
        assert_same_run(killed_run, tiny_run)
        assert (killed_run / "checkpoints" / "set_aside" / str(stopped)).is_dir()


def test_a_second_run_in_the_same_folder_is_refused(tiny_run: Path, tiny_data: Path) -> None:
    config = tiny.get_config(str(tiny_data))
    config.train.steps += 1
    before = (tiny_run / "config.json").read_bytes()
    with Lock(tiny_run / ".lock") as lock:
        lock.take()
        for flags in ({"resume": True}, {"overwrite": True}):
            with pytest.raises(UserError, match="is in use by another run"):
                train(config, tiny_run, **flags)
    assert (tiny_run / "config.json").read_bytes() == before


@pytest.mark.slow
def test_eight_devices_give_the_losses_of_one_and_one_goes_on_where_they_stopped(
    tiny_run: Path, tiny_data: Path, tmp_path: Path
) -> None:
    flags = f"{os.environ.get('XLA_FLAGS', '')} --xla_force_host_platform_device_count=8"
    split = ["--config.mesh.fsdp=2", "--config.mesh.tensor=2", "--config.train.steps=4"]
    env = os.environ | {"XLA_FLAGS": flags, "JAX_PLATFORMS": "cpu"}
    done = subprocess.run(
        command(tiny_data, tmp_path, *split), cwd=ROOT, env=env, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    one = list(read_jsonl(tiny_run / "metrics.jsonl"))
    # Three steps in, the rates are those of the warmup, which the number of steps does not bend.
    for row, alone in zip(list(read_jsonl(tmp_path / "metrics.jsonl"))[:3], one, strict=False):
        assert row["loss"] == pytest.approx(alone["loss"], rel=1e-4)
        assert row["grad_norm"] == pytest.approx(alone["grad_norm"], rel=1e-3)
    assert train(tiny.get_config(str(tiny_data)), tmp_path, resume=True).finished
    rows = list(read_jsonl(tmp_path / "metrics.jsonl"))
    assert [row["step"] for row in rows] == list(range(1, tiny.STEPS + 1))
    # The fourth update had another rate, and the losses agree but for that.
    assert rows[-1]["loss"] == pytest.approx(one[-1]["loss"], rel=0.5)


@pytest.mark.slow
def test_the_validation_loss_is_measured_before_each_checkpoint_and_the_best_one_stays(
    killed_run: Path, tiny_data: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """That the loss is that of the split is in test_validation.py."""
    losses = iter((0.3, 0.2, 0.4))
    monkeypatch.setattr(Validation, "compile", lambda *_: None)
    monkeypatch.setattr(Validation, "loss", lambda *_: next(losses))
    config = tiny.get_config(str(tiny_data))
    config.data.validation_split, config.train.checkpoint_every, config.train.keep = "test", 2, 1
    assert train(config, killed_run, resume=True).finished
    rows = {row["step"]: row.get("validation_loss") for row in read_jsonl(killed_run / "metrics.jsonl")}
    assert {step: loss for step, loss in rows.items() if loss is not None} == {36: 0.3, 38: 0.2, 40: 0.4}
    assert saved_steps(killed_run / "checkpoints") == [38, 40]
    assert "the least validation loss, 0.2000, is that of checkpoint 38" in capsys.readouterr().err


def test_a_run_says_where_its_time_went(tiny_run: Path) -> None:
    found = read_json(tiny_run / "goodput.json")
    assert found["steps"] == {"done": tiny.STEPS, "redone": 0} and 0 < found["goodput"] < 1
    assert found["seconds"]["compile"] > 0 and found["seconds"]["idle"] == 0
    (session,) = found["sessions"]
    assert sum(found["seconds"].values()) == pytest.approx(session["ended"] - session["began"], abs=1)


def test_x64_is_refused(tiny_data: Path, tmp_path: Path) -> None:
    jax.config.update("jax_enable_x64", True)
    try:
        with pytest.raises(UserError, match="JAX_ENABLE_X64 is set"):
            train(tiny.get_config(str(tiny_data)), tmp_path / "run")
    finally:
        jax.config.update("jax_enable_x64", False)


class ReachedError(Exception):
    """Raised in place of what a test does not wait for, with what it would have been given."""


def test_a_run_first_names_its_devices(
    killed_run: Path, tiny_data: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def reached(*_: Any) -> None:
        raise ReachedError

    monkeypatch.setattr(loop, "_train", reached)
    with pytest.raises(ReachedError):
        train(tiny.get_config(str(tiny_data)), killed_run, resume=True)
    kind, platform = jax.devices()[0].device_kind, jax.devices()[0].platform
    first = f"devices: {jax.device_count()} x {kind} (platform {platform})"
    assert capsys.readouterr().err.splitlines()[0] == first


def with_features(tiny_data: Path, where: Path) -> Any:
    """A recipe whose data, a copy, has features beside it."""
    config = tiny.get_config(str(shutil.copytree(tiny_data, where)))
    config.data.cached_views = 1
    make_features(config, splits=["train"])
    return config


def test_a_run_with_features_hands_no_pictures_to_the_step(
    tiny_data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """That the model reads the same of such a batch is in tests/data/features/test_make.py."""

    def reached(*arguments: Any) -> None:
        raise ReachedError(arguments[-1])

    monkeypatch.setattr(loop, "lower_step", reached)
    config = with_features(tiny_data, tmp_path / "data")
    with pytest.raises(ReachedError) as found:
        train(config, tmp_path / "run")
    (batch,) = found.value.args
    assert batch.frames is None and batch.mel is None
    assert (
        np.asarray(batch.encoded_video).any(axis=(1, 2, 3)).all()
        and np.asarray(batch.encoded_audio).any(axis=(1, 2, 3)).all()
    )


@pytest.mark.slow
def test_features_change_no_loss_and_a_continued_run_is_bit_equal(
    tiny_run: Path, tiny_data: Path, tmp_path: Path
) -> None:
    config = with_features(tiny_data, tmp_path / "data")
    config.train.steps, tmp_path = 9, tmp_path / "run"
    assert train(config, tmp_path).finished
    plain, once = (list(read_jsonl(folder / "metrics.jsonl")) for folder in (tiny_run, tmp_path))
    # Three steps in, the rates are those of the warmup, which the number of steps does not bend.
    for row, encoded in zip(plain[:3], once, strict=False):
        assert encoded["loss"] == pytest.approx(row["loss"], rel=1e-5)
        assert encoded["grad_norm"] == pytest.approx(row["grad_norm"], rel=1e-4)
    whole = parameters(tmp_path)
    assert train(config, tmp_path, resume=True, from_step=7).finished
    assert [row["loss"] for row in read_jsonl(tmp_path / "metrics.jsonl")] == [row["loss"] for row in once]
    assert [path for path, leaf in parameters(tmp_path).items() if leaf.tobytes() != whole[path].tobytes()] == []


@pytest.mark.slow
def test_a_loss_that_stays_nan_ends_the_run_and_names_the_records_and_a_checkpoint_from_before(
    killed_run: Path, tiny_data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config, whole = tiny.get_config(str(tiny_data)), Pipeline.batch_at
    config.train.checkpoint_every = 2

    def spoilt(self: Pipeline, step: int) -> Batch:
        batch = whole(self, step)
        return batch.replace(mel=batch.mel * np.nan) if step > KEPT else batch

    monkeypatch.setattr(Pipeline, "batch_at", spoilt)
    said = r"step 39: loss or gradient were not finite in 3 steps in a row, .*records \[.* --resume --from_step 35$"
    with pytest.raises(UserError, match=said):
        train(config, killed_run, resume=True)
    rows = list(read_jsonl(killed_run / "metrics.jsonl"))[-4:]
    assert [(row["step"], row.get("skipped_in_row")) for row in rows] == [(36, 0), (37, 1), (38, 2), (39, 3)]
    assert rows[0]["loss"] is not None and rows[1]["loss"] is None and len(rows[1]["records"]) == 4
    assert saved_steps(killed_run / "checkpoints") == [35, 36, 38]
    record = next(read_jsonl(killed_run / "config_history.jsonl"))
    assert record["step"] == KEPT and record["changed"]["train.checkpoint_every"] == [7, 2]


@pytest.mark.slow
def test_while_steps_teach_nothing_the_last_good_checkpoint_stays(
    killed_run: Path, tiny_data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config, whole = tiny.get_config(str(tiny_data)), Pipeline.batch_at
    config.train.checkpoint_every, config.train.keep = 2, 1

    def spoilt(self: Pipeline, step: int) -> Batch:
        """Step 36 is good; behind it batches without targets take turns with such as make NaN, which are skipped."""
        batch = whole(self, step)
        if step <= KEPT:
            return batch
        return (
            batch.replace(mel=batch.mel * np.nan)
            if step % 2
            else batch.replace(loss_mask=np.zeros_like(batch.loss_mask))
        )

    monkeypatch.setattr(Pipeline, "batch_at", spoilt)
    assert train(config, killed_run, resume=True).finished
    rows = list(read_jsonl(killed_run / "metrics.jsonl"))[-4:]
    assert [(row["targets"] > 0, row["skipped"]) for row in rows] == [(False, 0), (True, 1)] * 2
    assert saved_steps(killed_run / "checkpoints") == [KEPT + 1, tiny.STEPS]


@pytest.mark.slow
def test_a_rate_that_is_much_too_high_ends_the_run(tiny_run: Path, tiny_data: Path, tmp_path: Path) -> None:
    shutil.copytree(tiny_run, tmp_path / "run")
    config = tiny.get_config(str(tiny_data))
    config.train.steps, config.optimizer.lr, config.optimizer.clip_norm = 60, 1e30, 1.0
    said = r"step 44: loss or gradient were not finite in 3 steps in a row, .*records \[.* --resume --from_step 40$"
    with pytest.raises(UserError, match=said):
        train(config, tmp_path / "run", resume=True)
    rows = list(read_jsonl(tmp_path / "run" / "metrics.jsonl"))[-4:]
    assert [(row["step"], row.get("skipped_in_row")) for row in rows] == [(41, 0), (42, 1), (43, 2), (44, 3)]
    assert rows[0]["loss"] is not None and rows[1]["loss"] is None and len(rows[1]["records"]) == 4
    assert saved_steps(tmp_path / "run" / "checkpoints") == [40, 42]
    record = next(read_jsonl(tmp_path / "run" / "config_history.jsonl"))
    assert record["step"] == 40 and record["changed"]["optimizer.lr"] == [1e-2, 1e30]


def test_a_run_begun_from_a_file_has_its_weights_and_refuses_another_one(
    tiny_run: Path, tiny_data: Path, tmp_path: Path
) -> None:
    """`config.init` gives both halves; afterwards the frozen half is known by its hash."""
    begun = tmp_path / "run"
    shutil.copytree(tiny_run, begun)
    towers = {path: leaf.astype(np.float32) for path, leaf in unchanged(tiny_run).items()}
    towers = {path: leaf for path, leaf in towers.items() if "/encoder/" in path or path.startswith("decoder")}
    same = tmp_path / "towers.safetensors"
    save_tree(same, flax.traverse_util.unflatten_dict(towers, sep="/"))
    config = read_json(begun / "config.json")
    write_json(begun / "config.json", config | {"init": str(same)})
    assert parameters(begun).keys() == unchanged(tiny_run).keys()
    towers["video/encoder/patch/kernel"] = towers["video/encoder/patch/kernel"] + 1
    save_tree(same, flax.traverse_util.unflatten_dict(towers, sep="/"))
    with pytest.raises(UserError, match="was trained beside other frozen weights"):
        load_run(begun)
    assert json.loads((begun / "config.json").read_text())["init"] == str(same)


@pytest.mark.parametrize(
    ("key", "value", "said"),
    [
        ("data.data_dir", "nowhere", "no dataset there"),
        ("data.batch_size", 0, "at least 1"),
        ("data.frames", 3, "3 frames or clips, but the table has 2 rows"),
        ("data.max_length", 20, "raise it"),
        ("model.decoder.vocab", 100, "100 rows for a tokenizer of 259 ids"),
        ("model.decoder.context", 100, "max_length: 192 tokens, but the decoder's context is 100"),
        ("prompt.template", "vicuna", "choose from deemo, caption, affectgpt"),
        ("model.decoder.widht", 32, "did you mean 'width'"),
        ("init", "nowhere.safetensors", "it is not there"),
        ("mesh.tensor", 2, "does not multiply to the 1 devices"),
        ("trainable", ["nothing"], "matches no parameter"),
    ],
)
def test_mistakes_are_found_before_anything_is_written(
    key: str, value: object, said: str, tiny_data: Path, tmp_path: Path
) -> None:
    config = tiny.get_config(str(tiny_data)).to_dict()
    holder = config
    *path, name = key.split(".")
    for part in path:
        holder = holder[part]
    holder[name] = value
    with pytest.raises(UserError, match=said):
        train(config, tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_a_run_begins_with_what_another_run_has_learnt(tiny_run: Path, tiny_data: Path) -> None:
    config = tiny.get_config(str(tiny_data))
    config.init = str(tiny_run)
    mesh = make_mesh(MeshRecipe())
    before, began = flatten(load_run(tiny_run)[2]), build(Recipe.from_config(config), mesh)
    now = flatten(merge(began.trainable, began.frozen))
    assert before.keys() == now.keys()
    assert all(np.array_equal(before[path], now[path]) and before[path].dtype == now[path].dtype for path in now)
    # A model without audio takes the rest.
    del config.model.audio
    silent = build(Recipe.from_config(config), mesh)
    rest = flatten(merge(silent.trainable, silent.frozen))
    assert rest.keys() == {path for path in now if not path.startswith("audio/")}
    assert all(np.array_equal(now[path], rest[path]) for path in rest)
