"""Evaluations of one run: where they lie, that none is lost, and that probabilities are calibrated."""

import dataclasses
import json
import shutil

import pytest

from deemo_jax.core.errors import UserError
from deemo_jax.core.recipe import Recipe
from deemo_jax.data.build.dataset_writer import write_dataset
from deemo_jax.evaluation import answer_split as answer_split_file
from deemo_jax.evaluation import evaluate_run as run_file
from deemo_jax.evaluation import output_folder
from deemo_jax.evaluation.calibrate import calibrate
from deemo_jax.evaluation.evaluate_run import EvaluationRequest, evaluate_run
from deemo_jax.evaluation.output_folder import Setting
from deemo_jax.evaluation.predictions import read_predictions
from deemo_jax.generation.calibration import load, path_of
from deemo_jax.generation.load import checkpoint_identity, load_run, read_recipe
from tests.tiny_runs import NEW
from tests.training import tiny
from tfds_builders.deemo_mer.deemo_mer_dataset_builder import Builder

CALIBRATION = "evaluation/calibration-step0.json"
pytestmark = pytest.mark.usefixtures("one_length")


@pytest.fixture(scope="module")
def run(untrained_run):
    """Its dataset has no validation split."""
    return untrained_run


@pytest.fixture(scope="module")
def loaded(run):
    return load_run(run)[1:]


@pytest.fixture
def work(run, loaded, tmp_path, monkeypatch):
    """A copy of its folder, whose evaluations are this test's; the weights are read once for all of them."""
    monkeypatch.setattr(
        run_file, "load_run", lambda workdir, step, data_dir, _: (read_recipe(workdir, data_dir), *loaded)
    )
    return shutil.copytree(run, tmp_path / "work")


def ask(work, sets="transcript", **more):
    usual = {"batch_size": 2, "max_new_tokens": NEW, "calibrate": False}
    found, folder, was_there = evaluate_run(EvaluationRequest(workdir=work, sets=sets, **(usual | more)))
    return found.to_json(), folder, was_there


def test_a_split_that_is_not_there_is_refused_before_anything_is_read(work, monkeypatch):
    monkeypatch.setattr(run_file, "load_run", lambda *_: pytest.fail("is read"))
    with pytest.raises(UserError, match="split 'nosuch' cannot be opened; it has: "):
        ask(work, split="nosuch")


def test_a_place_that_cannot_be_written_is_refused_before_anything_is_read(work, monkeypatch):
    monkeypatch.setattr(run_file, "load_run", lambda *_: pytest.fail("is read"))
    shutil.rmtree(work / "evaluation", ignore_errors=True)
    (work / "evaluation").write_text("in the way")
    with pytest.raises(UserError, match="evaluation: cannot be written"):
        ask(work)


def test_a_run_that_cannot_be_written_is_evaluated_elsewhere_without_calibration(work, tmp_path):
    shutil.rmtree(work / "evaluation", ignore_errors=True)
    (work / "evaluation").write_text("in the way")
    found, _, _ = ask(work, out=tmp_path / "out", calibrate=None)
    assert "not calibrated" in found["notes"][-1] and "cannot be written" in found["notes"][-1]


def size(found):
    return found["sets"]["transcript"]["n"]


def content(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir() if path.name != ".lock"}


@pytest.mark.slow
def test_evaluations_lie_beside_each_other(work, tmp_path):
    whole, folder, was_there = ask(work)
    before = content(folder)
    assert not was_there and size(whole) == 4
    assert folder == work / "evaluation" / "test-step0-transcript"
    shown = {"report.md", "recognition.png", "model_card.md"}
    assert before.keys() == {"setting.json", "predictions.jsonl", "recognition.json", *shown}
    card, rows = before["model_card.md"].decode(), [json.loads(row) for row in before["predictions.jsonl"].splitlines()]
    assert "Recognition, % [95 % interval]" in card and str(work.parent) not in card
    assert not any(row[key] and row[key] in card for row in rows for key in ("answer", "person_id", "clip_id"))
    first, other, _ = ask(work, limit=3)
    assert size(first) == 3 and other == work / "evaluation" / "test-first3-step0-transcript"
    assert "first 3 clips" in (other / "report.md").read_text()
    assert ask(work, split="train", limit=2)[1].name == "train-first2-step0-transcript"
    assert ask(work, "transcript;nfbl", limit=2)[1].name == "test-first2-step0-transcript+nfbl"
    truth = tmp_path / "truth.jsonl"
    rows = [{"clip_id": f"clip{index}", "emotion": "negative", "reasoning": "so"} for index in range(3)]
    truth.write_text("".join(json.dumps(row) + "\n" for row in rows))
    assert ask(work, limit=3, truth=truth)[1].name.startswith("test-first3-step0-transcript-")
    assert content(folder) == before
    assert output_folder.newest(work / "evaluation").name.startswith("test-first3-step0-transcript-")


def test_what_is_finished_is_shown_and_not_made_again(work, monkeypatch):
    found, folder, _ = ask(work, limit=2)
    before = content(folder)

    def loaded(*_):
        raise InterruptedError

    monkeypatch.setattr(run_file, "load_run", loaded)
    again, same, was_there = ask(work, limit=2)
    assert (again, same, was_there) == (found, folder, True) and content(folder) == before
    assert ask(work, limit=2, batch_size=5) == (found, folder, True)
    for more in ({"overwrite": True}, {"limit": 1}, {"max_new_tokens": 4}, {"split": "train"}, {"calibrate": True}):
        with pytest.raises(InterruptedError):
            ask(work, **{"limit": 2, **more})
    assert content(folder) == before
    # Another checkpoint of the same step, as after going on from an earlier one.
    with open(work / "checkpoints" / "0" / "_CHECKPOINT_METADATA", "a") as file:
        file.write(" ")
    with pytest.raises(InterruptedError):
        ask(work, limit=2)


def test_a_named_folder_holds_one_evaluation_until_overwrite(work, tmp_path):
    out = tmp_path / "mine"
    assert ask(work, limit=2, out=out)[1:] == (out, False) and ask(work, limit=2, out=out)[1:] == (out, True)
    (out / "notes.txt").write_text("of a person")
    before = content(out)
    with pytest.raises(UserError, match=r"mine: holds another evaluation; .*--out, or give --overwrite"):
        ask(work, limit=3, out=out)
    assert content(out) == before
    assert ask(work, limit=3, out=out, overwrite=True)[1] == out
    assert len((out / "predictions.jsonl").read_text().splitlines()) == 3
    assert (out / "notes.txt").exists() and not (work / "evaluation").exists()


def test_an_earlier_evaluation_without_a_folder_of_its_own_stays_and_is_read(work):
    earlier = work / "evaluation"
    earlier.mkdir()
    for name in ("predictions.jsonl", "recognition.json"):
        (earlier / name).write_text("{}")
    assert output_folder.newest(earlier) == earlier
    with pytest.raises(UserError, match="holds another evaluation"):
        ask(work, limit=2, out=earlier)
    folder = ask(work, limit=2)[1]
    assert folder.parent == earlier and (earlier / "predictions.jsonl").read_text() == "{}"
    assert output_folder.newest(earlier) == folder


def test_a_mistake_leaves_nothing_behind(work):
    for wrong, says in (
        ({"split": "nosuch"}, "nosuch"),
        ({"step": 7}, "no checkpoint of step 7"),
        ({"sets": "smell"}, "smell"),
        ({"data_dir": "absent"}, "absent"),
    ):
        with pytest.raises(UserError, match=says):
            ask(work, **wrong)
    assert not (work / "evaluation").exists()


def test_an_interrupted_evaluation_goes_on(work, tmp_path, monkeypatch):
    whole = ask(work, "transcript;nfbl", out=tmp_path / "whole")[1]
    asked, real = [], answer_split_file.answer

    def killed(*arguments):
        asked.append(1)
        if len(asked) == 4:
            raise KeyboardInterrupt
        return real(*arguments)

    monkeypatch.setattr(answer_split_file, "answer", killed)
    with pytest.raises(KeyboardInterrupt):
        ask(work, "transcript;nfbl")
    (part,) = (work / "evaluation").iterdir()
    assert not output_folder.finished(part) and output_folder.newest(work / "evaluation") is None
    folder = ask(work, "transcript;nfbl")[1]
    assert folder == part and len(asked) == 5
    assert content(folder) == content(whole)


def test_of_two_at_once_in_one_folder_the_second_is_refused(work, monkeypatch):
    folder, real = work / "evaluation" / "test-first2-step0-transcript", run_file.load_run
    folder.mkdir(parents=True)
    with output_folder.lock_of(folder) as lock:
        lock.take()
        with pytest.raises(UserError, match=r"is in use by another run \(process .*or name another folder with --out$"):
            ask(work, limit=2)
    assert ask(work, limit=2)[1:] == (folder, False)
    with output_folder.lock_of(folder) as lock:  # what is finished is shown all the same, and not removed
        lock.take()
        assert ask(work, limit=2)[1:] == (folder, True)
        for more in ({"overwrite": True}, {"calibrate": True}):
            with pytest.raises(UserError, match="is in use by another run"):
                ask(work, limit=2, **more)
    before = content(folder)
    shutil.rmtree(folder)

    def beside(*arguments):  # another one begins and ends while the weights are read
        monkeypatch.setattr(run_file, "load_run", real)
        assert ask(work, limit=2)[1:] == (folder, False)
        return real(*arguments)

    monkeypatch.setattr(run_file, "load_run", beside)
    with pytest.raises(UserError, match="another evaluation was begun here just now; try again"):
        ask(work, limit=2)
    assert content(folder) == before


def show_only(work, modalities):
    config = json.loads((work / "config.json").read_text())
    config["data"]["modalities"] = modalities
    (work / "config.json").write_text(json.dumps(config))


def test_a_modality_that_the_run_lacks_is_refused_before_the_work(work, monkeypatch):
    show_only(work, "transcript")
    monkeypatch.setattr(run_file, "load_run", None)
    with pytest.raises(UserError, match=r"--modalities 'video': this run is shown transcript only"):
        ask(work, "all;video")


def test_data_that_moved_is_found_where_it_is_said_to_be(work, run, tmp_path):
    config = json.loads((work / "config.json").read_text())
    config["data"]["data_dir"] = str(tmp_path / "gone")
    (work / "config.json").write_text(json.dumps(config))
    with pytest.raises(UserError, match="gone"):
        ask(work, limit=2)
    found, folder, _ = ask(work, limit=2, data_dir=str(run.parent / "data"))
    assert size(found) == 2 and folder.name == "test-first2-step0-transcript"


def data_with_validation(folder, clips):
    splits = {"train": tiny.records(3, 0), "test": tiny.records(3, 1), "validation": tiny.records(clips, 2)}
    return str(write_dataset(lambda place: Builder(records=splits, data_dir=place), folder, overwrite=False).parents[1])


@pytest.mark.slow
def test_probabilities_are_calibrated_on_the_validation_split(work, tmp_path):
    show_only(work, "transcript,nfbl")
    data = data_with_validation(tmp_path / "data", 20)
    found, folder, _ = ask(work, data_dir=data, calibrate=None)
    known = load(path_of(work, 0), checkpoint_identity(work, 0))
    assert list(known.sets) == ["transcript,nfbl", "transcript", "nfbl"] and {
        temperature.n for temperature in known.sets.values()
    } == {20}
    score = found["probabilities"]["transcript"]
    assert score["temperature"] == known.of("transcript") and score["n"] == 3
    assert score["nll_calibrated"] != score["nll"]
    assert "learnt on 20 clips of split 'validation'" in found["notes"][-1]
    report = (folder / "report.md").read_text()
    assert all(f"{value:.3f}" in report for value in score.values() if isinstance(value, float))
    assert {row.temperature for row in read_predictions(folder / "predictions.jsonl")} == {known.of("transcript")}
    assert ask(work, data_dir=data)[0] == found
    note = ask(work, data_dir=data, split="test+validation", limit=1)[0]["notes"][-1]
    assert "'validation', which are scored here" in note and "which are scored" not in found["notes"][-1]


@pytest.mark.parametrize("split", ["validation", "train+validation[:50%]", "all"])
def test_no_temperature_is_learnt_on_clips_of_the_training(split, tmp_path):
    recipe = Recipe.from_config(tiny.get_config(str(data_with_validation(tmp_path, 1))))
    recipe = dataclasses.replace(recipe, data=dataclasses.replace(recipe.data, train_split=split))
    assert "was trained on split 'validation'" in calibrate(recipe, None, None, batch_size=1).why_not


@pytest.mark.slow
def test_without_enough_clips_there_is_no_calibration_and_it_says_so(work, tmp_path):
    found, folder, _ = ask(work, calibrate=None)
    assert "not calibrated: the dataset has no split 'validation'" in found["notes"][-1]
    assert found["probabilities"]["transcript"]["temperature"] is None
    assert (
        load(path_of(work, 0), checkpoint_identity(work, 0))
        .note("all")
        .endswith("the dataset has no split 'validation'")
    )
    data = data_with_validation(tmp_path / "data", 19)
    assert "has 19 clips; 20 are needed" in ask(work, data_dir=data, calibrate=None)[0]["notes"][-1]
    (work / CALIBRATION).unlink()
    assert "--calibrate does it" in ask(work, limit=1, calibrate=None)[0]["notes"][-1]
    assert not (work / CALIBRATION).exists(), "a quick look learns none"
    # A finished evaluation is calibrated when that is asked for: only its probabilities change.
    again, same, was_there = ask(work, calibrate=True)
    assert was_there and same == folder and again["notes"] == found["notes"] and (work / CALIBRATION).exists()


def test_names_are_readable_and_short():
    setting = Setting("train[:50%]", 24, None, "w", ("all", "audio,video"), 160, "x")
    assert setting.name == "train_50-first24-converted-all+audio_video"
    assert Setting("../..", 0, 3, "w", ("all",), 160, "x").name == "split-step3-all"
    long = Setting("a" * 500, 0, 1, "w", ("audio,video,transcript",) * 15, 160, "x")
    assert len(long.name) < 255 and long.name.endswith("-step1-15sets")


def test_a_folder_name_that_is_taken_gets_a_suffix(tmp_path):
    stamps = [{"truth": text} for text in ("a", "b", "c")]
    found = []
    for stamp in stamps:
        found.append(output_folder.place(tmp_path, "test", stamp))
        output_folder.begin(found[-1], stamp)
    assert found[0].name == "test" and len(set(found)) == 3
    assert [output_folder.place(tmp_path, "test", stamp) for stamp in stamps] == found
    (found[0] / "setting.json").write_text("{")
    assert output_folder.place(tmp_path, "test", stamps[0]) not in found
