"""The command, as a person runs it."""

import functools
import json
import shutil

import pytest
from sklearn.metrics import accuracy_score, f1_score

from deemo_jax.evaluation import answer_split as answer_split_file
from tests import commands
from tests.tiny_runs import NEW

sweep = functools.partial(commands.run, "sweep")
pytestmark = pytest.mark.usefixtures("one_length")
SETS = {"V": "video", "A": "audio", "N": "nfbl", "T": "transcript", "TV": "video,transcript"}
SETS |= {"TVA": "audio,video,transcript", "TVAN": "all"}


def test_the_seven_rows_of_the_table(untrained_run, tmp_path, monkeypatch):
    work = shutil.copytree(untrained_run, tmp_path / "work")
    options = ("--workdir", work, "--max_new_tokens", NEW, "--batch_size", 2, "--published")
    done = sweep(*options)
    assert done.returncode == 0, done.stderr
    (folder,) = (path.parent for path in work.glob("evaluation/*/comparison.json"))
    found = json.loads((folder / "comparison.json").read_text())
    assert found["reference"] == "TVAN"
    assert [(row["system"], row["modalities"], row["published"]) for row in found["rows"]] == [
        (*pair, is_published) for is_published in (False, True) for pair in SETS.items()
    ]
    assert [row["accuracy"] for row in found["rows"][7:]] == [0.4477, 0.5319, 0.5319, 0.6667, 0.7016, 0.7449, 0.7529]
    lines = [json.loads(line) for line in (folder / "predictions.jsonl").read_text().splitlines()]
    for row in found["rows"][:7]:
        of_set = [line for line in lines if line["modalities"] == row["modalities"]]
        true, said = [one["emotion_true"] for one in of_set], [one["emotion_predicted"] or "-" for one in of_set]
        f1 = f1_score(true, said, labels=["negative", "positive"], average="weighted", zero_division=0)
        assert (row["clips"], row["accuracy"]) == (4, pytest.approx(accuracy_score(true, said), abs=1e-12))
        assert row["f1_weighted"] == pytest.approx(f1, abs=1e-12)
        assert (row["p"] is None) == (row["system"] == "TVAN")
    assert "those of Table 4" in done.stdout
    monkeypatch.setattr(answer_split_file, "answer", lambda *_: pytest.fail("is asked again"))
    again = sweep(*options)
    assert (again.returncode, again.stdout) == (0, done.stdout)


def test_the_best_that_is_possible_stands_beside(untrained_run, tmp_path):
    work = shutil.copytree(untrained_run, tmp_path / "work")
    options = ("--workdir", work, "--max_new_tokens", NEW, "--batch_size", 2, "--subsets", "t,tvan")
    assert sweep(*options, "--out", tmp_path / "plain").returncode == 0
    rows = [json.loads(line) for line in (tmp_path / "plain" / "predictions.jsonl").read_text().splitlines()]
    corpus, truth = {"kind": "imagined", "optimal_accuracy": {"transcript": 0.81}}, tmp_path / "truth.jsonl"
    stated = {row["clip_id"]: {"clip_id": row["clip_id"], "emotion": row["emotion_true"]} for row in rows}
    truth.write_text("".join(json.dumps(row | {"corpus": corpus}) + "\n" for row in stated.values()))
    done = sweep(*options, "--out", tmp_path / "stated", "--truth", truth)
    assert done.returncode == 0, done.stderr
    assert "Bayes-optimal accuracy" in done.stdout and "81.0" in done.stdout
    found = json.loads((tmp_path / "stated" / "comparison.json").read_text())["rows"]
    assert [row["bayes_optimal_accuracy"] for row in found] == [0.81, None]
    plain = json.loads((tmp_path / "plain" / "comparison.json").read_text())["rows"]
    assert [row["accuracy"] for row in plain] == [row["accuracy"] for row in found]


@pytest.mark.parametrize(
    ("subsets", "says"),
    [("TX", "subset 'TX'"), ("TT", "subset 'TT'"), ("TV,VT", "comes twice"), (",", "name at least one")],
)
def test_bad_subsets_are_said_in_one_line(untrained_run, subsets, says):
    done = sweep("--workdir", untrained_run, "--subsets", subsets)
    assert (done.returncode, done.stdout) == (2, "") and says in done.stderr


def test_what_the_run_is_not_shown_is_refused(untrained_run, tmp_path):
    work = shutil.copytree(untrained_run, tmp_path / "work")
    config = json.loads((work / "config.json").read_text())
    config["data"]["modalities"] = "video,transcript"
    (work / "config.json").write_text(json.dumps(config))
    done = sweep("--workdir", work, "--subsets", "V,A,TV,TVAN")
    assert done.returncode == 2 and "A,TVAN: this run is shown video,transcript only; leave them out" in done.stderr


@pytest.mark.parametrize(
    ("flags", "says"),
    [
        (["--when", "training"], "--when trains models: name a recipe with --config"),
        (["--processes", "2"], "--processes trains models: name a recipe with --config"),
        (["--config", "CONFIG", "--when", "never"], "--when 'never': choose from inference, training, both"),
        (["--config", "CONFIG", "--seeds", "0"], "seeds"),
        (["--config", "CONFIG", "--subsets", "TX"], "subset 'TX'"),
        (["--config", "CONFIG", "--overwrite"], "--overwrite is for a run that is there, without --config"),
        (["--config", "CONFIG", "--generated"], "has no function sweep()"),
        (["--config", "CONFIG", "--generated", "--when", "both"], "leave out --subsets and --when"),
        (["--config", "CONFIG", "--run", "7"], "--run 7: this sweep has the runs 0 to 6; --show_runs lists them"),
        (
            ["--config", "configs/sample.py:video", "--when", "inference"],
            "A,N,T,TV,TVA,TVAN: this recipe's model is shown",
        ),
        (["--config", "absent.py"], "absent.py"),
    ],
)
def test_mistakes_are_one_line_and_nothing_is_written(tiny_data, tmp_path, flags, says):
    config = f"tests/training/tiny.py:{tiny_data}"
    done = sweep("--workdir", tmp_path / "w", *(config if flag == "CONFIG" else flag for flag in flags))
    assert (done.returncode, done.stdout) == (2, "") and says in done.stderr, done.stderr
    assert len(done.stderr.strip().splitlines()) == 1 and not (tmp_path / "w").exists()


def test_the_runs_of_a_sweep_are_shown_with_their_numbers(tiny_data, tmp_path):
    config = f"tests/training/tiny.py:{tiny_data}"
    options = ("--config", config, "--workdir", tmp_path / "w", "--subsets", "t,tv", "--when", "both", "--show_runs")
    done = sweep(*options)
    assert (done.returncode, done.stdout) == (0, "0 full-seed3\n1 T-seed3\n2 TV-seed3\n"), done.stderr
    assert not (tmp_path / "w").exists()
