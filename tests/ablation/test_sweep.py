"""A whole sweep, with runs that have learnt nothing in place of trained ones."""

import dataclasses
import itertools
import json
import shutil
import statistics
from pathlib import Path

import pytest
from sklearn.metrics import accuracy_score, f1_score

from deemo_jax.ablation import one_run
from deemo_jax.ablation.cells import When
from deemo_jax.ablation.sweep import SweepRequest, check, do_all, do_one, planned
from deemo_jax.ablation.sweep_folder import SweepFolder
from deemo_jax.core.config import plain
from deemo_jax.core.errors import UserError
from deemo_jax.core.files import write_json
from deemo_jax.core.recipe import Recipe
from deemo_jax.evaluation import answer_split
from deemo_jax.evaluation.evaluate_run import EvaluationRequest
from deemo_jax.evaluation.subsets import parse_subsets
from deemo_jax.training.loop import Ended
from tests.tiny_runs import NEW
from tests.training import tiny

pytestmark = pytest.mark.usefixtures("one_length")
LABELS = ["negative", "positive"]


@pytest.fixture
def trained(untrained_run: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Names of the runs that are trained from here on: a copy of a run takes the place of each."""
    names: list[str] = []

    def train(config, workdir, *, resume, **_):
        assert resume
        if not workdir.exists():
            names.append(workdir.name)
            shutil.copytree(untrained_run, workdir)
            write_json(workdir / "config.json", Recipe.from_config(config).resolved())
        return Ended(tiny.STEPS, True)

    monkeypatch.setattr(one_run, "train", train)
    return names


@pytest.fixture
def request_of(untrained_run: Path, tmp_path: Path):
    def make(subsets: str, when: str, seeds: int = 1, **more) -> SweepRequest:
        config = plain(tiny.get_config(str(untrained_run.parent / "data")))
        cells, _ = planned(config, parse_subsets(subsets), When.parse(when), seeds)
        evaluation = EvaluationRequest(
            workdir=tmp_path, out=tmp_path / "table", batch_size=4, max_new_tokens=NEW, calibrate=False
        )
        made = SweepRequest(workdir=tmp_path / "sweep", config=config, cells=cells, evaluation=evaluation, **more)
        check(made)
        return made

    return make


def test_rows_of_both_kinds_and_two_seeds_become_one_table(trained, request_of, monkeypatch):
    asked = request_of("T", "both", 2, published=True)
    do_one(asked, "T-seed4")  # as an array of a cluster does
    found = do_all(asked)
    assert found is not None
    assert trained == ["T-seed4", "full-seed3", "full-seed4", "T-seed3"]
    table = json.loads((asked.workdir / "comparison.json").read_text())
    rows = {row["system"]: row for row in table["rows"] if not row["published"]}
    assert [*rows] == ["T (inference)", "T (training)"]
    assert [row["system"] for row in table["rows"] if row["published"]] == ["T"]
    assert table["reference"] == "T (training)"
    for name, row in rows.items():
        seeds = []
        for file in row["file"].split(";"):
            lines = map(json.loads, Path(file).read_text().splitlines())
            lines = [line for line in lines if line["modalities"] == row["modalities"]]
            seeds.append(([one["emotion_true"] for one in lines], [one["emotion_predicted"] or "-" for one in lines]))
        accuracies = [accuracy_score(*seed) for seed in seeds]
        assert row["accuracy"] == pytest.approx(statistics.fmean(accuracies), abs=1e-12)
        assert row["accuracy_sd_over_seeds"] == pytest.approx(statistics.stdev(accuracies), abs=1e-12)
        true, said = (list(itertools.chain(*part)) for part in zip(*seeds, strict=True))
        f1 = f1_score(true, said, labels=LABELS, average="weighted", zero_division=0)
        assert row["f1_weighted"] == pytest.approx(f1, abs=1e-12)
        assert (row["clips"], row["seeds"], len(true)) == (4, 2, 8)
        assert [*table["seeds"][name]["by_seed"]] == ["3", "4"]
    page = (asked.workdir / "comparison.md").read_text()
    assert "mean ± SD of 2 seeds" in page and "Rows of training: a model that was trained on the subset only." in page
    assert json.loads((asked.workdir / "T-seed3" / "config.json").read_text())["data"]["modalities"] == "transcript"
    monkeypatch.setattr(answer_split, "answer", lambda *_: pytest.fail("is asked again"))
    again = do_all(asked)
    assert again is not None and again.to_json() == found.to_json() and len(trained) == 4


def test_the_table_goes_where_it_is_to(trained, request_of, tmp_path):
    assert do_all(request_of("T", "training", out=tmp_path / "table")) is not None
    assert (tmp_path / "table" / "comparison.md").exists() and not (tmp_path / "sweep" / "comparison.md").exists()
    assert len([*(tmp_path / "sweep").glob("T-seed3/evaluation/*/predictions.jsonl")]) == 1


def test_a_run_at_which_another_process_is_is_left_to_it(trained, request_of):
    asked = request_of("T,TV", "training")
    folder = SweepFolder(asked.workdir)
    folder.begin(asked.base)
    with folder.lock("T-seed3") as lock:
        lock.take()
        with pytest.raises(UserError, match="other processes are at T-seed3, and all else is done"):
            do_all(asked)
        with pytest.raises(UserError, match="is in use by another run"):
            do_one(asked, "T-seed3")
    assert trained == ["TV-seed3"] and not (asked.workdir / "comparison.md").exists()


def test_a_run_that_was_stopped_is_not_asked(request_of, monkeypatch):
    monkeypatch.setattr(one_run, "train", lambda *_, **__: Ended(3, False))
    assert do_all(request_of("T", "training")) is None


def test_the_folder_of_something_else_is_refused(trained, request_of, untrained_run, tmp_path):
    asked = request_of("T", "training")
    folder = SweepFolder(asked.workdir)
    folder.begin(asked.base)
    check(request_of("T,V", "both", 3))  # more rows and seeds may come
    check(dataclasses.replace(asked, config={**asked.config, "name": "other", "seed": 8}))
    config = {**asked.config, "optimizer": {**asked.config["optimizer"], "lr": 0.5}}
    with pytest.raises(UserError, match=r"is of another sweep \(config.optimizer.lr: 0.01 -> 0.5\)"):
        check(dataclasses.replace(asked, config=config))
    with pytest.raises(UserError, match="holds a run, and a sweep with --config makes runs of its own"):
        check(dataclasses.replace(asked, workdir=untrained_run))
    older = {key: value for key, value in asked.base.items() if key != "name"}
    write_json(folder.record, {"config": older})
    check(dataclasses.replace(asked, config={**asked.config, "name": ""}))  # a key with its default
    write_json(folder.record, {"config": 3})
    with pytest.raises(UserError, match="is damaged"):
        check(asked)
    (tmp_path / "file").touch()
    with pytest.raises(UserError, match="is no folder"):
        check(dataclasses.replace(asked, workdir=tmp_path / "file"))


def test_what_teaches_nothing_is_trained_for_one_step(request_of):
    asked = request_of("T,TV", "training")
    config = {**asked.config, "trainable": [".*/connector/.*"]}
    frozen = dataclasses.replace(asked, config=config)
    assert {name: made["train"]["steps"] for name, made in frozen.configs.items()} == {
        "T-seed3": 1,
        "TV-seed3": tiny.STEPS,
    }
    assert {name: made["train"]["steps"] for name, made in asked.configs.items()} == {
        "T-seed3": tiny.STEPS,
        "TV-seed3": tiny.STEPS,
    }


def test_a_subset_that_the_recipe_does_not_show_is_refused(request_of):
    asked = request_of("V,A", "inference")
    config = {**asked.config, "data": {**asked.config["data"], "modalities": "video,transcript"}}
    with pytest.raises(UserError, match="--subsets A: this recipe's model is shown video,transcript only"):
        check(dataclasses.replace(asked, config=config))
