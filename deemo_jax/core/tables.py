"""Tables of text, written in one way everywhere: columns aligned for a terminal, or Markdown."""

import dataclasses
from collections.abc import Collection, Iterable, Sequence

GAP = "  "


@dataclasses.dataclass(frozen=True, slots=True)
class Table:
    """A table of text.

    Attributes:
        caption: what it shows, with n.
        header: one cell a column.
        rows: each as wide as the header.
        right: columns whose cells end at the same place, such as numbers; the others begin at the same place.
    """

    caption: str
    header: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    right: tuple[int, ...] = ()

    def text(self) -> str:
        """The table for a terminal, without its caption."""
        return aligned((self.header, *self.rows), self.right)

    def markdown(self) -> str:
        """The table for a Markdown page, without its caption."""
        return markdown(self.header, self.rows, self.right)


def aligned(lines: Iterable[Sequence[str]], right: Collection[int] = ()) -> str:
    """Lines of equally many cells (the header is one of them) for a terminal, two spaces between columns.

    Args:
        lines: the cells.
        right: columns whose cells end at the same place.

    Raises:
        ValueError: a line is shorter or longer than the others.
    """
    lines = list(lines)
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    places = [">" if column in right else "<" for column in range(len(widths))]
    return "\n".join(
        GAP.join(f"{cell:{place}{width}}" for cell, place, width in zip(line, places, widths, strict=True)).rstrip()
        for line in lines
    )


def markdown(header: Sequence[str], rows: Iterable[Sequence[str]], right: Collection[int] = ()) -> str:
    """The table as Markdown; a bar within a cell is escaped."""
    rule = ["---:" if column in right else "---" for column in range(len(header))]
    lines = [[cell.replace("|", "\\|") for cell in line] for line in (header, rule, *rows)]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)
