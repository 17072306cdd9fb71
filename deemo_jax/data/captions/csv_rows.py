"""Tables (CSV) of unknown origin, read row by row with columns found by their names, in any order."""

import csv
import dataclasses
from collections.abc import Iterator, Sequence
from pathlib import Path

from deemo_jax.core.errors import UserError
from deemo_jax.core.files import open_input

# Bytes of a line and of a row, which may have many lines, at most. The limit of the module `csv` is of the process,
# and any library may lift it.
MOST_LINE = 1 << 20
MOST_ROW = 1 << 17
# What else may stand between columns, and what a message calls it.
OTHER_DELIMITERS = {";": "semicolons", "\t": "tabs", "|": "bars"}
# A line behind the last one: a row of its own, unless a quotation mark is open.
END = "\0end of the table\0"


def read_columns(path: Path, wanted: Sequence[tuple[str, ...]]) -> Iterator[tuple[int, list[str] | None]]:
    """Yields, of every row but the header, the line on which it ends and its wanted cells.

    Args:
        path: of a table in UTF-8, with or without a byte order mark.
        wanted: for each cell the names that its column may have; the first that the header has is taken. An empty name
            among them stands for a column that may be missing, whose cells are empty.

    Yields:
        The cells in the order of `wanted`; None for a row that has not as many cells as the header.

    Raises:
        UserError: the file cannot be read, is no UTF-8, has no such columns, a line or a row is too long, or a
            quotation mark is open at the end.
    """
    row = _Row()
    table = csv.reader(_lines(path, row))
    try:
        header = [name.strip().lower() for name in _but_end(path, 1, next(table))]
        places = [_place(path, header, names) for names in wanted]
        begins = table.line_num + 1
        for cells in table:
            row.bytes = 0
            if cells := _but_end(path, begins, cells):
                whole = len(cells) == len(header)
                yield table.line_num, [cells[at] if at is not None else "" for at in places] if whole else None
            begins = table.line_num + 1
    except csv.Error as error:
        raise UserError(
            f"{path}:{table.line_num}: is no CSV from here on ({error}); is a quotation mark left open?"
        ) from error


def _but_end(path: Path, begins: int, cells: list[str]) -> list[str]:
    """The cells of the row that begins on a line; none of the line behind the last."""
    if cells == [END]:
        return []
    if cells and cells[-1].endswith(END):
        raise UserError(f"{path}:{begins}: a quotation mark of this row is left open; close it")
    return cells


def _place(path: Path, header: list[str], names: tuple[str, ...]) -> int | None:
    """Where a column stands; None for one that may be missing and is."""
    found = next((name for name in names if name and name in header), None)
    if found is None and "" in names:
        return None
    wished = " or ".join(filter(None, names))
    if found is None:
        for mark, called in OTHER_DELIMITERS.items():
            if mark in "".join(header):
                raise UserError(
                    f"{path}: its columns seem to be separated by {called}; save it as CSV with commas (no column"
                    f" {wished})"
                )
        raise UserError(f"{path}: has no column {wished}; it has {', '.join(header)[:200] or 'none'}")
    if header.count(found) > 1:
        raise UserError(f"{path}: has the column {found} twice; remove one")
    return header.index(found)


@dataclasses.dataclass
class _Row:
    """Bytes that the row has that is being read."""

    bytes: int = 0


def _lines(path: Path, row: _Row) -> Iterator[str]:
    with open_input(path) as handle:
        number = 0
        while line := handle.readline(MOST_LINE + 1):
            number += 1
            if len(line) > MOST_LINE:
                raise UserError(f"{path}:{number}: the line is longer than {MOST_LINE} bytes; is it a CSV?")
            if row.bytes > MOST_ROW:
                raise UserError(
                    f"{path}:{number}: the row is longer than {MOST_ROW} bytes; is a quotation mark left open?"
                )
            row.bytes += len(line)
            try:
                yield line.decode("utf-8-sig" if number == 1 else "utf-8")
            except UnicodeDecodeError as error:
                raise UserError(f"{path}:{number}: is no UTF-8 text ({error.reason}); save it as such") from error
    yield END
