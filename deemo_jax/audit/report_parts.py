"""What each part of the audit hands to the report: tables, pictures, notes, numbers and broken promises."""

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
        notes: sentences for a reader: what was measured, with which attacker, what was not measured.
        numbers: values that JSON can hold.
        failures: promises that are broken, in words.
    """

    name: str
    title: str
    tables: tuple[Table, ...] = ()
    figures: tuple[Figure, ...] = ()
    notes: tuple[str, ...] = ()
    numbers: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    failures: tuple[str, ...] = ()


def not_measured(name: str, title: str, why: str, **numbers: None) -> Section:
    """A section that was not measured.

    Args:
        name: as in `Section`.
        title: as in `Section`.
        why: what it would need; half a sentence.
        numbers: keys of its numbers, each None.
    """
    return Section(name=name, title=title, notes=(f"{why[0].upper()}{why[1:]}.",), numbers=numbers)
