"""Spans of text that identify somebody, the protocol of engines that find them, and the tags that replace them."""

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
    """A part of a text that identifies somebody.

    Attributes:
        start: index of its first character.
        end: index after its last character.
        kind: which tag replaces it.
    """

    start: int
    end: int
    kind: Kind


@runtime_checkable
class Engine(Protocol):
    """Anything that finds identifying spans in texts. Listed names are looked for independently of it.

    An engine that cannot read every text is `Limited`, too.
    """

    @property
    def method(self) -> str:
        """Name and version, for the record."""

    def find(self, text: str) -> Iterable[Span]:
        """The spans of a text that `clean` returned, in any order; they may overlap."""


@runtime_checkable
class Limited(Protocol):
    """An engine that can tell which texts it cannot read."""

    def unread(self, text: str) -> str | None:
        """Why it cannot read a text that `clean` returned, tags ignored; None where it can."""


@dataclasses.dataclass(frozen=True, slots=True)
class Redaction:
    """A text after its replacements.

    Attributes:
        text: with tags such as [NAME].
        replacements: (kind, start, end) of every tag in `text`, in order, including tags of an earlier redaction.
    """

    text: str
    replacements: tuple[tuple[Kind, int, int], ...]


def clean(text: str) -> str:
    """The text in Unicode's composed form, without invisible characters, which could split a name."""
    kept = (c if c in "\n\t" or unicodedata.category(c) not in ("Cc", "Cf", "Cs", "Co") else "" for c in text)
    return unicodedata.normalize("NFC", "".join(kept))
