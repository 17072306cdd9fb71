"""Text without names: what identifies is replaced by typed tags, and on record is where, never what.

The rules know English. They lower what a reader learns at a glance; they do not make a text anonymous: who knows the
story, or compares the wording, may still know the speaker.
"""

import dataclasses
import itertools
import re
import unicodedata
from collections.abc import Iterable, Sequence
from typing import Literal, Protocol, get_args

from deemo_jax.deid.lists import COMMON
from deemo_jax.errors import UserError

Kind = Literal["NAME", "TEAM", "PLACE", "DATE", "NUMBER", "CONTACT"]
KINDS: tuple[Kind, ...] = get_args(Kind)
TAG = re.compile(rf"\[(?:{'|'.join(KINDS)})\]")
MAX_CHARACTERS = 100_000
MAX_NAMES = 20_000
MAX_NAME = 200
# Characters between two words of one name: ". " or " - ".
WIDEST_GAP = 3


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


class Engine(Protocol):
    """Finds what identifies. An engine may overlook what another finds; project names are looked for beside it."""

    @property
    def method(self) -> str:
        """Name and version, for the record."""

    def find(self, text: str) -> Iterable[Span]:
        """Spans of `text` (as `clean` leaves it), in any order; they may overlap."""


@dataclasses.dataclass(frozen=True, slots=True)
class Redaction:
    """A text after its replacements.

    Attributes:
        text: with tags such as [NAME].
        replacements: (kind, start, end) of every tag in `text`, in order; tags that stood there already are among them.
    """

    text: str
    replacements: tuple[tuple[Kind, int, int], ...]


def redact(text: str, names: "Names | Sequence[str]" = (), engine: Engine | None = None) -> Redaction:
    """Replaces what identifies in a text by typed tags; doing it again changes nothing.

    Args:
        text: at most 100,000 characters.
        names: to be removed always, whatever the engine says; see `Names`.
        engine: default: `deemo_jax.deid.text_rules.Rules`.

    Raises:
        UserError: the text is too long, or a name is none.
    """
    text = clean(text)
    parts, replacements, here, length = [], [], 0, 0
    for span in find(text, names, engine):
        tag = f"[{span.kind}]"
        parts += [text[here : span.start], tag]
        start = length + span.start - here
        length, here = start + len(tag), span.end
        replacements.append((span.kind, start, length))
    return Redaction("".join([*parts, text[here:]]), tuple(replacements))


def find(text: str, names: "Names | Sequence[str]" = (), engine: Engine | None = None) -> list[Span]:
    """What `redact` would replace in a text that `clean` has been through: in order, without overlaps.

    Tags that stand in the text are spans of their own. Where finds overlap, their union goes under the tag of the
    first; project names win over the engine.

    Raises:
        UserError: as `redact`.
    """
    if len(text) > MAX_CHARACTERS:
        raise UserError(f"a text of {len(text)} characters; give at most {MAX_CHARACTERS:,} at once")
    if engine is None:
        from deemo_jax.deid.text_rules import Rules  # which imports this module

        engine = Rules()
    tags = [Span(m.start(), m.end(), m[0][1:-1]) for m in TAG.finditer(text)]  # type: ignore[arg-type]
    known = (names if isinstance(names, Names) else Names(names)).find(text)
    found = [span for span in engine.find(text) if 0 <= span.start < span.end <= len(text) and span.kind in KINDS]
    return _joined(_outside(known, tags, text) + tags, _outside(found, tags, text))


def clean(text: str) -> str:
    """The text in Unicode's composed form, without invisible characters, which could split a name."""
    kept = (c if c in "\n\t" or unicodedata.category(c) not in ("Cc", "Cf", "Cs", "Co") else "" for c in text)
    return unicodedata.normalize("NFC", "".join(kept))


class Names:
    """Names that a project always removes, found in any case, with and without accents, as whole words.

    Each part of three or more letters is looked for on its own, too, unless it is a common word ("Will Hope" is
    removed as a whole only). An entry may begin with its tag: "[TEAM] Harbour Rovers"; else it is a [NAME].

    Args:
        entries: one name each.

    Raises:
        UserError: too many, or an entry without a letter or digit, or too long.
    """

    def __init__(self, entries: Sequence[str] = ()) -> None:
        if len(entries) > MAX_NAMES:
            raise UserError(f"names: {len(entries)} of them; give at most {MAX_NAMES:,}")
        self._kinds: dict[tuple[str, ...], Kind] = {}
        for entry in entries:
            tag = TAG.match(entry)
            kind: Kind = tag[0][1:-1] if tag else "NAME"  # type: ignore[assignment]
            name = entry[tag.end() :] if tag else entry
            words = tuple(_WORD.findall(_folded(clean(name))[0]))
            if not words or len(name) > MAX_NAME:
                raise UserError(
                    f"names: {name[:40].strip()!r} is no name; give one a line, of at most {MAX_NAME} characters"
                )
            self._kinds[words] = kind
            for word in words:
                if len(word) >= 3 and word not in COMMON:
                    self._kinds.setdefault((word,), kind)
        self._lengths = sorted({len(name) for name in self._kinds}, reverse=True)

    def __len__(self) -> int:
        """How many names and parts of names are looked for."""
        return len(self._kinds)

    def find(self, text: str) -> list[Span]:
        """Spans of the names in `text`, the longest first where two begin together; a possessive 's stays outside."""
        if not self._kinds:
            return []
        folded, origin = _folded(text)
        words = list(_WORD.finditer(folded))
        found, at = [], 0
        while at < len(words):
            length = next((n for n in self._lengths if self._is_name(words[at : at + n], n)), 0)
            if length:
                last = words[at + length - 1]
                kind = self._kinds[tuple(word[0] for word in words[at : at + length])]
                found.append(Span(origin[words[at].start()], origin[last.end() - 1] + 1, kind))
            at += max(length, 1)
        return found

    def _is_name(self, words: Sequence[re.Match[str]], length: int) -> bool:
        if len(words) < length or tuple(word[0] for word in words) not in self._kinds:
            return False
        return all(b.start() - a.end() <= WIDEST_GAP for a, b in itertools.pairwise(words))


_WORD = re.compile(r"[^\W_]+")


def _folded(text: str) -> tuple[str, list[int]]:
    """Lower case without accents, and for each character where it came from."""
    letters: list[str] = []
    origin: list[int] = []
    for place, character in enumerate(text):
        for letter in unicodedata.normalize("NFKD", character).casefold():
            if not unicodedata.combining(letter):
                letters.append(letter)
                origin.append(place)
    return "".join(letters), origin


def _outside(spans: Iterable[Span], tags: Sequence[Span], text: str) -> list[Span]:
    """The spans less the tags that they touch: what lies beside a tag goes all the same."""
    taken = bytearray(len(text))
    for tag in tags:
        taken[tag.start : tag.end] = b"\1" * (tag.end - tag.start)
    pieces: list[Span] = []
    for span in spans:
        if not any(taken[span.start : span.end]):
            pieces.append(span)
            continue
        for is_tag, places in itertools.groupby(range(span.start, span.end), key=lambda place: taken[place]):
            inside = [place for place in places if not is_tag and text[place].isalnum()]
            if inside:
                pieces.append(Span(inside[0], inside[-1] + 1, span.kind))
    return pieces


def _joined(first: Iterable[Span], second: Iterable[Span] = ()) -> list[Span]:
    """In order, overlaps united; the kind is that of the earlier list, then of the longer span."""
    ranked = [(s.start, s.end, 0, s) for s in first] + [(s.start, s.end, 1, s) for s in second]
    joined: list[tuple[int, int, tuple[int, int], Kind]] = []
    for start, end, rank, span in sorted(ranked, key=lambda r: (r[0], -r[1], r[2])):
        weight = (-rank, end - start)
        if joined and start < joined[-1][1]:
            left, right, heavier, kind = joined[-1]
            kind, heavier = (span.kind, weight) if weight > heavier else (kind, heavier)
            joined[-1] = (left, max(right, end), heavier, kind)
        else:
            joined.append((start, end, weight, span.kind))
    return [Span(start, end, kind) for start, end, _, kind in joined]
