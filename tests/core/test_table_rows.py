"""Tables as spreadsheets save them."""

from pathlib import Path

import pytest

from deemo_jax.core.errors import UserError
from deemo_jax.core.table_rows import SEPARATORS, table_rows

ROWS = [["file", "text"], ["ä.mp4", "one, two; three\nfour"], ["b.mp4", '"so"']]


def saved(encoding: str, separator: str, end: str, last: str) -> bytes:
    quoted = [[f'"{cell.replace(chr(34), 2 * chr(34))}"' for cell in row] for row in ROWS]
    return (end.join(separator.join(row) for row in quoted) + last).encode(encoding)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be"])
@pytest.mark.parametrize("separator", SEPARATORS)
@pytest.mark.parametrize("end", ["\n", "\r\n"])
@pytest.mark.parametrize("strict", [False, True])
def test_encodings_separators_and_ends_of_lines_make_no_difference(
    encoding: str, separator: str, end: str, strict: bool, tmp_path: Path
) -> None:
    path = tmp_path / "t.csv"
    for last in (end, ""):
        path.write_bytes(saved(encoding, separator, end, last))
        assert [*table_rows(path, strict=strict)] == [*zip((1, 3, 4), ROWS, strict=True)]


def test_blank_lines_and_excels_line_before_the_header_are_no_rows(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_bytes(b"\xef\xbb\xbfsep=;\r\n\r\na,x;b,y\r\n;\r\n1;2\r\n\r\n")
    assert [*table_rows(path)] == [(3, ["a,x", "b,y"]), (5, ["1", "2"])]
    path.write_bytes(b"")
    assert [*table_rows(path)] == []


@pytest.mark.parametrize(
    ("content", "strict", "said"),
    [
        (b"PK\x03\x04", False, "a spreadsheet"),
        ("a,b\n1,é\n".encode("cp1252"), False, ":2: is no UTF-8 text; save it as UTF-8"),
        ("a,b\n1,é\n".encode("utf-16")[:-1], False, "is no UTF-16 text"),
        ("a,b\n1,2\n".encode("utf-32"), False, "UTF-32"),
        (b'a,b\n1,"2\n', False, ":2: a quotation mark of this row is left open"),
        (b'a,b\n1,"2\n', True, "is a quotation mark left open?"),
        (b'a,b\n1,"2" 3\n', True, ":2: is no CSV"),
        (b"a,b\n" + b"1" * 2_000_000, False, ":2: the line is longer"),
        (b'a,b\n"' + b"1\n" * 90_000, False, "the row is longer"),
    ],
)
def test_what_is_no_table_is_refused_in_one_line(content: bytes, strict: bool, said: str, tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_bytes(content)
    with pytest.raises(UserError) as refused:
        list(table_rows(path, strict=strict))
    assert said in str(refused.value) and str(path) in str(refused.value) and "\n" not in str(refused.value)
