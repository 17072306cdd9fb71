"""Instruction data of five forms, and what hostile files of them become."""

import dataclasses
import json
from pathlib import Path
from typing import Any

import pytest

from deemo_jax.core.errors import UserError
from deemo_jax.core.schema import is_whole
from deemo_jax.data.captions.instructions import DESCRIBE
from deemo_jax.data.captions.rows import CaptionRow, SkippedRow
from deemo_jax.data.captions.skips import SkipKind
from deemo_jax.data.captions.sources import find_source
from deemo_jax.data.captions.turn_row import MOST_CHARACTERS, MOST_TURNS, TurnRow

LONG = "言" * 34_000  # 100 kB
GOOD = ("What is it?", "A cat.")


def rows(path: Path) -> list[CaptionRow | SkippedRow]:
    return [entry for _, entry in find_source("instructions", [path]).entries()]


def kinds(path: Path) -> list[SkipKind | None]:
    return [row.kind if isinstance(row, SkippedRow) else None for row in rows(path)]


def whole(path: Path) -> list[TurnRow]:
    return [row for row in rows(path) if isinstance(row, TurnRow)]


def written(path: Path, content: Any) -> Path:
    path.write_text(content if isinstance(content, str) else json.dumps(content), encoding="utf-8")
    return path


def talk(*said: tuple[str, Any], **fields: Any) -> dict[str, Any]:
    return {
        "id": "7",
        "image": "7.jpg",
        "conversations": [{"from": who, "value": what} for who, what in said],
        **fields,
    }


def test_llava_s_conversations(tmp_path: Path) -> None:
    path = written(
        tmp_path / "llava.json",
        [
            talk(("human", "<image>\nWhat?"), ("gpt", "A cat."), ("human", "Where?"), ("gpt", "Here.")),
            talk(("human", "What?\n<image>"), ("gpt", "A cat.")),
            talk(("human", "Why?"), ("gpt", "So."), id=8, image=None, video="8"),
            talk(("human", "What happens?\n<video>"), ("gpt", "A fall."), id=9),
        ],
    )
    first, second, third, fourth = whole(path)
    assert (first.turns, first.picture_at) == ((("\nWhat?", "A cat."), ("Where?", "Here.")), 0)
    assert (second.turns, second.picture_at) == ((("What?\n", "A cat."),), 6)
    assert first.clip_id.startswith("7-") and second.clip_id.startswith("7-") and first.clip_id != second.clip_id
    assert first.places()[:2] == ("7.jpg", "COCO_train2014_7.jpg")
    assert (fourth.turns, fourth.picture_at) == ((("What happens?", "A fall."),), -1)
    assert third.media == "8"


def test_the_other_forms(tmp_path: Path) -> None:
    video = written(tmp_path / "chat.json", [{"video": "a/1.mp4", "QA": [{"i": "x", "q": "Q", "a": "A"}] * 2}])
    assert whole(video)[0].turns == (("Q", "A"), ("Q", "A")) and whole(video)[0].media == "a/1.mp4"
    table = written(
        tmp_path / "emer.csv", '\ufeffreasons,names,emotions,subtitles\n"He, smiles",s1,happy,Hi\nNo,s2,sad,\n'
    )
    one, two = whole(table)
    assert (one.turns, one.transcript, one.media) == ((("", "He, smiles"),), "Hi", "s1") and two.transcript == ""
    assert {"s1.mp4", "s1.avi"} < set(one.places())
    second = written(tmp_path / "emer2.csv", "name,chinese,english\ns1,x,He smiles\n")
    assert whole(second)[0].turns == (("", "He smiles"),)
    merr = {"s1": {"caption": "coarse", "AU_list": [1]}, "s2": {"caption": "c", "smp_reason_caption": "f", "text": "W"}}
    coarse, fine = whole(written(tmp_path / "merr.json", merr))
    assert (coarse.turns, fine.turns, fine.transcript) == ((("", "coarse"),), (("", "f"),), "W")
    caps = written(tmp_path / "filter_cap.json", {"annotations": [{"image_id": 3, "caption": "A hat."}]})
    assert whole(caps)[0].turns == ((DESCRIBE, "A hat."),) and whole(caps)[0].media == "3.jpg"
    lines = written(tmp_path / "many.jsonl", "\ufeff" + json.dumps(talk(("human", "Q"), ("gpt", "A"))) + "\n\n")
    assert whole(lines)[0].turns == (("Q", "A"),)


@pytest.mark.parametrize(
    ("said", "kind"),
    [
        ((("gpt", "A"), ("human", "Q"), ("gpt", "A")), SkipKind.BAD_TURNS),
        ((("human", "Q"), ("human", "Q"), ("gpt", "A")), SkipKind.BAD_TURNS),
        ((("human", "Q"), ("gpt", "A"), ("human", "Q")), SkipKind.BAD_TURNS),
        ((("system", "S"), ("human", "Q"), ("gpt", "A")), SkipKind.BAD_TURNS),
        ((), SkipKind.BAD_TURNS),
        ((("human", "Q"), ("gpt", " \n")), SkipKind.EMPTY_TURN),
        ((("human", "<image>\n"), ("gpt", "A")), SkipKind.EMPTY_TURN),
        ((("human", "Q"), ("gpt", "A"), ("human", ""), ("gpt", "A")), SkipKind.EMPTY_TURN),
        ((("human", "Q"), ("gpt", LONG)), SkipKind.LONG_TURNS),
        ((("human", LONG), ("gpt", "A")), SkipKind.LONG_TURNS),
        ((("human", "Q"), ("gpt", "A")) * (MOST_TURNS + 1), SkipKind.LONG_TURNS),
        ((("human", "Q"), ("gpt", "\ud800")), SkipKind.BROKEN_TURNS),
        ((("human", "<image><image>\nQ"), ("gpt", "A")), SkipKind.PICTURE_PLACE),
        ((("human", "Q"), ("gpt", "See <image>")), SkipKind.PICTURE_PLACE),
        ((("human", "Q"), ("gpt", "A"), ("human", "<image>\nQ"), ("gpt", "A")), SkipKind.PICTURE_PLACE),
        ((("human", "Q"), ("gpt", 3)), SkipKind.BAD_ROW),
        ((("human", "Q"), ("gpt", ["A"])), SkipKind.BAD_ROW),
    ],
)
def test_turns_that_cannot_be_used_are_counted(said: Any, kind: SkipKind, tmp_path: Path) -> None:
    good = talk(("human", GOOD[0]), ("gpt", GOOD[1]))
    path = written(tmp_path / "t.json", [good, talk(*said), good, {"conversations": 5}, 7])
    assert kinds(path) == [None, kind, SkipKind.DUPLICATE, SkipKind.BAD_ROW, SkipKind.BAD_ROW]


def test_fields_of_other_form_are_counted(tmp_path: Path) -> None:
    pairs = [{"q": "Q", "a": "A"}]
    entries = [{"video": "1", "QA": pairs}, {"video": "2", "QA": [{"q": "Q"}]}, {"QA": pairs}, {"video": "3", "QA": {}}]
    more = [{"video": "4", "QA": []}, {"video": "../5", "QA": pairs}, {"video": "6", "QA": [{"q": " ", "a": "A"}]}]
    last = [{"video": "7\0", "QA": pairs}, {"video": "8" * 5000, "QA": pairs}, {"video": True, "QA": pairs}, {"x": 1}]
    assert kinds(written(tmp_path / "chat.json", entries + more + last)) == [
        *(None, SkipKind.BAD_ROW, SkipKind.BAD_ROW, SkipKind.BAD_ROW),
        *(SkipKind.BAD_TURNS, SkipKind.UNSAFE_PATH, SkipKind.EMPTY_TURN),
        *(SkipKind.BAD_ROW, SkipKind.BAD_ROW, SkipKind.BAD_ROW, SkipKind.BAD_ROW),
    ]
    for wrong in (True, 1.5, ["1"], {}):
        named = [talk(("human", "Q"), ("gpt", "A")), {**talk(("human", "Q"), ("gpt", "A")), "id": wrong}]
        assert kinds(written(tmp_path / "id.json", named)) == [None, SkipKind.BAD_ROW]
    merr = {"a": {"caption": "x"}, "b": {"caption": None}, "c": 5, "": {"caption": "x"}, "d": {"caption": ""}}
    assert kinds(written(tmp_path / "merr.json", merr)) == [
        *(None, SkipKind.BAD_ROW, SkipKind.BAD_ROW, SkipKind.BAD_ROW, SkipKind.EMPTY_TURN)
    ]
    table = written(tmp_path / "emer.csv", f"names,reasons\na,x\nb\nc,\na,x\nd,{'y' * 100_000}\n")
    expected = [None, SkipKind.BAD_ROW, SkipKind.EMPTY_TURN, SkipKind.DUPLICATE, SkipKind.LONG_TURNS]
    assert kinds(table) == expected


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("a.json", "[" * 100_000, "nested too deeply"),
        ("a.json", "[{]", "not valid JSON"),
        ("a.json", '{"a": 1, "a": 2}', "'a' comes twice"),
        ("a.json", "3", "is none of a list of"),
        ("a.json", '[{"id": "1", "caption": "x"}]', "none of its 1 entries has the fields of a list"),
        ("a.json", '{"version": {"x": 1}}', "none of its 1 entries"),
        ("a.jsonl", "[1]\n", "not a JSON object"),
        ("a.jsonl", '{"conversations": "' + "x" * 1_100_000 + '"}\n', ":1: the line is longer than"),
        ("a.json", '[{"id": NaN, "image": "1.jpg", "conversations": []}]', "NaN is no number"),
        ("a.csv", "names;reasen\na;b\n", "no column reasons or reason or english; it has names, reasen"),
        ("a.csv", "names,emotions\na,b\n", "no column reasons or reason or english; it has names, emotions"),
        ("a.csv", 'names,reasons\na,"' + "b\n" * 90_000, "quotation mark left open"),
    ],
)
def test_a_file_of_other_form_is_refused_in_one_line(name: str, content: str, said: str, tmp_path: Path) -> None:
    path = written(tmp_path / name, content)
    with pytest.raises(UserError, match=r"\S") as refusal:
        rows(path)
    assert said in str(refusal.value) and str(path) in str(refusal.value) and "\n" not in str(refusal.value)


def test_a_byte_order_mark_is_no_matter_and_a_row_goes_through_json(tmp_path: Path) -> None:
    entry = [talk(("human", "<image>\nÜber \x1b[0m \u202e </s>?"), ("gpt", "x" * MOST_CHARACTERS))]
    (tmp_path / "t.json").write_bytes(b"\xef\xbb\xbf" + json.dumps(entry).encode())
    (row,) = whole(tmp_path / "t.json")
    assert TurnRow.from_json(json.loads(json.dumps(dataclasses.asdict(row)))) == row
    assert is_whole(row.turns[0][0]) and "\x1b" in row.turns[0][0]
