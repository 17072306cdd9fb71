"""Open-vocabulary scores against sums by hand, and what wrong files are told."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from deemo_jax.core.errors import UserError
from deemo_jax.evaluation.evaluate_words import WordsRequest, evaluate_words, list_scores
from deemo_jax.evaluation.reading.wheel import read_wheel
from deemo_jax.evaluation.scores.word_scores import wheel_scores
from deemo_jax.evaluation.word_rows import WordRow, read_word_rows
from tests import commands

# A small wheel of this project's own making.
PARENTS = {
    **{"joy": None, "cheerful": "joy", "happy": "cheerful", "proud": "joy"},
    **{"anger": None, "irritated": "anger", "furious": "irritated"},
    **{"sadness": None, "gloomy": "sadness", "surprise": None},
}
SENTIMENT = {"joy": "positive", "anger": "negative", "sadness": "negative"}
ROWS = [
    # Predicted joy and anger, of which joy is true: precision 1/2, recall 1.
    {"clip_id": "a", "emotion_words": ["Happy", "furious", "cheerful"], "emotion_words_true": ["proud"]},
    # Predicted sadness by a synonym, "zesty" is unknown; true are sadness and anger: precision 1, recall 1/2.
    {"clip_id": "b", "emotion_words": ["blue", "zesty"], "emotion_words_true": ["gloomy", "irritated"]},
    # Nothing predicted: 0 and 0.
    {"clip_id": "c", "emotion_words": [], "emotion_words_true": ["surprise"]},
    # No true word is known: left out.
    {"clip_id": "d", "emotion_words": ["happy"], "emotion_words_true": ["wistful"]},
]


@pytest.fixture
def files(tmp_path: Path) -> Path:
    (tmp_path / "wheel.json").write_text(json.dumps({"parents": PARENTS, "sentiment": SENTIMENT}))
    (tmp_path / "synonyms.json").write_text(json.dumps({"gloomy": ["blue"]}))
    (tmp_path / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in ROWS))
    return tmp_path


def request(files: Path, **changes: Any) -> WordsRequest:
    given = {"predictions": files / "rows.jsonl", "wheels": (files / "wheel.json",), "out": files / "out"}
    return WordsRequest(**(given | {"synonyms": files / "synonyms.json"} | changes))


def test_scores_are_those_of_sums_by_hand(files: Path) -> None:
    said = evaluate_words(request(files))
    found = json.loads((files / "out" / "open_vocabulary.json").read_text())["sets"]["all"]["wheel"]
    scores = found["scores"]
    assert (scores["n"], scores["skipped"]) == (3, 1)
    assert scores["precision"] == pytest.approx((1 / 2 + 1 + 0) / 3) == pytest.approx(scores["recall"])
    assert scores["f"] == pytest.approx(1 / 2) and scores["hit_rate"] == pytest.approx(2 / 3)
    assert found["unknown_predicted"] == pytest.approx(1 / 6) and found["unknown_true"] == pytest.approx(1 / 5)
    assert found["length_predicted"] == pytest.approx(6 / 4) and found["length_true"] == pytest.approx(5 / 4)
    # Sentiment: a is positive and read so (two words of three), b is negative and read so; c and d have no true one.
    assert (found["sentiment"]["n"], found["sentiment"]["accuracy"], found["sentiment"]["unparsed"]) == (2, 1.0, 0)
    assert "50.0 [" in said and "weighted accuracy" in said
    without = evaluate_words(request(files, synonyms=None, out=None))
    assert "33.3" in without  # "blue" is unknown, too: 2 of 6 words


def test_f_is_the_harmonic_mean_of_averages_and_not_the_average_of_harmonic_means() -> None:
    predicted = np.array([[1, 0, 0, 0], [1, 1, 1, 1]], np.bool_)
    true = np.array([[1, 1, 1, 1], [1, 0, 0, 0]], np.bool_)
    scores = wheel_scores(predicted, true)
    assert scores is not None and scores.precision == scores.recall == scores.f.value == (1 + 1 / 4) / 2  # not 2/5


def test_who_names_everything_is_told_by_the_shuffled_score() -> None:
    true = np.eye(4, dtype=np.bool_)[np.arange(200) % 4]
    everything, right = wheel_scores(np.ones_like(true), true), wheel_scores(true, true)
    assert everything is not None and right is not None
    assert (
        everything.hit_rate == everything.hit_rate_shuffled == 1 and everything.f.value == everything.f_shuffled == 0.4
    )
    assert right.f.value == 1 and right.f_shuffled == pytest.approx(1 / 4, abs=0.01)


def test_intervals_are_over_persons_where_all_are_known(files: Path) -> None:
    # Who is right about a person is right about all of their clips, so clips of one person say little more than one.
    clips = [
        {"clip_id": f"{person}-{clip}", "emotion_words": ["happy" if person % 2 else "furious"]}
        | {"emotion_words_true": ["proud"], "person_id": f"p{person}"}
        for person in range(10)
        for clip in range(20)
    ]
    widths, said = {}, {}
    for known, rows in {
        "persons": clips,
        "clips": [clips[0] | {"person_id": None}, *clips[1:]],
        "few": [row for row in clips if row["person_id"] != "p9"],
    }.items():
        (files / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
        said[known] = evaluate_words(request(files, out=files / known))
        found = json.loads((files / known / "open_vocabulary.json").read_text())
        scores = found["sets"]["all"]["wheel"]
        bounds = scores["scores"]["interval"], scores["sentiment"]["intervals"]["accuracy"]
        widths[known] = [high - low for low, high in bounds] if all(bounds) else bounds
        assert found["persons"] == {"persons": 10, "clips": None, "few": 9}[known]
    assert all(wide > 3 * narrow for wide, narrow in zip(widths["persons"], widths["clips"], strict=True))
    assert widths["few"] == (None, None)
    assert "Intervals are over 10 persons" in said["persons"] and "not every row has a person_id" in said["clips"]
    assert "No intervals: the clips show 9 persons" in said["few"]


def test_no_known_word_is_no_score(files: Path) -> None:
    wheel = read_wheel(files / "wheel.json")
    found = list_scores([WordRow("a", ("happy",), ("wistful",))], wheel, {})
    assert found.scores is None and found.sentiment is None and found.unknown_true == 1
    (files / "rows.jsonl").write_text(json.dumps(ROWS[3]))
    assert "wheel" in evaluate_words(request(files))


def test_the_mean_over_wheels_stands_below_them(files: Path) -> None:
    (files / "other.json").write_text(json.dumps({"parents": {"joy": None, "proud": None, "happy": "joy"}}))
    evaluate_words(request(files, wheels=(files / "wheel.json", files / "other.json"), synonyms=None))
    found = json.loads((files / "out" / "open_vocabulary.json").read_text())
    values = [of_wheel["scores"]["f"] for of_wheel in found["sets"]["all"].values()]
    assert len(values) == 2 and found["f"]["all"] == pytest.approx(sum(values) / 2)
    with pytest.raises(UserError, match="is there; --overwrite"):
        evaluate_words(request(files))
    evaluate_words(request(files, overwrite=True))


@pytest.mark.parametrize(
    ("wheel", "says"),
    [
        ({}, "must be {"),
        ({"parents": {}}, "1 to 20000 words"),
        ({"parents": {"a": 3}}, "'3' in parents is no word"),
        ({"parents": {"a": "b", "b": "c", "c": "a"}}, "lead in a circle, through 'a'"),
        ({"parents": {"a": "a"}}, "lead in a circle"),
        ({"parents": {"joy": None, "Joy": None}}, "'Joy' comes twice"),
        ({"parents": {"a": "b"}}, "'b', above 'a', is no word of the wheel"),
        ({"parents": {"a": None, "b": "a"}, "sentiment": {"b": "positive"}}, "'b', which is no word at a root"),
        ({"parents": {"a": None}, "sentiment": {"a": "good"}}, "choose negative or positive"),
        ({"parents": {f"{k}": None for k in range(201)}}, "201 words at roots"),
    ],
)
def test_wrong_wheels_are_refused_in_a_line(files: Path, wheel: Any, says: str) -> None:
    (files / "wheel.json").write_text(json.dumps(wheel))
    with pytest.raises(UserError) as caught:
        evaluate_words(request(files))
    assert says in str(caught.value) and "\n" not in str(caught.value) and not (files / "out").exists()


def test_a_word_twice_in_one_spelling_is_refused(files: Path) -> None:
    (files / "wheel.json").write_text('{"parents": {"joy": null, "joy": null}}')
    with pytest.raises(UserError, match="joy"):
        read_wheel(files / "wheel.json")


@pytest.mark.parametrize(
    ("rows", "says"),
    [
        ([], "no rows"),
        ([ROWS[0], ROWS[0]], "row 2: clip a occurs twice"),
        ([ROWS[0], ROWS[1] | {"modalities": "audio"}], "lack 1 of 2 clips"),
        ([{"clip_id": "a", "emotion_words": "happy", "emotion_words_true": []}], "emotion_words must be a list"),
        ([{"clip_id": "a", "emotion_word": [], "emotion_words_true": []}], "is 'emotion_word' meant to be it?"),
        ([{"clip_id": "a", "emotion_words": [1], "emotion_words_true": []}], "emotion_words must be a list"),
    ],
)
def test_wrong_rows_are_refused_in_a_line(files: Path, rows: list[Any], says: str) -> None:
    (files / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    with pytest.raises(UserError) as caught:
        read_word_rows(files / "rows.jsonl")
    assert says in str(caught.value)


def test_the_command_prints_and_writes_them(files: Path) -> None:
    flags = ["--predictions", files / "rows.jsonl", "--wheel", files / "wheel.json", "--out", files / "out"]
    done = commands.run("evaluate", *flags, "--synonyms", files / "synonyms.json")
    assert done.returncode == 0, done.stderr
    assert "50.0 [" in done.stdout and (files / "out" / "open_vocabulary.md").read_text().startswith(
        "# Open-vocabulary"
    )
    done = commands.run("evaluate", "--wheel", files / "wheel.json", "--workdir", files)
    assert done.returncode == 2 and "--wheel goes with --predictions" in done.stderr
