"""Which rows are judged, and what the file of people's scores may hold."""

import json

import numpy as np
import pytest

from deemo_jax.core.errors import UserError
from deemo_jax.core.schema import RAW_TRANSCRIPT
from deemo_jax.evaluation.judge.human_file import mean_of_people, read_preferences, read_scores
from deemo_jax.evaluation.judge.judged_rows import select
from deemo_jax.evaluation.predictions import Prediction

CLIPS = ["a", "b", "c"]


def row(clip, reasoning="because", reference="since", provenance="rules 4, 0 replaced"):
    return Prediction(
        clip, "all", "", None, "negative", reasoning, reference, person_id=None, transcript_provenance=provenance
    )


def test_rows_are_left_out_and_counted():
    rows = [
        row("a"),
        row("b", provenance=RAW_TRANSCRIPT),
        row("c", provenance=None),
        row("d", reference=" "),
        row("e", reasoning=""),
        row("f", reasoning="x" * 100_000),
    ]
    found = select(rows, "runs/a", include_raw_text=False)
    assert [one.clip_id for one in found.rows] == ["a", "e", "f"]
    assert (found.raw, found.without_reference, found.empty, found.cut) == (2, 1, 1, 1)
    assert len(select(rows, "runs/a", include_raw_text=True).rows) == 5
    assert len(select(rows, "runs/a", include_raw_text=True, need_reference=False).rows) == 6
    for wrong, says in (
        (
            rows[1:3],
            r"runs/a: none of 2 rows may be sent.*\(1 do not say.*1 say that they were.*--include_raw_text",
        ),
        ([row("a", reference="")], "none of 1 rows has a reference reasoning; name annotations with --truth"),
        ([row(str(number)) for number in range(10_001)], "10,001 rows; judge at most 10,000 at once"),
        ([row("a", reasoning="\n")], "none of 1 rows has a reasoning"),
    ):
        with pytest.raises(UserError, match=says):
            select(wrong, "runs/a", include_raw_text=False)


def write(path, *rows):
    path.write_text("".join(json.dumps(line) + "\n" for line in rows))
    return path


def test_scores_of_several_people_are_averaged(tmp_path):
    rows = [
        {"clip_id": "a", "clue": 3, "label": 9, "rater": "x"},
        {"clip_id": "a", "clue": 6, "rater": "y"},
        {"clip_id": "c", "label": 2.5, "rater": "x"},
    ]
    found = read_scores(write(tmp_path / "h.jsonl", *rows), CLIPS)
    assert found["clue"] == {"x": {"a": 3}, "y": {"a": 6}}
    assert mean_of_people(found["clue"], CLIPS)[0] == 4.5 and np.isnan(mean_of_people(found["clue"], CLIPS)[1:]).all()
    assert mean_of_people(found["label"], CLIPS)[[0, 2]].tolist() == [9, 2.5]
    chosen = [{"clip_id": "a", "preferred": "one"}, {"clip_id": "a", "preferred": "tie", "rater": "y"}]
    assert read_preferences(write(tmp_path / "p.jsonl", *chosen), CLIPS, ["one", "two"]) == {"a": ["one", "tie"]}


@pytest.mark.parametrize(
    ("rows", "says"),
    [
        ([], "no rows"),
        ([{"clip_id": "a", "clue": 3}] * 2, "row 2: clip a occurs twice, first in row 1"),
        ([{"clip_id": "z", "clue": 3}], "row 1: clip z is in no prediction that is judged"),
        ([{"clip_id": "a", "clue": 11}], "clue is '11'; give a number from 1 to 10"),
        ([{"clip_id": "a", "label": True}], "label is 'True'"),
        ([{"clip_id": "a", "label": float("nan")}], "NaN is no number"),
        ([{"clip_id": "a"}], "clue and label are missing"),
        ([{"clip_id": "a", "clues": 3}], "has the key 'clues'; known are clip_id, clue, label, preferred, rater"),
        ([{"clip_id": 3, "clue": 3}], "clip_id must be a string"),
        ([{"clip_id": "a", "clue": 3, "rater": 7}], "rater must be at most"),
    ],
)
def test_wrong_scores_of_people_are_refused_in_a_line(tmp_path, rows, says):
    with pytest.raises(UserError, match=says) as caught:
        read_scores(write(tmp_path / "h.jsonl", *rows), CLIPS)
    assert "\n" not in str(caught.value)


def test_a_preference_for_nobody_known_is_refused(tmp_path):
    with pytest.raises(UserError, match="preferred is 'three'; choose one, two or tie"):
        read_preferences(write(tmp_path / "p.jsonl", {"clip_id": "a", "preferred": "three"}), CLIPS, ["one", "two"])
