import json

import pytest

from deemo_jax.core.errors import UserError
from deemo_jax.data.build.annotations import read_annotations
from deemo_jax.deid.text.redact_file import redact_words, warnings
from deemo_jax.deid.text.transcripts import Summary
from tests.deid.text.test_captions import ROW

SRT = "1\n00:00:01,000 --> 00:00:02,000\nI met Jane Example.\n"


def test_annotations_become_json_lines_and_no_transcript(tmp_path):
    source, clean = tmp_path / "rows.json", tmp_path / "b.jsonl"
    source.write_text(json.dumps(ROW | {"transcript": "I am glad."}) + "\n")
    with pytest.raises(UserError, match="annotations are written as JSON lines"):
        redact_words(source, tmp_path / "b.srt", key=tmp_path / "key")
    assert "1 rows; no names" in redact_words(source, clean, key=tmp_path / "key").told
    assert read_annotations(clean)["c1"].text_deid


def test_a_transcript_becomes_what_the_ending_says(tmp_path):
    (tmp_path / "a.srt").write_text(SRT)
    for name in ("b.srt", "b.txt"):
        assert redact_words(tmp_path / "a.srt", tmp_path / name).told == f"{tmp_path / name}: 1 NAME"
        assert "I met [NAME]." in (tmp_path / name).read_text()


def test_what_was_not_done_is_told():
    said = warnings(Summary(3, {}, {"it is in another script": 1}, 2, ("words",)))
    assert [line.split(":")[0].split(" rows")[0] for line in said] == [
        "left out, since they may hold what was removed", "1 of 3", "2 of 3 transcripts have no capitals",
    ]  # fmt: skip
