"""Folders of runs: refused, begun, compared, overwritten; links among them are followed or refused."""

from pathlib import Path
from typing import Any

import pytest

from deemo_jax.core.errors import UserError
from deemo_jax.core.files import read_json, read_jsonl
from deemo_jax.core.recipe import Recipe
from deemo_jax.core.run_folder.lock import Lock
from deemo_jax.core.run_folder.workdir import Workdir, begin, check, told
from deemo_jax.training.request import TrainingRequest
from tests.training import tiny


def config(**changes: Any) -> dict[str, Any]:
    return {**Recipe.from_config(tiny.get_config("nowhere")).resolved(), **changes}


def changed(section: str, **values: Any) -> dict[str, Any]:
    return config(**{section: {**config()[section], **values}})


def fill(folder: Path, *names: str) -> None:
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("{}")


def files(folder: Path) -> list[str]:
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if not path.is_dir())


RUN = (
    "checkpoints/3/x",
    "checkpoints/set_aside/4/x",
    "tensorboard/events.out.tfevents.1",
    "evaluation/all/report.md",
    "evaluation/all/.lock",
)


def test_a_run_that_is_there_is_refused_without_a_flag(tmp_path: Path) -> None:
    folder = Workdir(tmp_path / "run")
    assert check(folder, config(), resume=False, overwrite=False) == {}
    assert not folder.path.exists()
    begin(folder, config(), overwrite=False)
    with pytest.raises(UserError, match=r"already holds a run; give --resume .* --overwrite"):
        check(folder, config(), resume=False, overwrite=False)
    with pytest.raises(UserError, match="exclude each other"):
        check(folder, config(), resume=True, overwrite=True)
    assert check(folder, config(), resume=True, overwrite=False) == {}


def test_a_folder_made_ready_for_checkpoints_is_no_run(tmp_path: Path) -> None:
    (tmp_path / "checkpoints").mkdir()
    assert check(Workdir(tmp_path), config(), resume=False, overwrite=False) == {}
    (tmp_path / "checkpoints" / "3").mkdir()
    with pytest.raises(UserError, match="already holds a run"):
        check(Workdir(tmp_path), config(), resume=False, overwrite=False)


def test_another_config_is_refused_by_name_and_what_may_change_is_told(tmp_path: Path) -> None:
    folder = Workdir(tmp_path)
    begin(folder, config(), overwrite=False)
    with pytest.raises(UserError, match=r"another config \(config\.seed: 3 -> 4\)"):
        check(folder, config(seed=4), resume=True, overwrite=False)
    for section, key, before, now in (
        ("train", "steps", tiny.STEPS, 99),
        ("optimizer", "lr", 1e-2, 1e-3),
        ("optimizer", "clip_norm", 0.0, 1.0),
        ("data", "max_length", 192, 256),
    ):
        found = check(folder, changed(section, **{key: now}), resume=True, overwrite=False)
        assert found == {f"{section}.{key}": (before, now)}
        assert told(found) == [f"config.{section}.{key}: {before} -> {now}"]
    with pytest.raises(UserError, match=r"config\.data\.batch_size: 4 -> 8"):
        check(folder, changed("data", batch_size=8), resume=True, overwrite=False)


def found_other(key: str, folder: Path) -> dict[str, Any]:
    """What is said of a run that goes on with another value of one key."""
    begin(Workdir(folder), config(), overwrite=False)
    other = holder = config()
    *path, name = key.split(".")
    for part in path:
        holder = holder[part]
    holder[name] = "other"
    return check(Workdir(folder), other, resume=True, overwrite=False)


@pytest.mark.parametrize(
    "key",
    [
        "name",
        "init",
        "mesh.fsdp",
        *(f"data.{name}" for name in ("data_dir", "workers", "test_split", "corpus", "max_length")),
        *(f"data.masked_{name}" for name in ("batch", "window", "split")),
        "train.nan_limit",
        "optimizer.b1",
        "model.decoder.context",
        "model.decoder.remat",
    ],
)
def test_keys_that_may_change_may_change_on_resume(key: str, tmp_path: Path) -> None:
    assert list(found_other(key, tmp_path)) == [key]


@pytest.mark.parametrize(
    "key",
    [
        "seed",
        "trainable",
        "frozen_dtype",
        *(f"data.{name}" for name in ("dataset", "train_split", "frames", "clips", "modalities", "modality_dropout")),
        "model.decoder.width",
        "tokenizer.name",
        "prompt.task",
    ],
)
def test_keys_that_make_another_run_are_refused_on_resume(key: str, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=rf"another config \(config\.{key}"):
        found_other(key, tmp_path)


def test_a_change_is_on_record_with_its_step(tmp_path: Path) -> None:
    folder = Workdir(tmp_path)
    begin(folder, config(), overwrite=False)
    fill(tmp_path, "checkpoints/20/x", "checkpoints/30/x")
    TrainingRequest(folder, config(), resume=True).begin(TrainingRequest(folder, config(), resume=True).check())
    assert not folder.history.exists()
    lower = TrainingRequest(folder, changed("optimizer", lr=1e-3), resume=True)
    lower.begin(lower.check())
    again = TrainingRequest(folder, changed("optimizer", lr=1e-4), resume=True)
    again.begin(again.check())
    rows = list(read_jsonl(folder.history))
    assert [row["step"] for row in rows] == [30, 30] and all(row["at"] for row in rows)
    assert [row["changed"] for row in rows] == [{"optimizer.lr": [1e-2, 1e-3]}, {"optimizer.lr": [1e-3, 1e-4]}]
    assert read_json(folder.config)["optimizer"]["lr"] == 1e-4


def test_an_older_checkpoint_is_gone_on_from_and_newer_ones_are_set_aside(tmp_path: Path) -> None:
    folder = Workdir(tmp_path)
    begin(folder, config(), overwrite=False)
    fill(tmp_path, "checkpoints/20/x", "checkpoints/30/x", "checkpoints/40/x", "checkpoints/set_aside/40/y")
    request = TrainingRequest(folder, config(), resume=True, from_step=20)
    plan = request.check()
    assert plan.start == 20
    assert request.begin(plan) == [f"set aside, in {folder.checkpoints / 'set_aside'}: the checkpoints 30, 40"]
    assert files(folder.checkpoints) == ["20/x", "set_aside/30/x", "set_aside/40.1/x", "set_aside/40/y"]
    assert next(read_jsonl(folder.history))["set_aside"] == [30, 40]


@pytest.mark.parametrize(
    ("flags", "said"),
    [
        ({"from_step": 20}, "give --resume, too"),
        ({"from_step": 25, "resume": True}, r"holds no checkpoint of step 25; there are 20, 30"),
    ],
)
def test_a_step_to_go_on_from_must_be_there(flags: dict[str, Any], said: str, tmp_path: Path) -> None:
    begin(Workdir(tmp_path), config(), overwrite=False)
    fill(tmp_path, "checkpoints/20/x", "checkpoints/30/x")
    with pytest.raises(UserError, match=said):
        TrainingRequest(Workdir(tmp_path), config(), **flags).check()


def test_no_run_goes_on_from_a_step_where_there_is_none(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="holds no run, so none goes on from step 20"):
        TrainingRequest(Workdir(tmp_path / "run"), config(), resume=True, from_step=20).check()


def test_overwriting_removes_a_runs_own_files_only(tmp_path: Path) -> None:
    fill(tmp_path, *RUN, "metrics.jsonl", "config_history.jsonl", "notes.txt")
    begin(Workdir(tmp_path), config(), overwrite=True)
    assert files(tmp_path) == ["config.json", "notes.txt", "origin.json"]


def test_overwriting_follows_links_and_leaves_them(tmp_path: Path) -> None:
    elsewhere, real = tmp_path / "elsewhere", tmp_path / "real"
    fill(elsewhere, *RUN, "metrics.jsonl", "notes.txt")
    real.mkdir()
    for name in ("checkpoints", "tensorboard", "evaluation", "metrics.jsonl"):
        (real / name).symlink_to(elsewhere / name)
    (tmp_path / "link").symlink_to(real)
    folder = Workdir(tmp_path / "link")
    request = TrainingRequest(folder, config(), overwrite=True)
    assert request.check().start == 0
    begin(folder, config(), overwrite=True)
    assert files(elsewhere) == ["notes.txt"]
    assert folder.checkpoints.is_symlink() and folder.checkpoints.is_dir() and folder.path.is_symlink()
    assert TrainingRequest(folder, config(), resume=True).check().start == 0


def test_what_is_behind_a_link_and_no_runs_is_neither_removed_nor_half_removed(tmp_path: Path) -> None:
    elsewhere, real = tmp_path / "elsewhere", tmp_path / "real"
    fill(elsewhere, "3/x", "thesis.txt")
    fill(real, "evaluation/report.md", "config.json")
    (real / "checkpoints").symlink_to(elsewhere)
    with pytest.raises(UserError, match=r"checkpoints: is a link to \S+elsewhere, where thesis.txt is not a run's"):
        TrainingRequest(Workdir(real), config(), overwrite=True).check()
    assert files(elsewhere) == ["3/x", "thesis.txt"] and (real / "evaluation" / "report.md").exists()


def test_a_link_to_the_run_itself_is_refused(tmp_path: Path) -> None:
    (tmp_path / "evaluation").symlink_to("..")
    with pytest.raises(UserError, match=r"evaluation: is a link to .*, where the run itself lies"):
        TrainingRequest(Workdir(tmp_path), config(), overwrite=True).check()


@pytest.mark.parametrize("name", ["checkpoints", "metrics.jsonl", "evaluation", "config.json"])
@pytest.mark.parametrize("flags", [{}, {"resume": True}, {"overwrite": True}])
def test_a_link_that_leads_nowhere_is_refused(name: str, flags: dict[str, bool], tmp_path: Path) -> None:
    (tmp_path / name).symlink_to("/nowhere/at/all")
    with pytest.raises(UserError, match=rf"{name}: is a link to /nowhere/at/all, which leads nowhere"):
        TrainingRequest(Workdir(tmp_path), config(), **flags).check()


@pytest.mark.parametrize("name", [".", "checkpoints", "metrics.jsonl", "data.json"])
@pytest.mark.parametrize("flags", [{}, {"resume": True}, {"overwrite": True}])
def test_links_in_a_circle_are_refused(name: str, flags: dict[str, bool], tmp_path: Path) -> None:
    link = tmp_path / "run" / name
    if name != ".":
        link.parent.mkdir()
    link.symlink_to(tmp_path / "other")
    (tmp_path / "other").symlink_to(link)
    with pytest.raises(UserError, match=rf"{link.name}: is a link to \S+other, which leads nowhere"):
        TrainingRequest(Workdir(tmp_path / "run"), config(), **flags).check()


def test_another_runs_checkpoints_behind_a_link_stay(tmp_path: Path) -> None:
    fill(tmp_path / "other", "checkpoints/3/x", "config.json")
    fill(tmp_path / "run", "config.json")
    (tmp_path / "run" / "checkpoints").symlink_to(tmp_path / "other" / "checkpoints")
    with pytest.raises(UserError, match=r"checkpoints: is a link into another run \(\S+other\)"):
        TrainingRequest(Workdir(tmp_path / "run"), config(), overwrite=True).check()
    # The files of one run may lie elsewhere together, its config included.
    (tmp_path / "run" / "config.json").unlink()
    (tmp_path / "run" / "config.json").symlink_to(tmp_path / "other" / "config.json")
    assert TrainingRequest(Workdir(tmp_path / "run"), config(), overwrite=True).check().start == 0


def test_what_cannot_be_removed_is_told_and_never_gone_on_from(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fill(tmp_path, *RUN)

    def refuse(path: Path, **_: Any) -> None:
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr("shutil.rmtree", refuse)
    with pytest.raises(UserError, match=r"checkpoints: cannot be removed \(Permission denied\)"):
        begin(Workdir(tmp_path), config(), overwrite=True)
    assert not (tmp_path / "config.json").exists()


def test_a_file_is_no_workdir(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    with pytest.raises(UserError, match="is no folder"):
        check(Workdir(tmp_path / "file"), config(), resume=False, overwrite=False)


def test_a_second_run_is_refused_and_sees_what_the_first_one_did(tmp_path: Path) -> None:
    folder = Workdir(tmp_path / "run")
    first, second = TrainingRequest(folder, config()), TrainingRequest(folder, config())
    plan, late = first.check(), second.check()
    with Lock(folder.lock) as lock, Lock(folder.lock) as other:
        first.hold(lock, plan, new=False)
        assert not folder.path.exists()
        first.hold(lock, plan, new=True)
        with pytest.raises(UserError, match=r"run: is in use by another run \(process \d+ on "):
            second.hold(other, late, new=True)
        first.begin(plan)
    with Lock(folder.lock) as lock, pytest.raises(UserError, match="already holds a run"):
        second.hold(lock, late, new=True)
    fill(folder.path, "checkpoints/7/x")
    request = TrainingRequest(folder, config(), resume=True)
    stale = request.check()
    fill(folder.path, "checkpoints/14/x")
    with Lock(folder.lock) as lock, pytest.raises(UserError, match="another run changed it just now"):
        request.hold(lock, stale, new=False)
