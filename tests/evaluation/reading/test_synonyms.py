"""Files of other words for labels."""

import json
from pathlib import Path
from typing import Any

import pytest

from deemo_jax.core.errors import UserError
from deemo_jax.core.schema import DEEMO_LABELS
from deemo_jax.evaluation.evaluate_file import FileRequest, evaluate_file
from deemo_jax.evaluation.reading.synonyms import label_synonyms


@pytest.mark.parametrize(
    ("table", "says"),
    [
        ({}, "must be {"),
        ([], "must be {"),
        ({"glad": ["happy"]}, "'glad' is none of the labels negative or positive"),
        ({"positive": "happy"}, "must have a list"),
        ({"positive": [3]}, "lists '3', which is no word"),
        ({"positive": ["..."]}, "which is no word"),
        ({"positive": ["up"], "negative": ["Up"]}, "'Up' comes twice, for 'positive' and for 'negative'"),
        (
            {"positive": ["negative"], "negative": ["positive"]},
            "is a name itself, so that names would lead in a circle",
        ),
        ({"positive": ["negative"]}, "'negative' stands for 'positive' and is a label itself"),
    ],
)
def test_wrong_files_are_refused_in_a_line(tmp_path: Path, table: Any, says: str) -> None:
    path = tmp_path / "s.json"
    path.write_text(json.dumps(table))
    with pytest.raises(UserError) as caught:
        label_synonyms(path, DEEMO_LABELS)
    assert says in str(caught.value) and "\n" not in str(caught.value)


def test_answers_of_a_file_are_read_with_them(tmp_path: Path) -> None:
    rows = [
        {"clip_id": "a", "answer": "She is stoked!", "emotion_true": "positive"},
        {"clip_id": "b", "answer": "I cannot tell.", "emotion_true": "positive"},
    ]
    (tmp_path / "p.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    (tmp_path / "s.json").write_text('{"positive": ["stoked"]}')
    for synonyms, unparsed in ((None, 2), (tmp_path / "s.json", 1)):
        found, _ = evaluate_file(FileRequest(predictions=tmp_path / "p.jsonl", synonyms=synonyms))
        assert (found.sets["all"].unparsed, found.sets["all"].accuracy.value) == (unparsed, 1 - unparsed / 2)
