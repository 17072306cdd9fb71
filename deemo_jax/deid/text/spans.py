"""What identifies in a text: stretches of it, what finds them, and the tags that take their place."""

import dataclasses
import re
import unicodedata
from collections.abc import Iterable
from typing import Literal, Protocol, get_args, runtime_checkable

Kind = Literal["NAME", "TEAM", "PLACE", "DATE", "NUMBER", "CONTACT"]
KINDS: tuple[Kind, ...] = get_args(Kind)
TAG = re.compile(rf"\[(?:{'|'.join(KINDS)})\]")


@dataclasses.dataclass(frozen=True, slots=True, order=True)
class Span:
    """A stretch of text that identifies.

    Attributes:
        start: first character.
        end: the one after the last.
        kind: what it is.
    """

    start: int
    end: int
    kind: Kind


@runtime_checkable
class Engine(Protocol):
    """Finds what identifies. An engine may overlook what another finds; project names are looked for beside it.

    One that cannot read every text says so (`Limited`).
    """

    @property
    def method(self) -> str:
        """Name and version, for the record."""

    def find(self, text: str) -> Iterable[Span]:
        """Spans of `text` (as `clean` leaves it), in any order; they may overlap."""


@runtime_checkable
class Limited(Protocol):
    """An engine that knows what it cannot read."""

    def unread(self, text: str) -> str | None:
        """Why it cannot read a text (as `clean` leaves it; tags count for nothing); None where it can."""


@dataclasses.dataclass(frozen=True, slots=True)
class Redaction:
    """A text after its replacements.

    Attributes:
        text: with tags such as [NAME].
        replacements: (kind, start, end) of every tag in `text`, in order; tags that stood there already are among them.
    """

    text: str
    replacements: tuple[tuple[Kind, int, int], ...]


def clean(text: str) -> str:
    """The text in Unicode's composed form, without invisible characters, which could split a name."""
    kept = (c if c in "\n\t" or unicodedata.category(c) not in ("Cc", "Cf", "Cs", "Co") else "" for c in text)
    return unicodedata.normalize("NFC", "".join(kept))
