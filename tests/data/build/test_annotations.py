"""Annotation rows: what is said of a wrong one."""

import json
from pathlib import Path
from typing import Any

import pytest

from deemo_jax.core.errors import UserError
from deemo_jax.core.schema import NFBLSegment
from deemo_jax.data.build.annotations import read_annotations, read_rows, unused_keys
from deemo_jax.deid.text.english_rules import Rules
from deemo_jax.deid.text.fuzzy_names import Names
from deemo_jax.deid.text.transcripts import redact_file

ROW: dict[str, Any] = {
    "clip_id": "c1",
    "video_id": "v1",
    "start_s": 3.0,
    "end_s": 5.5,
    "transcript": "",
    "emotion": "positive",
    "reasoning": "A smile.",
}


def write(path: Path, *rows: dict[str, Any]) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def refusal(tmp_path: Path, *rows: dict[str, Any]) -> str:
    with pytest.raises(UserError) as refused:
        read_annotations(write(tmp_path / "a.jsonl", *rows))
    return str(refused.value)


def test_all_that_is_wrong_with_a_row_is_said_at_once(tmp_path: Path) -> None:
    row = {"clip_id": "c1", "emotoin": "sad", "end_s": "4", "video_id": "", "transcript": None}
    said = refusal(tmp_path, ROW | {"clip_id": "c0"}, row)
    for part in (
        "a.jsonl: row 2: ",
        "start_s is missing;",
        "end_s must be a finite number of seconds",
        "video_id must not be empty",
        "transcript must be a string",
        "emotion is missing (is 'emotoin' meant to be it?)",
        "reasoning is missing",
    ):
        assert part in said
    assert "\n" not in said and "clip_id" not in said and "person_id" not in said and "nfbl" not in said


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"emotion": "sad"}, "emotion is 'sad'; choose negative or positive"),
        ({"emotion": ["positive"]}, "choose negative or positive"),
        ({"end_s": 2.5}, "end_s, 2.5, is before start_s, 3"),
        ({"start_s": float("nan")}, "start_s must be a finite number"),
        ({"start_s": True}, "start_s must be a finite number"),
        ({"person_id": 7}, "person_id must be a string"),
        ({"reasoning": "x" * 100_001}, "at most 100,000 characters"),
        ({"reasoning": "glad \ud83d"}, "reasoning holds half a character (a lone surrogate)"),
        ({"nfbl": ["\udc00"]}, "entry 1: holds half a character"),
        ({"nfbl": "nod"}, 'nfbl must be a list of {"start_s": 0.5, "end_s": 1.2, "label": "folding arms"}'),
        ({"nfbl": ["nod", 7]}, "or of labels, which span the clip; entry 2 is '7'"),
        ({"nfbl": [{"label": "nod"}]}, "must be a list of {"),
        ({"nfbl": [{"start_s": 1, "end_s": 0.5, "label": "nod"}]}, "nfbl entry 1: NFBL segment 'nod' [1.0, 0.5]"),
        ({"nfbl": [{"start_s": "1", "end_s": 2, "label": "nod"}]}, "nfbl entry 1: must be a finite number"),
        ({"nfbl": [""]}, "needs a label"),
    ],
)
def test_a_wrong_value_is_named_with_the_form_that_is_wanted(tmp_path: Path, change: dict[str, Any], says: str) -> None:
    assert f"row 1: {next(iter(change))}" in refusal(tmp_path, ROW | change)
    assert says in refusal(tmp_path, ROW | change)


def test_a_label_is_not_blamed_for_the_times_of_the_clip(tmp_path: Path) -> None:
    row = {key: value for key, value in ROW.items() if key != "end_s"} | {"nfbl": ["nod"]}
    assert refusal(tmp_path, row).endswith("row 1: end_s is missing")


def test_a_file_need_not_be_called_in_utf_8(tmp_path: Path) -> None:
    row = {key: value for key, value in ROW.items() if key != "clip_id"} | {"file": "caf\udce9.mp4"}
    (tmp_path / "rows.jsonl").write_text(json.dumps(row))
    assert [each.named for each in read_rows(tmp_path / "rows.jsonl")] == ["caf\udce9.mp4"]
    assert "clip_id holds half a character" in refusal(tmp_path, ROW | {"clip_id": "c\ud800"})


def test_a_clip_that_comes_twice_is_named_with_both_rows(tmp_path: Path) -> None:
    said = refusal(tmp_path, ROW, ROW | {"clip_id": "c2"}, ROW)
    assert "row 3: clip 'c1' comes twice, first in row 1" in said


def test_a_key_that_comes_twice_in_a_row_is_named(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_text(json.dumps(ROW)[:-1] + ', "emotion": "negative"}\n')
    with pytest.raises(UserError, match=r"a\.jsonl:1: not valid JSON \(the key 'emotion' comes twice\)"):
        read_annotations(tmp_path / "a.jsonl")


def test_labels_alone_span_the_clip(tmp_path: Path) -> None:
    rows = write(tmp_path / "a.jsonl", ROW | {"nfbl": ["nod", {"start_s": 1, "end_s": 2, "label": "shrug"}]})
    spans = (NFBLSegment(0.0, 2.5, "nod"), NFBLSegment(1.0, 2.0, "shrug"))
    assert read_annotations(rows)["c1"].nfbl == spans
    assert read_annotations(write(tmp_path / "b.jsonl", ROW | {"nfbl": None, "person_id": None}))["c1"].nfbl == ()
    redact_file(rows, tmp_path / "out.jsonl", Names(["nod"]), Rules())
    assert [segment.label for segment in read_annotations(tmp_path / "out.jsonl")["c1"].nfbl] == ["[NAME]", "shrug"]


def test_a_row_may_name_the_file_of_its_film(tmp_path: Path) -> None:
    rows = [{"file": "films/a_anonymized.mp4"}, {"file": "b.mp4", "clip_id": "second"}]
    rows = [{key: ROW[key] for key in ROW if key != "clip_id"} | row for row in rows]
    assert list(read_annotations(write(tmp_path / "a.jsonl", *rows))) == ["a_anonymized", "second"]
    said = refusal(tmp_path, *rows, ROW | {"clip_id": "a_anonymized"})
    assert "row 3: clip 'a_anonymized' comes twice, first in row 1" in said


def test_keys_that_nothing_reads_are_named_and_left_alone(tmp_path: Path) -> None:
    assert unused_keys(write(tmp_path / "a.jsonl", ROW)) == []
    rows = write(tmp_path / "b.jsonl", ROW | {"persn_id": "p", "faces": []}, ROW | {"clip_id": "c2", "faces": []})
    (note,) = unused_keys(rows)
    assert note.endswith("not used: 'faces' in 2 rows, 'persn_id' in 1 rows (is 'person_id' meant?)")
    assert len(read_annotations(rows)) == 2
