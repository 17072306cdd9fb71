"""A whole sweep, without training and answering."""

import dataclasses
import itertools
import json
import statistics
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from sklearn.metrics import accuracy_score, f1_score

from deemo_jax.ablation import one_run
from deemo_jax.ablation.cells import When
from deemo_jax.ablation.sweep import SweepRequest, check, do_all, do_one, planned
from deemo_jax.ablation.sweep_folder import SweepFolder
from deemo_jax.core.config import plain
from deemo_jax.core.errors import UserError
from deemo_jax.core.files import read_json, write_json, write_jsonl
from deemo_jax.core.recipe import Recipe
from deemo_jax.evaluation.evaluate_run import EvaluationRequest
from deemo_jax.evaluation.subsets import parse_subsets
from deemo_jax.training.loop import Ended
from tests.evaluation.samples import imagined
from tests.training import tiny

LABELS = ["negative", "positive"]
CLIPS = 60


@pytest.fixture
def trained(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Names of the runs that are trained from here on; nothing is learnt, and answers are drawn."""
    names: list[str] = []

    def train(config, workdir, *, resume, **_):
        assert resume
        if not workdir.exists():
            names.append(workdir.name)
            write_json(workdir / "config.json", Recipe.from_config(config).resolved())
        return Ended(tiny.STEPS, True)

    def evaluate_run(asked):
        assert asked.out is None
        folder, sets = asked.workdir / "evaluation" / "test", asked.sets.split(";")
        seed = read_json(asked.workdir / "config.json")["seed"]
        drawn = np.random.default_rng([seed, len(asked.workdir.name)]).random((len(sets), CLIPS))
        rows = [
            dataclasses.replace(
                row,
                modalities=of_set,
                person_id=f"p{place % 12}",
                emotion_predicted=row.emotion_true if lucky < 0.8 else None,
            )
            for of_set, of_clips in zip(sets, drawn, strict=True)
            for place, (row, lucky) in enumerate(zip(imagined({"all": 1.0}, CLIPS), of_clips, strict=True))
        ]
        write_jsonl(folder / "predictions.jsonl", (row.to_json() for row in rows))
        write_json(folder / "recognition.json", {"sets": {key: {"classes": dict.fromkeys(LABELS)} for key in sets}})
        return SimpleNamespace(bayes={"transcript": 0.81}), folder, False

    monkeypatch.setattr(one_run, "train", train)
    monkeypatch.setattr(one_run, "evaluate_run", evaluate_run)
    return names


@pytest.fixture
def request_of(tmp_path: Path, tiny_data: Path):
    def make(subsets: str, when: str, seeds: int = 1, **more) -> SweepRequest:
        config = plain(tiny.get_config(str(tiny_data)))
        cells, _ = planned(config, parse_subsets(subsets), When.parse(when), seeds)
        evaluation = EvaluationRequest(workdir=tmp_path, out=tmp_path / "table", calibrate=False)
        made = SweepRequest(workdir=tmp_path / "sweep", config=config, cells=cells, evaluation=evaluation, **more)
        check(made)
        return made

    return make


def test_rows_of_both_kinds_and_two_seeds_become_one_table(trained, request_of):
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
        assert (row["clips"], row["seeds"], len(true)) == (CLIPS, 2, 2 * CLIPS)
        assert row["accuracy_low"] < row["accuracy"] and row["bayes_optimal_accuracy"] == 0.81
        assert [*table["seeds"][name]["by_seed"]] == ["3", "4"]
    page = (asked.workdir / "comparison.md").read_text()
    assert "mean ± SD of 2 seeds" in page and "Rows of training: a model that was trained on the subset only." in page
    assert json.loads((asked.workdir / "T-seed3" / "config.json").read_text())["data"]["modalities"] == "transcript"
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


def test_the_folder_of_something_else_is_refused(request_of, tmp_path):
    asked = request_of("T", "training")
    folder = SweepFolder(asked.workdir)
    folder.begin(asked.base)
    check(request_of("T,V", "both", 3))  # more rows and seeds may come
    check(dataclasses.replace(asked, config={**asked.config, "name": "other", "seed": 8}))
    config = {**asked.config, "optimizer": {**asked.config["optimizer"], "lr": 0.5}}
    with pytest.raises(UserError, match=r"is of another sweep \(config.optimizer.lr: 0.01 -> 0.5\)"):
        check(dataclasses.replace(asked, config=config))
    write_json(tmp_path / "run" / "config.json", asked.base)
    with pytest.raises(UserError, match="holds a run, and a sweep with --config makes runs of its own"):
        check(dataclasses.replace(asked, workdir=tmp_path / "run"))
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


def test_weights_that_are_not_there_are_told_before_anything_is_trained(trained, request_of, tmp_path):
    asked = request_of("T", "training")
    first = {**asked.config, "init": str(tmp_path / "stage1")}
    with pytest.raises(UserError, match="stage1 is not there; name another"):
        check(dataclasses.replace(asked, config=first))
    with pytest.raises(UserError, match="make it first, or leave the row out with --rows"):
        check(dataclasses.replace(asked, config=first, generated={"T": {}}))
    check(dataclasses.replace(asked, config=first), [])  # to list the runs, none is needed, and no dataset
    nowhere = {**asked.config, "data": {**asked.config["data"], "data_dir": str(tmp_path / "it's not")}}
    check(dataclasses.replace(asked, config=nowhere), [])
    with pytest.raises(UserError, match=r"no dataset there; .* --data_dir '/.*it'.*s not' \.\.\."):
        check(dataclasses.replace(asked, config=nowhere))
    with pytest.raises(UserError, match="stage1 is not there"):
        check(dataclasses.replace(asked, config=first), ["T-seed3"])
    assert trained == []
