"""Files with captions as rows: every form that is read, and what is wrong with a row or a file."""

import csv
import gzip
import json
from pathlib import Path

import pytest

from deemo_jax.core.errors import UserError
from deemo_jax.data.captions.caption_text import webvid_caption
from deemo_jax.data.captions.rows import CaptionRow, SkippedRow
from deemo_jax.data.captions.skips import SkipKind
from deemo_jax.data.captions.sources import find_source
from tests.caption_media import write_rows, write_tar


def rows(dataset: str, path: Path) -> list[CaptionRow | SkippedRow]:
    return [entry for _, entry in find_source(dataset, [path]).entries()]


def kinds(dataset: str, path: Path) -> list[SkipKind | None]:
    return [entry.kind if isinstance(entry, SkippedRow) else None for entry in rows(dataset, path)]


@pytest.mark.parametrize(
    ("raw", "clean"),
    [
        ('A "red" Ball... (4K) *loop* #1: yes; no~!', "a red ball 4k loop 1 yes no"),
        ("  two\n\tlines, and -- dashes  ", "two lines, and -- dashes"),
        ("w " * 80, " ".join("w" * 50)),
        ("Кошка. 猫！", "кошка 猫！"),
        (" .!~ ", ""),
    ],
)
def test_webvid_captions_are_cleaned_as_in_video_llama(raw: str, clean: str) -> None:
    assert webvid_caption(raw) == clean


def test_webvid_columns_are_found_by_name(tmp_path: Path) -> None:
    (tmp_path / "videos").mkdir()
    train, val = tmp_path / "results_2M_train.csv", tmp_path / "results_2M_val.csv"
    old = 'videoid,name,page_idx,page_dir,duration,contentUrl\n7,"A cat, asleep.",1,01_50,PT1S,u\n'
    train.write_text("\ufeff" + old + "8,short\n7,B,1,01_50,,\n", encoding="utf-8")
    val.write_text("contentUrl,duration,page_dir,videoid,name\nu,PT1S,..,9,Out\nu,PT1S,02_50,10,Zwei Hunde\n")
    source = find_source("webvid", [tmp_path])
    assert source.media == tmp_path / "videos"
    found = list(source.entries())
    assert found[0] == ("train", CaptionRow("7", "01_50/7.mp4", "a cat, asleep"))
    assert [(split, entry.kind) for split, entry in found if isinstance(entry, SkippedRow)] == [
        ("train", SkipKind.BAD_ROW),
        ("train", SkipKind.DUPLICATE),
        ("validation", SkipKind.UNSAFE_PATH),
    ]
    assert found[-1] == ("validation", CaptionRow("10", "02_50/10.mp4", "zwei hunde"))


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"PK\x03\x04" + bytes(99), "a spreadsheet or an archive; save it as CSV"),
        (b"videoid,name\n1,b\n", "no column page_dir; it has videoid, name"),
        (b"videoid,page_dir,name,name\n1,a,b,c\n", "the column name twice"),
        (b"", "it has none"),
        (b"videoid,page_dir,name\n1,a,\xff\n", ":2: is no UTF-8 text"),
        (b'videoid,page_dir,name\n1,a,"' + b"b\n" * 90_000, "quotation mark left open"),
        (b'videoid,page_dir,name\n1,a,"b\nc"\n2,a,"b\n3,a,b\n', ":4: a quotation mark of this row is left open"),
        (b'videoid,page_dir,"name', ":1: a quotation mark of this row is left open"),
        (b"videoid,page_dir,name\n1,a," + b"b" * 2_000_000, ":2: the line is longer"),
    ],
)
def test_a_table_of_other_form_is_refused_in_one_line(tmp_path: Path, content: bytes, said: str) -> None:
    path = tmp_path / "t.csv"
    path.write_bytes(content)
    with pytest.raises(UserError, match=r"\S") as refusal:
        rows("webvid", path)
    assert said in str(refusal.value) and str(path) in str(refusal.value) and "\n" not in str(refusal.value)


def test_a_row_has_a_bound_also_where_a_library_lifted_that_of_the_process(tmp_path: Path) -> None:
    path, before = tmp_path / "t.csv", csv.field_size_limit(1 << 30)
    path.write_bytes(b'videoid,page_dir,name\n1,a,"' + b"b\n" * 90_000)
    try:
        with pytest.raises(UserError, match="quotation mark left open"):
            rows("webvid", path)
    finally:
        csv.field_size_limit(before)


def test_both_files_of_cc3m(tmp_path: Path) -> None:
    talk = [{"from": "human", "value": "<image>\nDescribe."}, {"from": "gpt", "value": " A Dog runs! "}]
    good = {"id": "GCC_1", "image": "GCC_1.jpg", "conversations": talk}
    chat, caps = tmp_path / "chat.json", tmp_path / "filter_cap.json"
    caps.write_text(json.dumps({"annotations": [{"image_id": "GCC_2", "caption": "a hat"}, {"image_id": 3}]}))
    assert rows("cc3m", tmp_path)[0] == CaptionRow("GCC_2", "GCC_2.jpg", "a hat")
    assert kinds("cc3m", caps) == [None, SkipKind.BAD_ROW]
    chat.write_text(json.dumps([good, good | {"id": 4}, {"conversations": [1]}, 5, good]))
    assert rows("cc3m", tmp_path)[0] == CaptionRow("GCC_1", "GCC_1.jpg", "A Dog runs!")
    assert kinds("cc3m", chat) == [None, *[SkipKind.BAD_ROW] * 3, SkipKind.DUPLICATE]
    for content, said in (('[{"video": "a", "QA": []}]', "none of its 1 entries"), ('{"a": 1}', "is neither")):
        chat.write_text(content)
        with pytest.raises(UserError, match=said):
            rows("cc3m", chat)


def test_captions_of_any_folder(tmp_path: Path) -> None:
    path, table = tmp_path / "captions.jsonl", tmp_path / "captions.csv"
    table.write_text("Caption,File_Name\nx,a/b.png\n")
    assert rows("captions", tmp_path) == [CaptionRow("a/b.png", "a/b.png", "x")]
    bad = [{"media": "a"}, {"media": 1, "caption": "x"}, {"media": "C:\\x.mp4", "caption": "x"}]
    odd = [{"media": "d", "caption": "\ud800"}, {"media": "e\0", "caption": "x"}, {"media": "f", "caption": "x" * 5000}]
    write_rows(path, [{"id": "1", "video": "v.mp4", "text": "Über  alles"}, *bad])
    path.write_text(path.read_text() + "".join(json.dumps(row) + "\n" for row in odd))
    assert rows("captions", tmp_path)[0] == CaptionRow("1", "v.mp4", "Über  alles")
    expected = [SkipKind.BAD_ROW, SkipKind.BAD_ROW, SkipKind.UNSAFE_PATH]
    expected += [SkipKind.BROKEN_CAPTION, SkipKind.BAD_ROW, SkipKind.LONG_CAPTION]
    assert kinds("captions", path)[1:] == expected


def test_tars_are_read_in_place(tmp_path: Path) -> None:
    path = tmp_path / "00000.tar"
    members = [("a.jpg", b"JPEG"), ("a.txt", b"a cat"), ("a.json", b'{"url": "u"}'), ("../../up.jpg", b"x")]
    members += [("d/b.mp4", b"film"), ("d/b.json", b'{"caption": "a dog"}'), ("->c.jpg", b""), ("e.txt", b"alone")]
    write_tar(path, [*members, ("f.jpg", b"x"), ("f.txt", b"\xff"), ("g.jpg", b"y" * 2000), ("h.jpg", b"z" * 2000)])
    found = rows("captions", tmp_path)
    first = found[0]
    assert isinstance(first, CaptionRow) and (first.clip_id, first.caption) == ("00000/a", "a cat")
    assert path.read_bytes()[first.offset : first.offset + first.size] == b"JPEG"
    assert [row.caption for row in found if isinstance(row, CaptionRow)] == ["a cat", "a dog"]
    expected = [SkipKind.UNSAFE_PATH, SkipKind.NO_FILE_MEMBER, SkipKind.BROKEN_CAPTION, *[SkipKind.NO_CAPTION] * 2]
    assert [kind for kind in kinds("captions", path) if kind] == expected
    path.write_bytes(path.read_bytes()[:8000])
    assert kinds("captions", path)[-1] is SkipKind.BROKEN_ARCHIVE
    for content, said in ((gzip.compress(path.read_bytes()), "gunzip it"), (b"no tar" * 200, "is no tar")):
        path.write_bytes(content)
        with pytest.raises(UserError, match=said):
            rows("captions", path)


def test_a_folder_without_captions_is_told_what_belongs_there(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"holds no \*\.csv.*results_2M_train"):
        find_source("webvid", [tmp_path])
    with pytest.raises(UserError, match="no such file"):
        find_source("cc3m", [tmp_path / "chat.json"])
