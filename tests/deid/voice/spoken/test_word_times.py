"""Transcripts with the time of every word: their forms, names in them, hostile ones, and those of other recordings."""

import json
from pathlib import Path

import numpy as np
import pytest

from deemo_jax.core.errors import UserError
from deemo_jax.deid.text.fuzzy_names import Names
from deemo_jax.deid.voice.spoken.word_times import read_word_times, words_of
from deemo_jax.deid.voice.spoken.words import HUM, said, words_without_names

TIMED = [(0.5, 0.8, "We"), (0.8, 1.2, "lost"), (1.4, 1.9, "again.")]
ROWS = [{"start": a, "end": b, "word": f" {w}"} for a, b, w in TIMED]
UNTIMED = [ROWS[0], {"word": "lost"}, ROWS[2]]
GRID = '"ooTextFile" "TextGrid" 0 2 <exists> 2 "IntervalTier" "words" 0 2 5 {} "IntervalTier" "phones" 0 2 1 0 2 "w"'
INTERVALS = '0 0.5 "" 0.5 0.8 "We" 0.8 1.2 "lost" 1.2 1.4 "" 1.4 1.9 "again."'
FORMS = {
    "whisper.json": {"text": "We lost again.", "segments": [{"start": 0.5, "end": 1.9, "words": ROWS}]},
    "openai.json": {"segments": [{"start": 0.5, "end": 1.9, "text": "We lost again."}], "words": ROWS},
    "transformers.json": {"chunks": [{"text": w, "timestamp": [a, b]} for a, b, w in TIMED]},
    "list.json": ROWS,
    "a.jsonl": "".join(json.dumps({"start_s": a, "end_s": b, "text": w}) + "\n" for a, b, w in TIMED),
    "a.csv": "start_s;end_s;word\n" + "".join(f"{a};{b};{w}\n".replace(".", ",", 2) for a, b, w in TIMED),
    "a.TextGrid": GRID.format(INTERVALS),
}


def written(folder, name, held):
    (folder / name).write_text(held if isinstance(held, str) else json.dumps(held))
    return folder / name


@pytest.mark.parametrize("name", FORMS)
def test_every_form_says_the_same(tmp_path, name):
    assert read_word_times(written(tmp_path, name, FORMS[name])) == TIMED


def test_words_without_times_share_what_is_between_their_neighbours(tmp_path):
    segments = [{"start": 0.5, "end": 1.9, "words": UNTIMED}, {"words": [{"word": "14"}, {"word": "20"}]}]
    found = read_word_times(written(tmp_path, "a.json", {"segments": segments}))
    assert found[1] == (pytest.approx(1.0), 1.4, "lost")
    assert found[3][:2] == pytest.approx((1.9, 2.3)) and found[4][:2] == pytest.approx((2.3, 2.7))


@pytest.mark.parametrize(
    ("name", "held", "told"),
    [
        ("a.json", "[" * 100_000, "no transcript with word times"),
        ("a.json", "", "no transcript with word times"),
        ("a.json", {"text": "hello"}, "no list"),
        ("a.json", {"segments": [3]}, "no transcript"),
        ("a.json", {"segments": [{"start": 0, "end": 1, "text": "We lost"}]}, r"stretch 1.*--word_timestamps"),
        ("a.json", [{"start": 0, "end": 1, "word": "x" * 10_240}], "word 1 has 10,240 characters"),
        ("a.json", [{"start": 2, "end": 1, "word": "x"}], "word 1: 2 to 1 s is no span"),
        ("a.json", '[{"start": NaN, "end": 1, "word": "x"}]', "NaN is no number"),
        ("a.json", [{"start": 0, "end": 1e9, "word": "x"}], "no span"),
        ("a.json", [{"start": 0, "end": 1, "word": ["x"]}], "word 1 has no text"),
        ("a.json", [{"word": "x"}], "none of its words has times"),
        ("a.csv", "start_s,end_s,word\n0,soon,x\n", "no transcript with word times"),
        ("a.TextGrid", GRID.format(INTERVALS).replace('"words"', '"phones"'), "no tier of words"),
        ("a.TextGrid", GRID, "no transcript with word times"),
    ],
)
def test_what_cannot_be_used_is_one_line(tmp_path, name, held, told):
    with pytest.raises(UserError, match=told) as found:
        read_word_times(written(tmp_path, name, held))
    assert "\n" not in str(found.value) and len(str(found.value)) < 600


def test_a_folder_or_a_list_has_words_for_each_recording(tmp_path, capsys):
    sources = [Path("x/talk.mp4"), Path("x/more.mp4")]
    path = written(tmp_path, "talk.json", ROWS)
    with pytest.raises(UserError, match=r"--words .*no transcript of more\.mp4; add more\.json"):
        words_of(tmp_path, sources, Names())
    written(tmp_path, "more.TextGrid", FORMS["a.TextGrid"].replace("We", "we"))
    assert list(words_of(tmp_path, sources, Names())) == sources
    assert words_of(path, sources[:1], Names())[sources[0]].texts == ("We", "lost", "again")
    assert "capitals" not in capsys.readouterr().err
    rows = [{"about": "a corpus"}, {"clip_id": "talk", "words": ROWS}, {"file": "clips/more.mp4", "words": []}]
    listed = written(tmp_path, "truth.jsonl", "".join(json.dumps(row) + "\n" for row in rows))
    assert [len(words.texts) for words in words_of(listed, sources, Names()).values()] == [3, 0]
    with pytest.raises(UserError, match=r"has no words of other\.mp4"):
        words_of(listed, [Path("other.mp4")], Names())


TEXT = "Yesterday Marvo Tellin met us in Springfield, and [NAME] said that zorva was very happy about it."


def test_names_are_hummed_also_over_several_words():
    texts = TEXT.split()
    timed = [(float(k), k + 0.9, text) for k, text in enumerate(texts)]
    found = words_without_names(timed, Names(["Zorva"]), "talk")
    hummed = {texts[k] for k in np.flatnonzero(found.hidden)}
    assert {"Marvo", "Tellin", "Springfield,", "[NAME]", "zorva"} <= hummed and "happy" not in hummed
    assert all((text == HUM) == hide for text, hide in zip(found.texts, found.hidden, strict=True))
    other = words_without_names(timed, Names(), "talk")
    assert other.sha256 != found.sha256 and not other.hidden[texts.index("zorva")]


def test_what_is_said_of_a_written_word():
    spoken = {"Café,": "Cafe", "don’t": "don't", "3.5%": "3.5%", "1,000.": "1,000", "--": "", "<b>": "b", "слово": ""}
    assert {word: said(word) for word in spoken} == spoken
    assert len(said("x" * 200)) == 40


def test_other_languages_are_refused():
    for text in ("слова " * 30, "und das ist ein ganz anderer Text in einer Sprache die keiner hier lesen kann " * 3):
        timed = [(float(k), k + 0.9, word) for k, word in enumerate(text.split())]
        with pytest.raises(UserError, match=r"talk: .*--voice neutral"):
            words_without_names(timed, Names(), "talk")


def test_words_of_a_span_and_of_a_person():
    words = words_without_names([(3.0, 4.0, "three"), *TIMED, (0.8, 3.5, "over")], Names(), "talk")
    assert words.texts == ("We", "lost", "over", "again", "three")  # in the order in which they begin
    span = words.between(1.0, 2.5)
    assert span.texts == ("lost", "over", "again") and span.starts.min() == 0 and span.ends.max() == 1.5
    turn = np.repeat([1, 0], [160, 241])
    assert words.of_person(turn, 1).texts == ("We", "lost") and words.of_person(turn, 0).texts[-1] == "three"
    words.refuse_beyond(2.1, "talk")
    with pytest.raises(UserError, match=r"1 words .* after its end at 1.5 s; .* another recording"):
        words.refuse_beyond(1.5, "talk")
    assert words.near(np.array([0.0, 0.4, 0.6, 3.9, 4.05, 4.3]), 0.1).tolist() == [False, True, True, True, True, False]


def test_words_in_another_script_are_refused_before_anything_is_made() -> None:
    timed = [(float(at), at + 0.5, word) for at, word in enumerate(("мы", "победили", "3:1"))]
    with pytest.raises(UserError, match=r"2 of 3 words have no Latin letter or digit.*neutral"):
        words_without_names(timed, Names(), "words.json")
