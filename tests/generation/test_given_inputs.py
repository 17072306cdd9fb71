"""Words and body language, as a person gives them."""

import json

import pytest

from deemo_jax.core.errors import UserError
from deemo_jax.generation.given_inputs import questions, read_nfbl, read_transcript


def test_a_transcript_is_text_or_a_file(tmp_path):
    path = tmp_path / "said.txt"
    path.write_text("I am\n  glad.\n")
    assert read_transcript(str(path)) == "I am glad."
    assert read_transcript("I read notes.txt") == "I read notes.txt"
    assert read_transcript("word " * 2000).startswith("word word")
    assert read_transcript("") == ""
    with pytest.raises(UserError, match=r"absent\.txt: no such file"):
        read_transcript("absent.txt")
    path.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(UserError, match="not UTF-8"):
        read_transcript(str(path))


def test_nfbl_is_labels_or_a_file(tmp_path):
    assert read_nfbl("hand rub, nod,") == ("hand rub", "nod")
    assert read_nfbl("") == ()
    lines = tmp_path / "labels"
    lines.write_text("hand rub\n\nnod\n")
    assert read_nfbl(str(lines)) == ("hand rub", "nod")
    path = tmp_path / "nfbl.json"
    path.write_text(json.dumps(["nod", "shrug"]))
    assert read_nfbl(str(path)) == ("nod", "shrug")
    segments = [{"start_s": 2.0, "end_s": 3.0, "label": "shrug"}, {"start_s": 0.5, "end_s": 1, "label": "nod"}]
    path.write_text(json.dumps(segments))
    assert read_nfbl(str(path)) == ("nod", "shrug")
    for wrong in ('{"label": "nod"}', "[1]", '[{"label": "nod"}]', "[", '[{"start_s": 1, "label": 3}]', "[null]"):
        path.write_text(wrong)
        with pytest.raises(UserError, match="no NFBL"):
            read_nfbl(str(path))
    with pytest.raises(UserError, match="no such file"):
        read_nfbl("absent.json")
    path.write_text('[{"start_s": 1%s, "label": "nod"}]' % ("0" * 400))
    with pytest.raises(UserError, match="no NFBL"):
        read_nfbl(str(path))


def test_several_clips_are_matched_by_position(tmp_path):
    paths = [tmp_path / "a.mp4", tmp_path / "b.mp4"]
    first, second = questions(paths, ["", "I am glad."], ["nod, shrug", ""])
    assert (first.path, first.transcript, first.nfbl) == (paths[0], "", ("nod", "shrug"))
    assert (second.path, second.transcript, second.nfbl) == (paths[1], "I am glad.", ())
    assert [question.transcript for question in questions(paths, [], [])] == ["", ""]
    with pytest.raises(UserError, match=r"--transcript: given 1 times for 2 clips"):
        questions(paths, ["I am glad."], [])
    with pytest.raises(UserError, match=r"--nfbl: given 3 times"):
        questions(paths, [], ["nod"] * 3)
