"""A run and its data: what is recorded, what is refused, and what ends a run on the way."""

import os
import shutil
from pathlib import Path
from typing import Any

import pytest

from deemo_jax.core.errors import UserError
from deemo_jax.core.files import read_json, read_jsonl, write_json
from deemo_jax.core.recipe import DataRecipe, Recipe
from deemo_jax.core.run_folder import workdir
from deemo_jax.core.run_folder.checkpoint import Checkpoints
from deemo_jax.data import run_data
from deemo_jax.data.build.dataset_writer import write_dataset
from deemo_jax.data.fingerprint import FILE as FINGERPRINT
from deemo_jax.data.pipeline import Pipeline
from deemo_jax.training.loop import train
from tests.tiny_runs import KEPT
from tests.training import tiny
from tfds_builders.deemo_mer.deemo_mer_dataset_builder import Builder

VERSION = Path("deemo_mer", "1.0.0")
RECORD = "data.json"
TRAIN = "deemo_mer-train.array_record-00000-of-00001"
pytestmark = pytest.mark.usefixtures("traced_once")


@pytest.fixture
def data(tiny_data: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(tiny_data, tmp_path / "data"))


def begun(data: Path, folder: Path) -> Path:
    """The folder of a run that was begun with this data, and has no checkpoint yet."""
    config = Recipe.from_config(tiny.get_config(str(data)))
    workdir.begin(workdir.Workdir(folder), config.resolved(), overwrite=False)
    found, _ = run_data.examine(config.data, verify=False)
    run_data.DataRecord(found).write(folder / RECORD)
    return folder


def rebuild(data: Path, seed: int = 9) -> None:
    """The same version, as many records of the same sizes, other clips."""
    splits = {"train": tiny.records(12, seed), "test": tiny.records(4, 1)}
    write_dataset(lambda folder: Builder(records=splits, data_dir=folder), data, overwrite=True)


def newer(data: Path) -> None:
    folder = data / "deemo_mer" / "1.1.0"
    shutil.copytree(data / VERSION, folder)
    for name in ("dataset_info.json", FINGERPRINT):
        write_json(folder / name, read_json(folder / name) | {"version": "1.1.0"})


@pytest.mark.parametrize(
    ("change", "says"),
    [(rebuild, f"other content in {TRAIN}"), (newer, r"version 1\.0\.0 -> 1\.1\.0")],
)
def test_other_data_is_refused_by_name_or_accepted_and_noted(
    change: Any, says: str, data: Path, tmp_path: Path
) -> None:
    folder, config = begun(data, tmp_path / "run"), tiny.get_config(str(data))
    asked = DataRecipe(str(data), 1, 1)
    assert run_data.check_run(folder, asked) == []
    before = (folder / RECORD).read_bytes()
    change(data)
    with pytest.raises(UserError, match=rf"trained on other data than is there \(.*{says}.*--accept_data_change"):
        train(config, folder, resume=True)
    with pytest.raises(UserError, match=says):
        run_data.check_run(folder, asked)
    assert (folder / RECORD).read_bytes() == before
    assert any(says.replace("\\", "") in note for note in run_data.check_run(folder, asked, accept=True))

    found, _ = run_data.examine(asked, verify=False)
    record = run_data.read_record(folder / RECORD).agreeing(found, folder, 7, accept=True)
    record.write(folder / RECORD)
    assert run_data.read_record(folder / RECORD) == record
    (note,) = run_data.check_run(folder, asked)
    assert note.startswith("The run's data changed at step 7: ") and says.replace("\\", "") in note


def test_the_folder_of_its_version_is_a_runs_own_data_beside_a_newer_one(data: Path, tmp_path: Path) -> None:
    folder = begun(data, tmp_path / "run")
    newer(data)
    assert run_data.check_run(folder, DataRecipe(str(data / VERSION), 1, 1)) == []


def test_a_run_without_a_record_and_data_without_a_fingerprint_are_taken_with_a_note(
    data: Path, tmp_path: Path
) -> None:
    folder = begun(data, tmp_path / "run")
    asked = DataRecipe(str(data), 1, 1)
    (data / VERSION / FINGERPRINT).unlink()
    (note,) = run_data.check_run(folder, asked)
    assert "has no fingerprint beside it; it was taken from the shards" in note
    rebuild(data)
    (data / VERSION / FINGERPRINT).unlink()
    with pytest.raises(UserError, match="other content"):
        run_data.check_run(folder, asked)
    (folder / RECORD).unlink()
    assert run_data.check_run(folder, asked) == [note]


@pytest.mark.parametrize("content", [[], {}, {"data": 3, "changes": []}, {"data": None, "changes": [{"step": 1}]}])
def test_a_record_that_is_none_is_refused(content: Any, tmp_path: Path) -> None:
    write_json(tmp_path / RECORD, content)
    with pytest.raises(UserError, match=r"data\.json: is no "):
        run_data.read_record(tmp_path / RECORD)


def test_hashes_are_verified_when_asked_for_before_anything_is_written(data: Path, tmp_path: Path) -> None:
    path = data / VERSION / TRAIN
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    with pytest.raises(UserError, match=f"{TRAIN}: its hash is not the one"):
        train(tiny.get_config(str(data)), tmp_path / "run", verify_data=True)
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize("damage", [Path.unlink, lambda path: path.write_bytes(b"")])
def test_a_run_whose_data_is_not_whole_does_not_begin(damage: Any, data: Path, tmp_path: Path) -> None:
    damage(data / VERSION / TRAIN)
    with pytest.raises(UserError, match=TRAIN):
        train(tiny.get_config(str(data)), tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_a_shard_that_is_emptied_on_the_way_ends_the_run_and_the_last_checkpoint_is_whole(
    killed_run: Path, data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = Pipeline.batch_at

    def emptied(self: Pipeline, step: int) -> Any:
        if step == KEPT + 2:
            os.truncate(data / VERSION / TRAIN, 0)
        return whole(self, step)

    monkeypatch.setattr(Pipeline, "batch_at", emptied)
    with pytest.raises(UserError, match=rf"{TRAIN}: has 0 bytes instead of \d+ since reading began"):
        train(tiny.get_config(str(data)), killed_run, resume=True)
    rows = list(read_jsonl(killed_run / "metrics.jsonl"))
    assert len(rows) <= KEPT + 2 and not any(row["masked_records"] for row in rows)
    assert read_json(killed_run / RECORD)["data"] == read_json(data / VERSION / FINGERPRINT)
    with Checkpoints(killed_run / "checkpoints", read_only=True) as checkpoints:
        latest = checkpoints.steps()[-1]
        assert latest == KEPT and checkpoints.metadata(latest)["data"]["next_step"] == latest


def test_a_few_unreadable_records_are_masked_and_many_end_the_run(killed_run: Path, data: Path, tmp_path: Path) -> None:
    def built(damaged: int) -> None:
        records = tiny.records(12, 0)
        for record in records[:damaged]:
            record["frames"] = [b"\xff\xd8 no picture"] * 2
        splits = {"train": records, "test": tiny.records(2, 1)}
        write_dataset(lambda folder: Builder(records=splits, data_dir=folder), data, overwrite=True)

    another = shutil.copytree(killed_run, tmp_path / "another")
    config = tiny.get_config(str(data))
    built(2)
    assert train(config, killed_run, resume=True, accept_data_change=True).finished
    masked = {row["step"]: row["masked_records"] for row in read_jsonl(killed_run / "metrics.jsonl")}
    assert sum(masked[step] for step in (37, 38, 39)) == 2  # a pass over twelve records
    built(8)
    with pytest.raises(UserError, match=r"rows of .* could not be read from split 'train', .* 224x224 JPEG.*--resume"):
        train(config, another, resume=True, accept_data_change=True)
    assert not (another / "checkpoints" / str(tiny.STEPS)).exists()


@pytest.mark.slow
def test_a_run_goes_on_with_other_data_that_is_accepted_and_records_it(
    killed_run: Path, data: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = read_json(killed_run / RECORD)["data"]
    rebuild(data)
    assert train(tiny.get_config(str(data)), killed_run, resume=True, accept_data_change=True).finished
    content = read_json(killed_run / RECORD)
    assert content["data"] == read_json(data / VERSION / FINGERPRINT) != before
    (change,) = content["changes"]
    assert change == {"step": KEPT, "differences": [f"other content in {TRAIN}"], "before": before}
    assert f"The run's data changed at step {KEPT}: other content in {TRAIN}." in capsys.readouterr().err
