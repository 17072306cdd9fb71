"""What every part of the audit hands to its report: tables, pictures, plain words, and the numbers behind them."""

import dataclasses
from collections.abc import Mapping
from typing import Any

from deemo_jax.core.tables import Table


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
