"""Numbers of JSON that are none."""

import json
from pathlib import Path

import pytest

from deemo_jax.core.errors import UserError
from deemo_jax.core.files import parse_json, read_json, read_jsonl, write_json, write_jsonl


@pytest.mark.parametrize("number", ["NaN", "Infinity", "-Infinity", "1e999", "-1e999", "1" + 4400 * "0"])
def test_a_number_that_is_none_is_refused_in_one_line(number: str, tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    path.write_text(f'{{"a": [{number}]}}\n')
    for read in (read_json, lambda path: list(read_jsonl(path))):
        with pytest.raises(UserError, match=r"not valid JSON \(.*number") as refused:
            read(path)
        assert str(path) in str(refused.value) and "\n" not in str(refused.value) and len(str(refused.value)) < 300


def test_numbers_stay_what_they_are() -> None:
    text = '[0, -7, 1.5, 1e308, 5e-324, 18446744073709551616, true, null, "NaN"]'
    assert parse_json(text) == json.loads(text) and parse_json(text.encode("utf-16")) == json.loads(text)


def test_what_is_written_is_json_that_is_read(tmp_path: Path) -> None:
    row = {"a": float("nan"), "b": [1, float("inf")], "c": "ü NaN"}
    write_json(tmp_path / "a.json", row)
    write_jsonl(tmp_path / "a.jsonl", [row])
    assert read_json(tmp_path / "a.json") == {"a": None, "b": [1, None], "c": "ü NaN"}
    assert [*read_jsonl(tmp_path / "a.jsonl")] == [read_json(tmp_path / "a.json")]
