"""Rows of tables that a person saved (CSV): cells parted by commas, semicolons, tabs or bars, in UTF-8 or UTF-16."""

import csv
import itertools
import re
from collections.abc import Iterator
from pathlib import Path

from deemo_jax.core.errors import UserError
from deemo_jax.core.files import open_input
from deemo_jax.core.text_files import read_lines

# File endings of tables; Excel saves its "Unicode text" as .txt.
TABLES = (".csv", ".tsv", ".txt")
# What may stand between cells: the one of which the header has most.
SEPARATORS = ",;\t|"
# Characters of a line and of a row, which may have many lines, at most. The limit of the module `csv` is of the
# process, and any library may lift it.
MOST_LINE = 1 << 20
MOST_ROW = 1 << 17
# "sep=;", a first line by which Excel states the separator.
_STATED = re.compile(r"sep=(.)[ \t]*\r?\n?", re.IGNORECASE)
# A line behind the last one: a row of its own, unless a quotation mark is open.
_END = "\0end of the table\0"


def table_rows(path: Path, *, most_row: int = MOST_ROW, strict: bool = False) -> Iterator[tuple[int, list[str]]]:
    """Yields the rows of a table of any size, blank ones left out; the header comes first.

    Args:
        path: of the file.
        most_row: characters of a row, at most.
        strict: whether text behind a closed quotation mark is refused; else it belongs to the cell.

    Yields:
        The number of the line on which the row ends, from 1, and its cells.

    Raises:
        UserError: the file cannot be read, is a spreadsheet or in another encoding, a line or row is too long, or a
            quotation mark is open at the end.
    """
    with open_input(path) as handle:
        if handle.peek(2)[:2] == b"PK":
            raise UserError(f"{path}: a spreadsheet or an archive; save it as CSV (UTF-8)")
    csv.field_size_limit(max(csv.field_size_limit(), most_row + MOST_LINE))
    source = _Source(path, most_row)
    table = csv.reader(source, delimiter=source.separator, strict=strict)
    begins = source.line + 1
    try:
        for cells in table:
            if cells and cells[-1].endswith(_END):
                if cells != [_END]:
                    raise UserError(f"{path}:{begins}: a quotation mark of this row is left open; close it")
                return
            if any(cell.strip() for cell in cells):
                yield source.line, cells
            source.row, begins = 0, source.line + 1
    except csv.Error as error:
        raise UserError(
            f"{path}:{source.line}: is no CSV from here on ({error}); is a quotation mark left open?"
        ) from error


class _Source:
    """The lines of a table from its header on, counted.

    Attributes:
        separator: of cells.
        line: number of the line that was given last.
        row: characters that the row has that is being read.
    """

    def __init__(self, path: Path, most_row: int) -> None:
        self._path, self._most_row = path, most_row
        self._lines = read_lines(path, MOST_LINE)
        self.line = self.row = 0
        header, stated = next(self._lines, ""), ""
        while header and (not header.strip() or _STATED.fullmatch(header)):
            stated = found[1] if (found := _STATED.fullmatch(header)) else stated
            self.line, header = self.line + 1, next(self._lines, "")
        self.separator = stated or max(SEPARATORS, key=header.count)
        self._lines = itertools.chain([header] if header else [], self._lines)

    def __iter__(self) -> Iterator[str]:
        for line in self._lines:
            self.line += 1
            if self.row > self._most_row:
                raise UserError(
                    f"{self._path}:{self.line}: the row is longer than {self._most_row} characters; is a quotation"
                    " mark left open?"
                )
            self.row += len(line)
            yield line
        yield _END
