"""What every part of the audit hands to its report: tables, pictures, plain words, and the numbers behind them."""

import dataclasses
from collections.abc import Mapping
from typing import Any


@dataclasses.dataclass(frozen=True, slots=True)
class Table:
    """A table of text.

    Attributes:
        caption: what it shows, with n.
        header: one cell a column.
        rows: as wide as the header.
    """

    caption: str
    header: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]

    def text(self) -> str:
        """The table for a terminal, columns aligned."""
        lines = (self.header, *self.rows)
        widths = [max(len(line[column]) for line in lines) for column in range(len(self.header))]
        return "\n".join(
            "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip() for line in lines
        )


@dataclasses.dataclass(frozen=True, slots=True)
class Figure:
    """A picture.

    Attributes:
        caption: what it shows.
        png: the file's bytes.
    """

    caption: str
    png: bytes = dataclasses.field(repr=False)


@dataclasses.dataclass(frozen=True, slots=True)
class Section:
    """One part of the audit.

    Attributes:
        name: key of its numbers in the JSON report.
        title: heading.
        tables: in order.
        figures: in order.
        notes: sentences that a reader must know: what was measured, with what attacker, what was not measured.
        numbers: plain JSON values.
        failures: promises that are broken, in words; empty when all hold.
    """

    name: str
    title: str
    tables: tuple[Table, ...] = ()
    figures: tuple[Figure, ...] = ()
    notes: tuple[str, ...] = ()
    numbers: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    failures: tuple[str, ...] = ()


def not_measured(name: str, title: str, why: str, **numbers: None) -> Section:
    """A section that says what it would need."""
    return Section(name=name, title=title, notes=(f"{why[0].upper()}{why[1:]}.",), numbers=numbers)
