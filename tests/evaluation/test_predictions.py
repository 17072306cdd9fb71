"""Files of predictions: what is read, and what is refused with a line that says why."""

import json

import pytest

from deemo_jax.core.errors import UserError
from deemo_jax.core.schema import RAW_TRANSCRIPT, Labels, Modality, set_name
from deemo_jax.deid.text.redact_file import redact_words
from deemo_jax.evaluation import predictions
from deemo_jax.evaluation.modality_sets import fullest, parse_sets
from deemo_jax.evaluation.predictions import by_set, indices, persons, read_predictions, with_truth
from deemo_jax.evaluation.truth import read_truth


def write(path, rows):
    path.write_text("".join((row if isinstance(row, str) else json.dumps(row)) + "\n" for row in rows))
    return path


def row(clip="a", **more):
    return {"clip_id": clip, "emotion_predicted": "positive", "emotion_true": "negative", **more}


def test_reads_the_smallest_row(tmp_path):
    (found,) = read_predictions(write(tmp_path / "p.jsonl", [row()]))
    assert found.modalities == "all"
    assert (found.emotion_predicted, found.emotion_true) == ("positive", "negative")
    assert found.reasoning == ""


def test_reads_emotion_and_reasoning_out_of_an_answer(tmp_path):
    rows = [
        {"clip_id": "a", "answer": "The emotion is negative. The words are sad.", "emotion_true": "negative"},
        {"clip_id": "b", "answer": "I cannot tell.", "emotion_true": "negative"},
    ]
    stated, silent = read_predictions(write(tmp_path / "p.jsonl", rows))
    assert (stated.emotion_predicted, stated.reasoning) == ("negative", "The words are sad.")
    assert (silent.emotion_predicted, silent.reasoning) == (None, "I cannot tell.")


def test_rows_round_trip(tmp_path):
    (found,) = read_predictions(write(tmp_path / "p.jsonl", [row(answer="x", reasoning="y", modalities="video,audio")]))
    (again,) = read_predictions(write(tmp_path / "q.jsonl", [found.to_json()]))
    assert again == found
    assert found.modalities == "audio,video"


def test_odds_and_temperature_are_kept(tmp_path):
    odds = {"negative": -1.25, "positive": -3.5}
    (found,) = read_predictions(write(tmp_path / "p.jsonl", [row(log_likelihoods=odds, temperature=2.5)]))
    assert found.log_likelihoods == odds and found.temperature == 2.5
    (again,) = read_predictions(write(tmp_path / "q.jsonl", [found.to_json()]))
    assert again == found


def test_the_fullest_set():
    assert fullest(["audio", "all", "audio,video"]) == "all" and fullest(["audio", "video"]) == "audio"


def test_truth_overrules_the_file_and_brings_the_reference(tmp_path):
    truth = read_truth(write(tmp_path / "t.jsonl", [{"clip_id": "a", "emotion": "positive", "reasoning": "why"}]))
    (found,) = read_predictions(write(tmp_path / "p.jsonl", [row()]), truth)
    assert (found.emotion_true, found.reference) == ("positive", "why")


def test_persons_come_from_the_truth_else_from_the_rows(tmp_path):
    stated = [{"clip_id": "a", "emotion": "positive", "person_id": "p2"}, {"clip_id": "b", "emotion": "positive"}]
    truth = read_truth(write(tmp_path / "t.jsonl", stated))
    path = write(tmp_path / "p.jsonl", [row(person_id="p1"), row("b", person_id="p1")])
    rows = list(read_predictions(path))
    assert [found.person_id for found in rows] == ["p1", "p1"]
    for found in (list(read_predictions(path, truth)), with_truth(rows, truth)):
        assert [one.person_id for one in found] == ["p2", "p1"]
        assert persons(found).tolist() == [1, 0]
    unknown = next(read_predictions(write(tmp_path / "q.jsonl", [row("b", person_id="")])))
    assert unknown.person_id is None and persons([rows[0], unknown]) is None


@pytest.mark.parametrize(
    ("bad", "says"),
    [
        ({"emotion_predicted": "positive", "emotion_true": "positive"}, "clip_id"),
        (row(clip=""), "clip_id"),
        (row(clip="a\x1b[31m"), "printable"),
        (row(clip=7), "clip_id"),
        (row(emotion_predicted="happy"), "'happy'; choose negative or positive"),
        (row(emotion_predicted=["positive"]), "choose negative or positive"),
        (row(emotion_true=None), "emotion_true is missing"),
        ({"clip_id": "a", "emotion_true": "positive"}, "emotion_predicted (negative, positive or null) or answer"),
        (row(modalities="smell"), "smell"),
        (row(answer="x" * 200_000), "answer must be a string"),
        (row(reasoning=3), "reasoning must be a string"),
        (row(log_likelihoods={"negative": 1}), "log_likelihoods must have a finite number for negative and positive"),
        (row(log_likelihoods={"negative": 1, "positive": "2"}), "log_likelihoods must have a finite number"),
        (row(log_likelihoods={"negative": 1, "positive": float("nan")}), "NaN is no number"),
        (row(log_likelihoods={"negative": 1, "positive": 10**400}), "log_likelihoods must have a finite number"),
        (row(log_likelihoods={"negative": 1, "positive": 10**200}), "log_likelihoods must have a finite number"),
        (row(log_likelihoods=[1, 2]), "log_likelihoods must have a finite number"),
        (row(log_likelihoods={"negative": 1e308, "positive": -1e308}), "at most 1e+09 from 0"),
        (row(temperature=0), "temperature is '0'; give a number from 1e-06 to 1e+06"),
        (row(temperature=5e-324), "temperature is '5e-324'"),
        (row(transcript_provenance=7), "transcript_provenance must be at most 1000 printable characters, or null"),
        (row(person_id=7), "person_id must be at most 200 printable characters, or null"),
        (row(person_id="p\n"), "person_id must be at most 200 printable characters"),
        (row(temperature=True), "temperature is 'True'"),
        (row(clip="x" * 201), "clip_id must be a string of 1 to 200 printable characters"),
        (row(modalities="x" * 5000), "modalities 'xxx"),
        ("[1, 2]", "not a JSON object; write one JSON object a line, in UTF-8"),
        ("{", "not valid JSON"),
        ('{"clip_id":' * 50_000, "not valid JSON (nested too deeply)"),
        (f'{{"clip_id": {"9" * 5000}}}', "not valid JSON (a number has too many digits)"),
    ],
)
def test_bad_rows_are_named(tmp_path, bad, says):
    path = write(tmp_path / "p.jsonl", [row("ok"), bad])
    with pytest.raises(UserError) as caught:
        list(read_predictions(path))
    assert says in str(caught.value) and len(str(caught.value)) < 500
    assert "2" in str(caught.value)


def test_empty_missing_and_too_many(tmp_path, monkeypatch):
    with pytest.raises(UserError, match="no rows"):
        list(read_predictions(write(tmp_path / "p.jsonl", [])))
    with pytest.raises(UserError, match="cannot be read"):
        list(read_predictions(tmp_path / "absent.jsonl"))
    monkeypatch.setattr(predictions, "MAX_ROWS", 1)
    with pytest.raises(UserError, match="more than 1 rows"):
        list(read_predictions(write(tmp_path / "q.jsonl", [row("a"), row("b")])))


def test_truth_must_know_the_clip(tmp_path):
    truth = read_truth(write(tmp_path / "t.jsonl", [{"clip_id": "b", "emotion": "positive"}]))
    with pytest.raises(UserError, match="clip a is not in the truth"):
        list(read_predictions(write(tmp_path / "p.jsonl", [row()]), truth))


@pytest.mark.parametrize("rows", [[{"clip_id": "b"}], [{"clip_id": "b", "emotion": "glum"}], []])
def test_bad_truth(tmp_path, rows):
    with pytest.raises(UserError):
        read_truth(write(tmp_path / "t.jsonl", rows))


def test_truth_with_a_clip_twice(tmp_path):
    with pytest.raises(UserError, match="occurs twice"):
        read_truth(write(tmp_path / "t.jsonl", [{"clip_id": "b", "emotion": "positive"}] * 2))


def test_sets_are_paired_by_clip(tmp_path):
    rows = [row("b"), row("a"), row("a", modalities="audio"), row("b", modalities="audio")]
    sets = by_set(read_predictions(write(tmp_path / "p.jsonl", rows)))
    assert {name: [r.clip_id for r in of_set] for name, of_set in sets.items()} == {
        "all": ["a", "b"],
        "audio": ["a", "b"],
    }


@pytest.mark.parametrize(
    ("rows", "says"),
    [
        ([row(), row()], "clip a occurs twice"),
        ([row(person_id="p"), row(modalities="audio", person_id="q")], "clip a is of both person p and q"),
        ([row(), row("b"), row(modalities="audio")], "1 of 2 clips lack a prediction"),
        ([row(), row(modalities="audio", emotion_true="positive")], "labelled both"),
    ],
)
def test_sets_that_do_not_pair_are_refused(tmp_path, rows, says):
    with pytest.raises(UserError, match=says):
        by_set(read_predictions(write(tmp_path / "p.jsonl", rows)))


def test_set_names_and_parsing():
    assert set_name(Modality) == "all"
    assert [set_name(s) for s in parse_sets("all; video,audio;audio,video;nfbl")] == ["all", "audio,video", "nfbl"]
    for bad in ("", ";", "smell", "video;smell"):
        with pytest.raises(UserError):
            parse_sets(bad)


def test_predictions_of_other_labels(tmp_path):
    labels = Labels(("neutral", "angry", "happy"))
    rows = [
        {"clip_id": "a", "answer": "The emotion is happy. So.", "emotion_true": "angry"},
        {
            "clip_id": "b",
            "emotion_predicted": None,
            "emotion_true": "neutral",
            "log_likelihoods": dict.fromkeys("ab", 0),
        },
    ]
    path = write(tmp_path / "p.jsonl", rows)
    with pytest.raises(UserError, match=r"'angry'; choose negative or positive, or null; .*--labels"):
        list(read_predictions(path))
    with pytest.raises(UserError, match="a finite number for neutral and angry and happy each"):
        list(read_predictions(path, labels=labels))
    found = next(read_predictions(path, labels=labels))
    assert (found.emotion_predicted, found.emotion_true, found.reasoning) == ("happy", "angry", "So.")
    rows = [{"clip_id": "a", "emotion": "happy", "reasoning": "why"}]
    assert read_truth(write(tmp_path / "t.jsonl", rows), labels).of("a") == ("happy", "why")
    assert indices(["happy", None, "neutral"], labels).tolist() == [2, 3, 0]


def test_texts_are_raw_unless_rows_and_truth_say_how_names_were_taken_out(tmp_path):
    clips = ["redacted", "raw", "unknown"]
    said = dict(zip(clips, ["rules 4, 3 replaced", RAW_TRANSCRIPT, None], strict=True))
    path = write(tmp_path / "p.jsonl", [row(clip, transcript_provenance=said[clip]) for clip in clips])
    rows = list(read_predictions(path))
    assert [found.transcript_provenance for found in rows] == list(said.values())
    assert [found.raw_text for found in rows] == [False, True, True]
    # A reference of a truth file is raw unless redact has stamped it; without one, the rows' own word stands.
    line = {"emotion": "negative", "transcript": "Jane said so.", "nfbl": [], "video_id": "v", "start_s": 0, "end_s": 1}
    plain = write(tmp_path / "t.jsonl", [{"clip_id": clip, "reasoning": "Why.", **line} for clip in clips])
    assert [found.raw_text for found in with_truth(rows, read_truth(plain))] == [True, True, True]
    redact_words(plain, tmp_path / "r.jsonl")
    for truth in (tmp_path / "r.jsonl", write(tmp_path / "n.jsonl", [{"clip_id": clip, **line} for clip in clips])):
        assert [found.raw_text for found in read_predictions(path, read_truth(truth))] == [False, True, True]
    changed = (tmp_path / "r.jsonl").read_text().replace("Why.", "Because of Jane.")
    (tmp_path / "r.jsonl").write_text(changed)
    assert all(found.raw_text for found in read_predictions(path, read_truth(tmp_path / "r.jsonl")))
