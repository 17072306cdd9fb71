"""Tables of text: aligned for a terminal, as Markdown, or as LaTeX."""

import dataclasses
from collections.abc import Collection, Iterable, Sequence

GAP = "  "
# Characters that mean something to LaTeX; `[` would be an argument of the end of the line before.
LATEX = {char: f"\\{char}" for char in "&%$#_{}"}
LATEX |= {"\\": r"\textbackslash{}", "~": r"\textasciitilde{}", "^": r"\textasciicircum{}", "[": "{[}"}
LATEX |= {"<": r"\textless{}", ">": r"\textgreater{}"}


@dataclasses.dataclass(frozen=True, slots=True)
class Table:
    """A table of text.

    Attributes:
        caption: what it shows, with n.
        header: one cell a column.
        rows: each as wide as the header.
        right: columns that are aligned on the right, such as numbers; the others are aligned on the left.
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

    def latex(self) -> str:
        """The table as LaTeX's `tabular`, which needs no package, without its caption."""
        columns = "".join("r" if column in self.right else "l" for column in range(len(self.header)))
        head, *lines = (
            " & ".join("".join(LATEX.get(char, char) for char in cell) for cell in row) + r" \\"
            for row in (self.header, *self.rows)
        )
        parts = (rf"\begin{{tabular}}{{{columns}}}", r"\hline", head, r"\hline", *lines, r"\hline", r"\end{tabular}")
        return "\n".join(parts)


def aligned(lines: Iterable[Sequence[str]], right: Collection[int] = ()) -> str:
    """The lines of a table for a terminal, its header among them, with two spaces between columns.

    Args:
        lines: of each line, its cells.
        right: columns that are aligned on the right.

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
    """A table in Markdown; `|` within a cell is escaped."""
    rule = ["---:" if column in right else "---" for column in range(len(header))]
    lines = [[cell.replace("|", "\\|") for cell in line] for line in (header, rule, *rows)]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)
