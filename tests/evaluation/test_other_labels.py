"""A dataset of three labels, from its annotations to a run that is trained, evaluated, calibrated and asked."""

import json
import shutil
from pathlib import Path

import pytest

import deemo_jax
from deemo_jax.build import main as build
from deemo_jax.core.errors import UserError
from deemo_jax.core.files import read_json
from deemo_jax.core.recipe import DataRecipe, Recipe
from deemo_jax.core.schema import Labels
from deemo_jax.data.clip_source import ClipSource, dataset_labels
from deemo_jax.data.run_data import check_run
from deemo_jax.evaluation import output_folder
from deemo_jax.evaluation.evaluate_run import EvaluationRequest, evaluate_run
from deemo_jax.evaluation.report import text
from deemo_jax.generation import calibration, describer
from deemo_jax.generation.answers import Decoding
from deemo_jax.training.loop import train
from tests.attested_clips import write_attested
from tests.training import tiny

LABELS = Labels(("neutral", "angry", "very happy"))
pytestmark = pytest.mark.usefixtures("one_length")


def data_recipe(data_dir: Path) -> DataRecipe:
    return Recipe.from_config(tiny.get_config(str(data_dir))).data


@pytest.fixture(scope="module")
def inputs(tmp_path_factory):
    """Flags of `build` for twelve attested clips, labelled in turn."""
    folder = tmp_path_factory.mktemp("inputs")
    attestation, annotations = write_attested(folder, clips=12, persons=12)
    rows = [json.loads(line) for line in annotations.read_text().splitlines()]
    rows = [row | {"emotion": LABELS.names[number % 3]} for number, row in enumerate(rows)]
    annotations.write_text("".join(json.dumps(row) + "\n" for row in rows))
    splits = ["--fractions", "train=0.4,validation=0.3,test=0.3", "--frames", "2", "--clips", "2"]
    return ["--attest", str(attestation), "--annotations", str(annotations), *splits, "--workers", "0"]


@pytest.fixture(scope="module")
def data_dir(inputs, tmp_path_factory):
    folder = tmp_path_factory.mktemp("data")
    assert build(["deemo_mer", *inputs, "--labels", "neutral, angry, very happy", "--data_dir", str(folder)]) == 0
    return folder


@pytest.fixture(scope="module")
def run(data_dir, tmp_path_factory):
    config = tiny.get_config(str(data_dir))
    config.train.steps, config.data.batch_size, config.data.max_length = 1, 2, 256
    # A model without video and audio branches compiles fast. What is frozen is drawn anew whenever the run is opened.
    config.model, config.trainable = {"decoder": tiny.MODEL["decoder"]}, ["!decoder/embedding", ".*"]
    config.data.modalities = "transcript"
    workdir = tmp_path_factory.mktemp("run") / "work"
    assert train(config, workdir).finished
    return workdir


def test_a_label_outside_the_list_is_refused_by_name(inputs, tmp_path, capsys):
    assert build(["deemo_mer", *inputs, "--data_dir", str(tmp_path / "data")]) == 2
    assert "row 1: emotion is 'neutral'; choose negative or positive; other labels" in capsys.readouterr().err
    assert build(["deemo_mer", *inputs, "--labels", "neutral,angry", "--data_dir", str(tmp_path / "data")]) == 2
    assert "row 3: emotion is 'very happy'; choose neutral or angry" in capsys.readouterr().err
    assert not (tmp_path / "data").exists()


def test_a_dataset_keeps_its_labels(inputs, data_dir, capsys):
    assert dataset_labels(data_dir, "deemo_mer") == LABELS
    names = data_dir / "deemo_mer" / "1.0.0" / "emotion.labels.txt"
    assert names.read_text().splitlines() == [*LABELS]
    splits = [ClipSource(data_dir, "deemo_mer", split) for split in ("train", "validation", "test")]
    records = [record for split in splits for record in split]
    assert {record.clip.clip_id: record.clip.emotion for record in records} == {
        f"clip{number:02d}": LABELS.names[number % 3] for number in range(12)
    }
    same = ["deemo_mer", *inputs, "--labels", "neutral,angry,very happy", "--data_dir", str(data_dir)]
    assert build(same) == 0 and "  labels: neutral, angry, very happy\n" in capsys.readouterr().out


def test_a_dataset_whose_labels_are_lost_is_refused(data_dir, tmp_path):
    copy = shutil.copytree(data_dir, tmp_path / "data")
    (copy / "deemo_mer" / "1.0.0" / "emotion.labels.txt").unlink()
    with pytest.raises(UserError, match=r"names no labels of emotion; .*emotion\.labels\.txt"):
        dataset_labels(copy, "deemo_mer")


@pytest.mark.slow
def test_a_run_follows_the_labels_of_its_dataset(run, data_dir, monkeypatch):
    assert read_json(run / "data.json")["data"]["labels"] == [*LABELS]
    monkeypatch.setattr(calibration, "LEAST_CLIPS", 2)
    request = EvaluationRequest(workdir=run, sets="transcript", batch_size=2, max_new_tokens=1, calibrate=True)
    found, folder, _ = evaluate_run(request)
    scores = found.sets["transcript"]
    assert tuple(scores.classes) == LABELS.names and scores.confusion.shape == (3, 4)
    assert found.probabilities["transcript"].temperature and "a guess among 3 has an NLL of 1.099" in text(found)
    rows = [json.loads(line) for line in (folder / output_folder.PREDICTIONS).read_text().splitlines()]
    assert all(tuple(row["log_likelihoods"]) == LABELS.names for row in rows)
    assert output_folder.scored_labels(folder) == LABELS
    again, _, was_there = evaluate_run(
        EvaluationRequest(workdir=run, sets="transcript", batch_size=2, max_new_tokens=1)
    )
    assert was_there and again.to_json() == found.to_json()

    record = ClipSource(data_dir, "deemo_mer", "test")[0]
    monkeypatch.setattr(describer, "read_clip", lambda question, **_: (record, ()))
    said = deemo_jax.load(run, decoding=Decoding(max_new_tokens=1)).describe("clip.mp4")
    assert tuple(said.probabilities) == LABELS.names and sum(said.probabilities.values()) == pytest.approx(1)
    assert said.emotion in LABELS.names


def test_a_dataset_of_other_labels_is_refused(run, tmp_path):
    tiny.write_tiny_dataset(tmp_path)
    data = data_recipe(tmp_path)
    for accept in (False, True):
        with pytest.raises(UserError, match=r"with the labels neutral, angry, very happy, and .* negative, positive; "):
            check_run(run, data, accept=accept)


def test_a_run_that_kept_no_record_has_the_labels_of_its_time(run, data_dir, tmp_path):
    copy = Path(shutil.copytree(run, tmp_path / "work", ignore=shutil.ignore_patterns("data.json", "checkpoints")))
    with pytest.raises(UserError, match=r"with the labels negative, positive, and .* neutral, angry, very happy; "):
        check_run(copy, data_recipe(data_dir))
