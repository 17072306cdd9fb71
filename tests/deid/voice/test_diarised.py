"""Who speaks when, by a transcript: its forms, overlaps and gaps, hostile ones, and a clip that is made by it."""

import json
from pathlib import Path

import numpy as np
import pytest

from deemo_jax.core.errors import UserError
from deemo_jax.deid.clip import deidentify_clip
from deemo_jax.deid.folder.all_clips import deidentify_all
from deemo_jax.deid.folder.one_source import Options
from deemo_jax.deid.manifest import load_manifest
from deemo_jax.deid.settings import Settings
from deemo_jax.deid.voice.diarised import diarised_of, read_diarised
from deemo_jax.deid.voice.source_voice import listen

RTTM = """\
SPEAKER talk 1 0.50 1.00 <NA> <NA> Jane <NA> <NA>
SPEAKER talk 1 1.20 1.30 <NA> <NA> Joe <NA> <NA>
SPEAKER talk 1 4.00 1.00 <NA> <NA> Jane <NA> <NA>
"""
ROWS = [(0.5, 1.5, "Jane"), (1.2, 2.5, "Joe"), (4.0, 5.0, "Jane")]
WEBVTT = """\
WEBVTT

00:00:00.500 --> 00:00:01.500
<v.loud Jane>Well

00:00:01.200 --> 00:00:02.500
<v Joe>yes</v>

00:00:02.600 --> 00:00:03.000
(laughter)

00:00:04.000 --> 00:00:05.000
<v Jane>no</v>
"""
SEGMENTS = [{"start": a, "end": b, "text": "", "speaker": who} for a, b, who in ROWS]
WORDS = [
    {"start": 0.5, "end": 2.5, "text": "", "speaker": "Jane", "words": [
        {"word": "well", "start": 0.5, "end": 1.5, "speaker": "Jane"},
        {"word": "9"},
        {"word": "yes", "start": 1.2, "end": 2.5, "speaker": "Joe"}]},
    {"start": 2.6, "end": 3.0, "text": "mm"},
    SEGMENTS[2],
]  # fmt: skip
FORMS = {
    "a.rttm": RTTM,
    "a.vtt": WEBVTT,
    "a.json": json.dumps({"segments": SEGMENTS, "language": "en"}),
    "words.json": json.dumps({"segments": WORDS}),
    "a.jsonl": "".join(json.dumps({"start_s": a, "end_s": b, "speaker": who}) + "\n" for a, b, who in ROWS),
    "a.csv": "start_s,end_s,speaker\n" + "".join(f"{a},{b},{who}\n" for a, b, who in ROWS),
}


def written(folder, name, text):
    (folder / name).write_text(text)
    return folder / name


@pytest.mark.parametrize("name", FORMS)
def test_every_form_says_the_same(tmp_path, name):
    found = read_diarised(written(tmp_path, name, FORMS[name]))
    np.testing.assert_allclose(found.starts, [0.5, 1.2, 4.0])
    np.testing.assert_allclose(found.ends, [1.5, 2.5, 5.0])
    assert found.who.tolist() == [0, 1, 0] and len(found.sha256) == 64
    assert "Jane" not in repr(found)


def test_overlaps_and_gaps(tmp_path):
    found = read_diarised(written(tmp_path, "a.rttm", RTTM))
    turn = found.turn(6 * 16_000, 0.0)
    assert len(turn) == 601 and set(turn.tolist()) == {0, 1}
    changes = np.flatnonzero(np.diff(turn)) + 1
    # Who began first keeps the word till 1.5 s; the pause from 2.5 to 4 s is shared in its middle.
    np.testing.assert_allclose(changes, [150, 325], atol=1)
    assert turn[0] == 0 and turn[200] == 1 and turn[-1] == 0
    np.testing.assert_array_equal(found.turn(16_000, 1.0), turn[100:201])
    assert set(found.turn(8_000, 2.9).tolist()) == {1} and set(found.turn(8_000, 90.0).tolist()) == {0}


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("a.rttm", "SPEAKER talk 1 0.5\n", "line 1"),
        ("a.rttm", RTTM + RTTM.replace("talk", "other"), "2 recordings"),
        ("a.rttm", "SPEAKER talk 1 nan 1.0 <NA> <NA> A\n", "no span"),
        ("a.rttm", "SPEAKER talk 1 5 -2 <NA> <NA> A\n", "no span"),
        ("a.rttm", "SPEAKER talk 1 5 1e99 <NA> <NA> A\n", "no span"),
        ("a.json", "[" * 100_000, "no diarised transcript"),
        ("a.json", '{"segments": [3]}', "no list"),
        ("a.json", json.dumps([{"start": 0, "end": 1, "speaker": {"a": 1}}]), "text of at most"),
        ("a.json", json.dumps([{"start": 0, "end": 1, "speaker": "x" * 201}]), "text of at most"),
        ("a.json", json.dumps([{"start": True, "end": 1, "speaker": "x"}]), "no span"),
        ("a.json", json.dumps([{"start": 0, "end": 1}]), "says 0 times"),
        ("a.json", json.dumps([{"start": i, "end": i + 1, "speaker": str(i)} for i in range(40)]), "40 speakers"),
        ("a.vtt", "WEBVTT\n\nno times", "no line like"),
        ("a.srt", "1\n00:00:00,000 --> 00:00:01,000\nhello\n", "neither"),
    ],
)
def test_what_cannot_be_used_is_one_line(tmp_path, name, text, said):
    with pytest.raises(UserError, match=said) as found:
        read_diarised(written(tmp_path, name, text))
    assert "\n" not in str(found.value)


def test_a_folder_has_one_for_each_recording(tmp_path):
    sources = [Path("x/talk.mp4"), Path("x/more.mp4")]
    path = written(tmp_path, "talk.rttm", RTTM)
    with pytest.raises(UserError, match=r"no transcript of more\.mp4; add more\.rttm"):
        diarised_of(tmp_path, sources)
    with pytest.raises(UserError, match="of one recording, but 2"):
        diarised_of(path, sources)
    written(tmp_path, "more.jsonl", FORMS["a.jsonl"])
    assert set(diarised_of(tmp_path, sources)) == set(sources)
    assert set(diarised_of(path, [sources[0], sources[0]])) == {sources[0]}


@pytest.mark.slow
def test_each_person_gets_a_voice_and_no_name_is_on_record(raw, tmp_path, key):
    """Both halves are changed as if each were the clip of that person alone; another transcript makes it again."""
    said = read_diarised(written(tmp_path, "t.csv", "start_s,end_s,speaker\n0,0.5,Jane\n0.5,9,Joe\n"))
    settings, out = Settings(smallest_face=0.3), tmp_path / "out"

    def made(**options):
        return deidentify_all([raw.path], out, settings, key, clip_ids="stem", options=Options(**options))[0].status

    assert made(turns={raw.path: said}) == "done" and made(turns={raw.path: said}) == "kept"
    manifest = load_manifest(out / "speaker.manifest.json")
    assert manifest.voice["people"] == 2 and manifest.voice["turns_sha256"] == said.sha256
    assert "2 people speak" in manifest.notes[0] and "Jane" not in json.dumps(manifest.to_json())
    assert made() == "done" and "people" not in load_manifest(out / "speaker.manifest.json").voice
    assert made(turns={raw.path: said}) == "done"
    _, heard = listen(raw.path, settings, 0.5, 60.0, said)
    assert set(heard.turn.tolist()) == {1}
    span = deidentify_clip(raw.path, tmp_path / "span", "s", settings, key, said=said, span=(0.6, 0.9), recording="r")
    assert span.voice["people"] == 1
