"""The command, as a person runs it."""

import functools
import json
import shutil
import subprocess
import sys

import pytest

from tests import commands
from tests.evaluation.samples import imagined, media_folders
from tests.tiny_runs import KEPT, NEW

evaluate = functools.partial(commands.run, "evaluate")


@pytest.fixture
def theirs(tmp_path):
    path = tmp_path / "theirs.jsonl"
    path.write_text("".join(json.dumps(row.to_json()) + "\n" for row in imagined({"all": 0.9, "audio": 0.7}, clips=60)))
    return path


def test_scores_another_systems_outputs(theirs, tmp_path):
    done = evaluate("--predictions", theirs, "--workdir", tmp_path / "out")
    assert done.returncode == 0, done.stderr
    assert "all - audio" in done.stdout
    folder = tmp_path / "out" / "evaluation" / "theirs"
    scores = json.loads((folder / "recognition.json").read_text())
    assert scores["sets"]["all"]["n"] == 60
    # Other predictions of that name get a folder of their own; one that is named is not overwritten unasked.
    theirs.write_text("".join(theirs.read_text().splitlines(keepends=True)[:-2]))
    assert evaluate("--predictions", theirs, "--workdir", tmp_path / "out").returncode == 0
    assert json.loads((folder / "recognition.json").read_text()) == scores
    assert len(list((tmp_path / "out" / "evaluation").iterdir())) == 2
    done = evaluate("--predictions", theirs, "--out", folder)
    assert done.returncode == 2 and "holds another evaluation" in done.stderr
    assert json.loads((folder / "recognition.json").read_text()) == scores
    inside = theirs.rename(folder / "predictions.jsonl")
    (folder / "sheet.png").touch()
    assert evaluate("--predictions", inside, "--out", folder, "--overwrite").returncode == 0
    assert json.loads((folder / "recognition.json").read_text())["sets"]["all"]["n"] == 59
    assert inside.exists() and not (folder / "sheet.png").exists()  # what is read stays, what was drawn of others goes


def test_a_set_that_lacks_predictions_is_refused(theirs):
    theirs.write_text("".join(theirs.read_text().splitlines(keepends=True)[:-1]))
    done = evaluate("--predictions", theirs)
    assert done.returncode == 2
    assert "1 of 60 clips lack a prediction" in done.stderr and done.stdout == ""


@pytest.mark.slow
def test_needs_no_jax_and_no_matplotlib_to_score_a_file(theirs):
    code = "import sys; sys.modules |= dict.fromkeys(['jax', 'matplotlib']); "
    code += f"sys.argv = ['evaluate', '--predictions={theirs}']; "
    code += "import runpy; runpy.run_module('deemo_jax.evaluate', run_name='__main__')"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=600)
    assert done.returncode == 0, done.stderr
    assert "weighted F1" in done.stdout


def test_truth_is_joined_by_clip(theirs, tmp_path):
    truth = tmp_path / "truth.jsonl"
    rows = [{"clip_id": f"clip{i:03d}", "emotion": "positive", "reasoning": ""} for i in range(70)]
    truth.write_text("".join(json.dumps(row) + "\n" for row in rows))
    done = evaluate("--predictions", theirs, "--truth", truth)
    assert done.returncode == 0, done.stderr
    assert "60 of the 70 clips" in done.stdout
    assert "(majority class)  100.0" in done.stdout


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ([], "--workdir"),
        (["--predictions", "absent.jsonl"], "absent.jsonl: cannot be read"),
        (["--workdir", "absent"], "absent"),
        (["--workdir", "x", "--modalities", "smell"], "choose from audio"),
        (["--workdir", "x", "--sheet"], "--source"),
        (["--wrokdir", "x"], "workdir"),
        (["x"], "is no flag"),
        (["--workdir", "x", "--limit", "-1"], "limit"),
        (["--predictions", "x", "--limit", "3"], "--limit has no part in --predictions; leave it out"),
        (["--predictions", "x", "--modalities", "video"], "--modalities has no part in --predictions"),
        (["--compare", "x", "--read", "likelihood"], "score each file by --predictions FILE --read likelihood"),
        (["--compare", "x", "--faithfulness"], "--faithfulness has no part in --compare"),
        (["--compare", "x", "--keywords", "y"], "--keywords goes with --faithfulness"),
        (["--report", "x", "--split", "train"], "--split has no part in --report"),
        (["--judge", "m", "--workdir", "x", "--from_step", "3"], "--from_step has no part in --judge"),
    ],
)
def test_mistakes_are_one_line(arguments, says, tmp_path):
    done = evaluate(*arguments)
    assert done.returncode == 2
    assert says in done.stderr
    assert "Traceback" not in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1


def test_an_out_that_is_no_folder_is_one_line(theirs, tmp_path):
    (tmp_path / "link").symlink_to(tmp_path / "nowhere")
    before = sorted(tmp_path.rglob("*"))
    for out, says in ((theirs, "is a file; give a folder as --out"), (tmp_path / "link", "a link that leads nowhere")):
        for flag in ("--predictions", "--compare"):
            done = evaluate(flag, theirs, "--out", out)
            assert done.returncode == 2 and says in done.stderr and len(done.stderr.splitlines()) == 1, done.stderr
    assert sorted(tmp_path.rglob("*")) == before


def test_draws_the_sheet_of_what_was_predicted(tmp_path):
    raw, deid = media_folders(tmp_path)
    evaluation = tmp_path / "work" / "evaluation"
    evaluation.mkdir(parents=True)
    rows = imagined({"audio": 0.7, "all": 0.9, "video": 0.7}, clips=3)
    (evaluation / "predictions.jsonl").write_text("".join(json.dumps(row.to_json()) + "\n" for row in rows))
    done = evaluate("--workdir", tmp_path / "work", "--sheet", "--source", raw, "--deid", deid)
    assert done.returncode == 0, done.stderr
    assert done.stdout == f"contact sheet of all: {evaluation / 'sheet.png'}\n"
    assert [path.name for path in evaluation.glob("*.png")] == ["sheet.png"]
    theirs = ["--predictions", evaluation / "predictions.jsonl", "--workdir", tmp_path / "theirs"]
    done = evaluate(*theirs, "--sheet", "--source", raw, "--deid", deid)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "theirs" / "evaluation" / "predictions" / "sheet.png").exists()


def test_a_run_keeps_its_own_scores(theirs, tmp_path):
    (tmp_path / "config.json").write_text("{}")
    done = evaluate("--predictions", theirs, "--workdir", tmp_path)
    assert done.returncode == 2
    assert "holds a run" in done.stderr


def test_an_unknown_checkpoint_is_one_line_with_those_that_exist(untrained_run):
    done = evaluate("--workdir", untrained_run, "--from_step", 7)
    assert done.returncode == 2 and done.stderr.count("\n") == 1
    assert "holds no checkpoint of step 7; there are 0" in done.stderr


@pytest.mark.slow
@pytest.mark.usefixtures("one_length")
def test_the_checkpoint_that_is_named_is_the_one_that_answers(tiny_run, killed_run, tmp_path):
    def answers(run, *flags):
        out = tmp_path / f"out{len(list(tmp_path.iterdir()))}"
        more = ("--out", out, "--modalities", "transcript", "--limit", 2, "--max_new_tokens", NEW, "--nocalibrate")
        done = evaluate("--workdir", run, *more, *flags)
        assert done.returncode == 0, done.stderr
        return [json.loads(line) for line in (out / "predictions.jsonl").read_text().splitlines()]

    newest, older = answers(tiny_run), answers(tiny_run, "--from_step", KEPT)
    assert older == answers(killed_run)  # whose newest it is
    assert [row["log_likelihoods"] for row in older] != [row["log_likelihoods"] for row in newest]


@pytest.mark.usefixtures("one_length")
def test_answers_and_scores_a_run(untrained_run, tmp_path):
    run = shutil.copytree(untrained_run, tmp_path / "run")
    done = evaluate("--workdir", run, "--modalities", "all;video", "--batch_size", 2, "--max_new_tokens", NEW)
    assert done.returncode == 0, done.stderr
    assert "weighted F1" in done.stdout and "not calibrated: the dataset has no split 'validation'" in done.stdout
    folder = run / "evaluation" / "test-step0-all+video"
    assert f"written: {folder / 'report.md'}" in done.stdout
    rows = [json.loads(line) for line in (folder / "predictions.jsonl").read_text().splitlines()]
    assert [(row["modalities"], row["clip_id"]) for row in rows] == [
        (name, f"clip{i}") for name in ("all", "video") for i in range(4)
    ]
    scores = json.loads((folder / "recognition.json").read_text())
    assert set(scores["sets"]) == {"all", "video"}
    assert set(scores["differences"]) == {"all - video"}
    # What was written can be scored again, without the model, to the same numbers.
    again = evaluate("--predictions", folder / "predictions.jsonl", "--out", run.parent / "again")
    assert again.returncode == 0, again.stderr
    written = json.loads((run.parent / "again" / "recognition.json").read_text())
    assert (written["sets"], written["probabilities"]) == (scores["sets"], scores["probabilities"])
