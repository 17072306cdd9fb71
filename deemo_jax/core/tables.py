"""Tables of text: aligned for a terminal, as Markdown, or as LaTeX; cells may hold text of unknown origin."""

import dataclasses
import re
from collections.abc import Collection, Iterable, Sequence

from deemo_jax.core.errors import plain

GAP = "  "
# Characters that mean something to LaTeX; `[` would be an argument of the end of the line before.
LATEX = {char: f"\\{char}" for char in "&%$#_{}"}
LATEX |= {"\\": r"\textbackslash{}", "~": r"\textasciitilde{}", "^": r"\textasciicircum{}", "[": "{[}"}
LATEX |= {"<": r"\textless{}", ">": r"\textgreater{}", "|": r"\textbar{}"}
# What begins a mark-up, a tag, a link or a cell in Markdown; '_' within a word, '<' before a number and so on do not.
MARKDOWN = re.compile(r"[\\`*|]|(?<!\w)_|_(?!\w)|<(?=[A-Za-z/!?])|(?<=\])[(\[:]|(?<=!)\[")
# What a spreadsheet takes for the beginning of a formula.
FORMULA = tuple("=+-@\t\r")


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
        """The table for a Markdown page, without its caption; cells are shown as they are, see `as_markdown`."""
        return _markdown([list(map(as_markdown, line)) for line in (self.header, *self.rows)], self.right)

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
    """A table in Markdown of cells in Markdown; `|` within a cell is escaped."""
    return _markdown([[cell.replace("|", "\\|") for cell in line] for line in (header, *rows)], right)


def _markdown(lines: Sequence[Sequence[str]], right: Collection[int]) -> str:
    rule = ["---:" if column in right else "---" for column in range(len(lines[0]))]
    return "\n".join(f"| {' | '.join(line)} |" for line in (lines[0], rule, *lines[1:]))


def as_markdown(text: str) -> str:
    """A text, such as the name of a file, as a line of Markdown that shows it as it is: no mark-up, tag or link."""
    return MARKDOWN.sub(r"\\\g<0>", plain(text))


def as_csv(text: str) -> str:
    """A text as a cell of a CSV file: with `'` in front where a spreadsheet would take it for a formula."""
    return f"'{text}" if text.startswith(FORMULA) else text
