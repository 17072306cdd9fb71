"""The command, as a person runs it."""

import collections
import csv
import functools
import json
import shutil
import signal
import subprocess
import sys
import time

import pytest
from sklearn.metrics import accuracy_score, f1_score

from deemo_jax.data.features import make
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


@pytest.mark.slow
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
        (["--config", "CONFIG", "--rows", "joint"], "--rows names rows of --generated"),
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
    done = sweep(*options, "--config.init=stage1_that_is_to_be")
    assert (done.returncode, done.stdout) == (0, "0 full-seed3\n1 T-seed3\n2 TV-seed3\n"), done.stderr
    assert not (tmp_path / "w").exists()


@pytest.mark.slow
def test_a_sweep_of_seven_rows_encodes_each_clip_once(untrained_run, tmp_path, monkeypatch):
    data = shutil.copytree(untrained_run.parent / "data", tmp_path / "data")
    work = shutil.copytree(untrained_run, tmp_path / "work")
    config = json.loads((work / "config.json").read_text())
    config["data"] |= {"cached_views": 1, "data_dir": str(data)}
    config["init"] = str(data / "init.safetensors")
    (work / "config.json").write_text(json.dumps(config))
    encoded, makes = collections.Counter(), make.encoder

    def counted(*arguments):
        encode = makes(*arguments)

        def one(modality, raw):
            encoded[modality] += len(raw)
            return encode(modality, raw)

        return one

    monkeypatch.setattr(make, "encoder", counted)
    done = sweep("--workdir", work, "--max_new_tokens", NEW, "--batch_size", 2, "--cache")
    assert done.returncode == 0, done.stderr
    assert encoded == {"audio": 4, "video": 4}  # the clips of the split
    assert "encoders run in every step" not in done.stderr
    assert done.stderr.count("reads features of audio and video") == 1


@pytest.mark.slow
def test_a_sweep_that_is_killed_again_and_again_gives_the_same_table(tiny_data, tmp_path):
    options = ["--config", f"tests/training/tiny.py:{tiny_data}", "--subsets", "T,TV", "--when", "both"]
    options += ["--max_new_tokens", str(NEW), "--batch_size", "2"]
    options += ["--config.train.steps=12", "--config.train.checkpoint_every=4"]
    whole = commands.run_alone("sweep", *options, "--workdir", tmp_path / "whole")
    assert whole.returncode == 0, whole.stderr
    killed, log = tmp_path / "killed", tmp_path / "log"
    command = [sys.executable, "-m", "deemo_jax.sweep", *options, "--workdir", str(killed)]
    for reached, number, code in (
        (lambda: [*killed.glob("*/checkpoints/8")], signal.SIGKILL, -signal.SIGKILL),
        (lambda: "answers (transcript)" in log.read_text(), signal.SIGINT, 130),
        (lambda: [*killed.glob("*/checkpoints/4")], signal.SIGTERM, 75),
        (lambda: "run 3 of 3" in log.read_text(), signal.SIGKILL, -signal.SIGKILL),
    ):
        with open(log, "w") as out, subprocess.Popen(command, cwd=commands.ROOT, stderr=out) as process:
            while not reached() and process.poll() is None:
                time.sleep(0.05)
            process.send_signal(number)
        assert process.returncode == code and "Traceback" not in log.read_text(), log.read_text()
    done = commands.run_alone("sweep", *options, "--workdir", tmp_path / "killed", "--processes", 2)
    assert done.returncode == 0, done.stderr
    files = [sorted((tmp_path / name).glob("*/evaluation/*/predictions.jsonl")) for name in ("whole", "killed")]
    assert [len(of_sweep) for of_sweep in files] == [3, 3]
    assert all(one.read_bytes() == other.read_bytes() for one, other in zip(*files, strict=True))
    assert done.stdout.replace("/killed/", "/whole/") == whole.stdout
    when = [file.stat().st_mtime_ns for file in files[1]]
    again = commands.run_alone("sweep", *options, "--workdir", tmp_path / "killed")
    assert (again.returncode, again.stdout) == (0, done.stdout) and "train: step" not in again.stderr
    assert [file.stat().st_mtime_ns for file in files[1]] == when


@pytest.mark.slow
def test_the_rows_of_a_recipe_are_keyed_by_what_differs(tiny_data, tmp_path):
    recipe = tmp_path / "recipe.py"
    recipe.write_text(
        f"from tests.training import tiny\n\n\ndef get_config():\n    found = tiny.get_config({str(tiny_data)!r})\n"
        "    found.data.cached_views = 1\n    found.train.steps = 4\n    return found\n\n\ndef sweep():\n"
        "    yield 'as_it_is', {}\n    yield 'one_frame', {'data.frames': 1}\n"
        "    yield 'projections', {'trainable': ['.*/projector/.*']}\n"
    )
    data = shutil.copytree(tiny_data, tmp_path / "data")
    options = ["--config", recipe, "--workdir", tmp_path / "w", "--generated", "--processes", 2, "--cache"]
    options += ["--max_new_tokens", NEW, "--batch_size", 2, f"--config.data.data_dir={data}"]
    done = commands.run_alone("sweep", *options, PYTHONPATH=str(commands.ROOT))
    assert done.returncode == 0, done.stderr + "".join(
        log.read_text()[-2000:] for log in (tmp_path / "w/logs").glob("*.log")
    )
    rows = json.loads((tmp_path / "w" / "comparison.json").read_text())["rows"]
    assert [(row["system"], row["data.frames"], row["trainable"]) for row in rows] == [
        ("as_it_is", "2", '["!.*/encoder/.*", ".*"]'),
        ("one_frame", "1", '["!.*/encoder/.*", ".*"]'),
        ("projections", "2", '[".*/projector/.*"]'),
    ]
    with (tmp_path / "w" / "comparison.csv").open() as file:
        assert [row["data.frames"] for row in csv.DictReader(file)] == ["2", "1", "2"]
