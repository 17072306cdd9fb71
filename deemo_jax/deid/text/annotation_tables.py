"""Reads annotations and other lists that a person made: JSON lines, or tables that a spreadsheet saved."""

import os
import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from deemo_jax.core.errors import UserError
from deemo_jax.core.files import open_input, parse_json, read_jsonl
from deemo_jax.core.table_rows import TABLES, table_rows

# Bytes at the beginning of a file by which its form is recognised.
_HEAD = 4096
# Characters of a row, at most.
MAX_ROW = 1 << 20
# Columns with numbers.
_TIMES = ("start_s", "end_s")
_ANNOTATED = re.compile(rb'"(?:clip_id|video_id|emotion|transcript)"\s*:')


def annotation_rows(path: str | Path) -> Iterator[dict[str, Any]]:
    """Yields the rows of annotations, as `listed_rows` does; in a table, times become numbers and `nfbl` a list.

    A cell of `nfbl` holds JSON, or labels separated by "|"; times may have a decimal comma.

    Raises:
        UserError: it cannot be read or is neither.
    """
    table = _table(Path(path))
    yield from read_jsonl(path) if table is None else (_typed(cells, where) for where, cells in table)


def listed_rows(path: str | os.PathLike[str]) -> Iterator[dict[str, Any]]:
    """Yields the rows of a list: JSON objects, one a line; or the lines of a table, with cells as text.

    A table is one of `table_rows`; its header has the keys of the rows, in any case.

    Raises:
        UserError: it cannot be read or is neither.
    """
    table = _table(Path(path))
    yield from read_jsonl(path) if table is None else (cells for _, cells in table)


def are_annotations(path: Path) -> bool:
    """Whether a file of JSON begins with keys of annotations; transcripts have the ending `.json`, too.

    Raises:
        UserError: it cannot be read.
    """
    with open_input(path) as handle:
        return _ANNOTATED.search(handle.read(_HEAD)) is not None


def _table(path: Path) -> Iterator[tuple[str, dict[str, str]]] | None:
    """The lines of a table as (where, cells by key); None for a file of JSON lines.

    Raises:
        UserError: it is neither.
    """
    with open_input(path) as handle:
        head = handle.read(_HEAD).removeprefix(b"\xef\xbb\xbf").lstrip()
    if path.suffix.lower() not in TABLES:
        if head.startswith(b"PK"):
            raise UserError(f"{path}: a spreadsheet; save it as CSV (UTF-8)")
        if re.match(rb"\[\s*\{", head):
            raise UserError(f"{path}: an array of JSON; write one object a line, and no brackets around them")
        if head and not head.startswith(b"{") and path.suffix.lower() != ".jsonl":
            raise UserError(
                f"{path}: neither annotations or another list (JSON lines, .csv, .tsv) nor a transcript of a kind that"
                " is read (.srt, .vtt, .json, .TextGrid, .txt); convert it"
            )
        return None
    return None if head.startswith(b"{") else _lines(path)


def _lines(path: Path) -> Iterator[tuple[str, dict[str, str]]]:
    table = table_rows(path, most_row=MAX_ROW, strict=True)
    _, header = next(table, (0, []))
    if not header:
        raise UserError(f"{path}: no table that can be read (it is empty); save it as CSV (UTF-8)")
    keys = [re.sub(r"\W+", "_", cell.strip().lower()) for cell in header]
    if twice := [key for key, count in Counter(filter(None, keys)).items() if count > 1]:
        raise UserError(f"{path}: the header has {twice[0]!r} twice; which column is meant?")
    for line, cells in table:
        yield f"{path}: line {line}", _row(keys, cells, f"{path}: line {line}")


def _row(keys: list[str], cells: list[str], where: str) -> dict[str, str]:
    if len(cells) > len(keys):
        raise UserError(
            f"{where}: {len(cells)} cells below a header of {len(keys)}; put texts with separators in quotes"
        )
    return {key: cell.strip() for key, cell in zip(keys, cells, strict=False) if key}


def _typed(cells: dict[str, str], where: str) -> dict[str, Any]:
    """The cells of a line of annotations, with times as numbers and body language as a list."""
    row: dict[str, Any] = dict(cells)
    row |= {key: _number(cells[key], key, where) for key in _TIMES if key in cells}
    return row | ({"nfbl": _nfbl(cells["nfbl"], where)} if "nfbl" in cells else {})


def _number(cell: str, key: str, where: str) -> float:
    try:
        return float(cell.replace(",", "."))
    except ValueError as error:
        raise UserError(f"{where}: {key} is {cell[:40]!r}; give seconds, as in 12.5") from error


def _nfbl(cell: str, where: str) -> Any:
    if not cell.lstrip().startswith("["):
        return [label.strip() for label in cell.split("|") if label.strip()]
    try:
        return parse_json(cell)
    except ValueError as error:
        raise UserError(f"{where}: nfbl is neither JSON nor labels parted by '|' ({error})") from error
