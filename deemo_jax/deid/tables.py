"""Annotation rows from JSON lines, or from a table that a spreadsheet saved."""

import csv
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from deemo_jax.deid.captions import read_text
from deemo_jax.errors import UserError
from deemo_jax.files import open_input, read_jsonl

TABLES = (".csv", ".tsv", ".txt")
_HEAD = 4096
SEPARATORS = ";\t,"
MAX_CELL = 1 << 20
_TIMES = ("start_s", "end_s")


def annotation_rows(path: str | Path) -> Iterator[dict[str, Any]]:
    """Yields the rows of annotations: JSON objects, one a line; or the lines of a table below its header.

    A table is UTF-8 or UTF-16, its cells parted by commas, semicolons or tabs. Its header has the keys of the rows in
    any case. In a cell of `nfbl` stands JSON, or labels parted by "|"; times may have a decimal comma.

    Raises:
        UserError: it cannot be read or is neither.
    """
    path = Path(path)
    if path.suffix.lower() not in TABLES:
        with open_input(path) as handle:
            head = handle.read(_HEAD).removeprefix(b"\xef\xbb\xbf").lstrip()
        if head.startswith(b"PK"):
            raise UserError(f"{path}: a spreadsheet; save it as CSV (UTF-8)")
        if head and not head.startswith(b"{") and path.suffix.lower() != ".jsonl":
            raise UserError(
                f"{path}: neither annotations (JSON lines, .csv, .tsv) nor a transcript of a kind that is read (.srt,"
                " .vtt, .json, .TextGrid, .txt); convert it"
            )
        yield from read_jsonl(path)
        return
    lines = read_text(path).split("\n")
    header = next((line for line in lines if line.strip()), "")
    if header.lstrip().startswith("{"):
        yield from read_jsonl(path)
        return
    separator = max(SEPARATORS, key=header.count)
    csv.field_size_limit(MAX_CELL)
    try:
        reader = csv.reader((line + "\n" for line in lines), delimiter=separator, strict=True)
        keys = [re.sub(r"\W+", "_", cell.strip().lower()) for cell in next(r for r in reader if any(r))]
        for cells in reader:
            if any(cell.strip() for cell in cells):
                yield _row(keys, cells, f"{path}: line {reader.line_num}")
    except (csv.Error, StopIteration) as error:
        raise UserError(
            f"{path}: no table that can be read ({error or 'it is empty'}); save it as CSV (UTF-8)"
        ) from error


def _row(keys: list[str], cells: list[str], where: str) -> dict[str, Any]:
    if len(cells) > len(keys):
        raise UserError(
            f"{where}: {len(cells)} cells below a header of {len(keys)}; put texts with separators in quotes"
        )
    row: dict[str, Any] = {}
    for key, cell in zip(keys, cells, strict=False):
        if key in _TIMES:
            row[key] = _number(cell, key, where)
        elif key == "nfbl":
            row[key] = _nfbl(cell, where)
        elif key:
            row[key] = cell.strip()
    return row


def _number(cell: str, key: str, where: str) -> float:
    try:
        return float(cell.strip().replace(",", "."))
    except ValueError as error:
        raise UserError(f"{where}: {key} is {cell.strip()[:40]!r}; give seconds, as in 12.5") from error


def _nfbl(cell: str, where: str) -> Any:
    if not cell.lstrip().startswith("["):
        return [label.strip() for label in cell.split("|") if label.strip()]
    try:
        return json.loads(cell)
    except (ValueError, RecursionError) as error:
        raise UserError(f"{where}: nfbl is neither JSON nor labels parted by '|' ({error})") from error
