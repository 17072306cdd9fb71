"""What is said of rows of predictions that are wrong."""

import json
from pathlib import Path
from typing import Any

import pytest

from deemo_jax.core.errors import UserError
from deemo_jax.evaluation.predictions import read_predictions
from deemo_jax.evaluation.truth import Truth

ROW: dict[str, Any] = {"clip_id": "c1", "emotion_predicted": "negative", "emotion_true": "positive"}


def refusal(tmp_path: Path, *rows: dict[str, Any], truth: Truth | None = None) -> str:
    path = tmp_path / "p.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    with pytest.raises(UserError) as refused:
        list(read_predictions(path, truth))
    return str(refused.value)


def test_all_that_a_row_lacks_is_named_at_once(tmp_path: Path) -> None:
    said = refusal(tmp_path, ROW, {"emotion_predictd": "negative"})
    for part in ("p.jsonl: row 2: clip_id is missing", "emotion_true is missing", "--truth", "or answer is missing"):
        assert part in said
    assert "emotion_predicted (negative, positive or null)" in said and "is 'emotion_predictd' meant to be it?" in said
    said = refusal(tmp_path, {"answer": "so"}, truth=Truth({"c1": {"emotion": "positive"}}))
    assert said.endswith("row 1: clip_id is missing")


def test_a_clip_that_comes_twice_is_named_with_both_rows(tmp_path: Path) -> None:
    said = refusal(tmp_path, ROW, ROW | {"modalities": "video"}, ROW)
    assert "row 3: clip c1 occurs twice for modalities 'all', first in row 1" in said


@pytest.mark.parametrize("key", ["emotion_predicted", "emotion_true"])
def test_an_unknown_emotion_is_told_the_known_ones(tmp_path: Path, key: str) -> None:
    assert f"row 1: {key} is 'sad'; choose negative or positive" in refusal(tmp_path, ROW | {key: "sad"})
