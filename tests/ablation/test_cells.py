"""Planning: which runs, which rows."""

import pytest

from deemo_jax.ablation.cells import Cell, When, by_row, by_run, plan_generated, plan_subsets
from deemo_jax.core.errors import UserError
from deemo_jax.evaluation.subsets import parse_subsets

SUBSETS = parse_subsets("T,TV")


def test_training_has_a_run_for_each_subset_and_seed():
    cells = plan_subsets(SUBSETS, (When.TRAINING,), (42, 43))
    assert [cell.run for cell in cells] == ["T-seed42", "T-seed43", "TV-seed42", "TV-seed43"]
    assert [cell.seed for cell in cells] == [42, 43, 42, 43]
    assert cells[2] == Cell(
        "TV",
        When.TRAINING,
        SUBSETS["TV"],
        {"data.modalities": "video,transcript", "data.modality_dropout": {}},
        42,
    )
    assert [*by_row(cells)] == ["T", "TV"] and all(len(of_run) == 1 for of_run in by_run(cells).values())


def test_one_model_a_seed_answers_all_rows_of_inference():
    cells = plan_subsets(SUBSETS, (When.INFERENCE,), (7, 8))
    assert all(cell.overrides == {} for cell in cells)
    runs = by_run(cells)
    assert {name: [cell.name for cell in of_run] for name, of_run in runs.items()} == {
        "full-seed7": ["T", "TV"],
        "full-seed8": ["T", "TV"],
    }


def test_rows_of_both_kinds_are_told_apart_and_those_of_training_come_last():
    cells = plan_subsets(SUBSETS, When.parse("both"), (1,))
    assert [*by_row(cells)] == ["T (inference)", "TV (inference)", "T (training)", "TV (training)"]
    assert [*by_run(cells)] == ["full-seed1", "T-seed1", "TV-seed1"]


def test_rows_that_a_recipe_gives_answer_from_all_that_they_are_shown():
    cells = plan_generated({"few": {"data.frames": 2}, "many": {"data.frames": 8}}, (5,))
    assert [(cell.run, cell.modalities, cell.overrides) for cell in cells] == [
        ("few-seed5", None, {"data.frames": 2}),
        ("many-seed5", None, {"data.frames": 8}),
    ]


def test_when_is_one_of_three_words():
    assert When.parse("inference") == (When.INFERENCE,) and When.parse("both") == (When.INFERENCE, When.TRAINING)
    with pytest.raises(UserError, match="choose from inference, training, both"):
        When.parse("never")
