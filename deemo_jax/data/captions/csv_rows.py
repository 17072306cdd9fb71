"""Tables of unknown origin, read row by row with columns found by their names, in any order."""

from collections.abc import Iterator, Sequence
from pathlib import Path

from deemo_jax.core.errors import UserError
from deemo_jax.core.table_rows import table_rows


def read_columns(path: Path, wanted: Sequence[tuple[str, ...]]) -> Iterator[tuple[int, list[str] | None]]:
    """Yields, of every row but the header, the line on which it ends and its wanted cells.

    Args:
        path: of a table, see `table_rows`.
        wanted: for each cell the names that its column may have; the first that the header has is taken. An empty name
            among them stands for a column that may be missing, whose cells are empty.

    Yields:
        The cells in the order of `wanted`; None for a row that has not as many cells as the header.

    Raises:
        UserError: as `table_rows`, or the table has no such columns.
    """
    table = table_rows(path)
    _, names = next(table, (0, []))
    header = [name.strip().lower() for name in names]
    places = [_place(path, header, names) for names in wanted]
    for line, cells in table:
        whole = len(cells) == len(header)
        yield line, [cells[at] if at is not None else "" for at in places] if whole else None


def _place(path: Path, header: list[str], names: tuple[str, ...]) -> int | None:
    """Where a column stands; None for one that may be missing and is."""
    found = next((name for name in names if name and name in header), None)
    if found is None and "" in names:
        return None
    if found is None:
        wished = " or ".join(filter(None, names))
        raise UserError(f"{path}: has no column {wished}; it has {', '.join(header)[:200] or 'none'}")
    if header.count(found) > 1:
        raise UserError(f"{path}: has the column {found} twice; remove one")
    return header.index(found)
