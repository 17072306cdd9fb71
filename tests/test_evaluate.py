"""The command, as a person runs it."""

import json
import subprocess
import sys

import pytest

from tests.evaluation.samples import imagined


def evaluate(*arguments):
    return subprocess.run(
        [sys.executable, "-m", "deemo_jax.evaluate", *map(str, arguments)], capture_output=True, text=True, timeout=120
    )


@pytest.fixture
def theirs(tmp_path):
    path = tmp_path / "theirs.jsonl"
    path.write_text("".join(json.dumps(row.to_json()) + "\n" for row in imagined({"all": 0.9, "audio": 0.7}, clips=60)))
    return path


def test_scores_another_systems_outputs(theirs, tmp_path):
    done = evaluate("--predictions", theirs, "--workdir", tmp_path / "out")
    assert done.returncode == 0, done.stderr
    assert "all - audio" in done.stdout
    scores = json.loads((tmp_path / "out" / "evaluation" / "recognition.json").read_text())
    assert scores["sets"]["all"]["n"] == 60


def test_needs_no_jax_to_score_a_file(theirs):
    code = f"import sys; sys.modules['jax'] = None; sys.argv = ['evaluate', '--predictions={theirs}']; "
    code += "import runpy; runpy.run_module('deemo_jax.evaluate', run_name='__main__')"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120)
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
    ],
)
def test_mistakes_are_one_line(arguments, says, tmp_path):
    done = evaluate(*arguments)
    assert done.returncode == 2
    assert says in done.stderr
    assert "Traceback" not in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1


def test_a_run_keeps_its_own_scores(theirs, tmp_path):
    (tmp_path / "config.json").write_text("{}")
    done = evaluate("--predictions", theirs, "--workdir", tmp_path)
    assert done.returncode == 2
    assert "holds a run" in done.stderr
