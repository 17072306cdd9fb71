"""Answers in free words, each with the label that a careful reader gives it (answers.jsonl)."""

import json
from pathlib import Path
from typing import Any

import pytest

from deemo_jax.core.schema import DEEMO_LABELS, Clip, Labels
from deemo_jax.data.prompts import Task, answer_text, parse_emotion
from deemo_jax.evaluation.reading.clauses import MAX_WORDS, clauses
from deemo_jax.evaluation.reading.free_answer import read_emotion

ANSWERS: list[dict[str, Any]] = [
    json.loads(line) for line in Path(__file__).with_name("answers.jsonl").read_text(encoding="utf-8").splitlines()
]
THREE = Labels(("happy", "very happy", "Neutral"))


@pytest.mark.parametrize(("half", "count", "right"), [("tune", 132, 129), ("held", 142, 138)])
def test_of_each_half_of_the_answers_so_many_are_read_as_a_person_reads_them(half: str, count: int, right: int) -> None:
    """The figures of docs/evaluate.md. The rules were written with the wrong ones of 'tune' in view only."""
    rows = [row for row in ANSWERS if row["half"] == half]
    read = [
        read_emotion(row["answer"], Labels(tuple(row.get("labels", DEEMO_LABELS))), row.get("synonyms")) for row in rows
    ]
    assert (len(rows), sum(a == row["label"] for a, row in zip(read, rows, strict=True))) == (count, right)


@pytest.mark.parametrize("labels", [DEEMO_LABELS, THREE])
@pytest.mark.parametrize("rest", ["", "The arms are open; a positive, not a negative word. Answer: negative", "{"])
def test_statements_of_training_are_read_as_runs_read_them(labels: Labels, rest: str) -> None:
    for name in labels:
        clip = Clip("c", "v", "", 0.0, 1.0, "", (), name, rest)
        for task in (Task.RECOGNITION, Task.RECOGNITION_REASONING):
            answer = answer_text(clip, task)
            assert read_emotion(answer, labels) == parse_emotion(answer, labels) == name


@pytest.mark.parametrize(
    ("answer", "label"),
    [
        ("He does not smile because he is sad.", "negative"),
        ("No eye contact suggests a negative feeling.", "negative"),
        ("Nothing suggests a negative feeling.", "positive"),
        ("There is no doubt that the emotion is negative.", "negative"),
        ("He cannot hide his anger.", "negative"),
        ("She is not even happy.", "negative"),
        ("He is anything but happy.", "negative"),
        ("She doesn't smile and looks sad.", "negative"),
        ("He isn't happy and proud.", "negative"),
        ("It is less negative than positive.", "positive"),
        ("Sad, angry, tense, furious, yet once amused", "positive"),
        ("Sad, angry, tense, furious, once amused", "negative"),
        ("Sad, angry, amused", None),
        ("L'emozione non è positiva.", "negative"),
        ("De emotie is niet negatief.", "positive"),
        ('{"mood": "sad"', "negative"),
        ('{"emotion": ["negative"]}', None),
    ],
)
def test_denials_reach_as_far_as_a_reader_takes_them(answer: str, label: str | None) -> None:
    assert read_emotion(answer) == label


def test_words_of_emotion_are_known_for_the_labels_of_deemo_only() -> None:
    other = Labels(("positive", "neutral", "negative"))
    assert read_emotion("She is angry.") == "negative" and read_emotion("She is angry.", other) is None
    assert read_emotion("She is angry.", other, {"negative": ["angry"]}) == "negative"
    assert read_emotion("She is not negative.") == "positive" and read_emotion("She is not negative.", other) is None
    assert read_emotion("She is stoked", DEEMO_LABELS, {"positive": ["stoked"]}) == "positive"


LENGTH = 100_000


@pytest.mark.parametrize(
    ("piece", "label"),
    [
        ("positive ", "positive"),
        ("not ", None),
        ("“", None),
        ('"a', None),
        ("{", None),
        ('{"emotion":', None),
        ("<answer>", None),
        ("很", None),
        ("\ud800", None),
        ("between positive and negative ", None),
    ],
)
def test_long_answers_of_any_signs_are_read(piece: str, label: str | None) -> None:
    assert read_emotion(piece * (LENGTH // len(piece))) == label


def test_no_clause_is_long_so_that_time_grows_with_the_length_of_an_answer_only() -> None:
    assert max(len(part.words) for part in clauses("positive " * 1000)) == MAX_WORDS
