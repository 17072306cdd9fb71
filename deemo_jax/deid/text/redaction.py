"""Text without names: what identifies is replaced by typed tags, and on record is where, never what.

The rules know English. They lower what a reader learns at a glance; they do not make a text anonymous: who knows the
story, or compares the wording, may still know the speaker.
"""

import bisect
import dataclasses
import functools
import itertools
import re
import unicodedata
from collections.abc import Iterable, Sequence
from typing import Literal, NamedTuple, Protocol, get_args, runtime_checkable

from deemo_jax.core.errors import UserError
from deemo_jax.deid.text.word_lists import APOSTROPHES, CLITICS, COMMON, DENSE, JOINTS, LETTERS, UNSPACED

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


def redact(text: str, names: "Names | Sequence[str]" = (), engine: Engine | None = None) -> Redaction:
    """Replaces what identifies in a text by typed tags; doing it again changes nothing.

    Args:
        text: at most 100,000 characters.
        names: to be removed always, whatever the engine says; see `Names`.
        engine: default: `deemo_jax.deid.text.rules.Rules`.

    Raises:
        UserError: the text is too long, or a name is none.
    """
    text = clean(text)
    return replaced(text, find(text, names, engine))


def replaced(text: str, spans: Iterable[Span]) -> Redaction:
    """The text with a tag in place of each span; these are in order and do not overlap."""
    parts, replacements, here, length = [], [], 0, 0
    for span in spans:
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
        from deemo_jax.deid.text.rules import Rules  # which imports this module

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
    """Names that a project always removes, in any spelling, as whole words.

    Case and accents count for nothing, letters that are written out ("ø" as "o" or "oe", "đ" as "d" or "dj") are found
    either way, and apostrophes, hyphens and inner dots may differ or be absent. A name of eight or more letters is
    found without its blanks, too. Scripts without blanks between words (`lists.UNSPACED`) have no whole words: a name
    is found there within whatever it stands in.

    Each part of three or more letters (two of Han or Hangul) is looked for on its own, too, unless it is a common word
    ("Will Hope" is removed as a whole only). An entry may begin with its tag: "[TEAM] Harbour Rovers"; else it is a
    [NAME].

    Args:
        entries: one name each.

    Raises:
        UserError: too many, or an entry without a letter or digit, or too long.
    """

    def __init__(self, entries: Sequence[str] = ()) -> None:
        if len(entries) > MAX_NAMES:
            raise UserError(f"names: {len(entries)} of them; give at most {MAX_NAMES:,}")
        self._kinds: dict[str, dict[_Gaps, Kind]] = {}
        known: set[_Written] = set()
        most = 0
        parts: list[tuple[list[_Piece], Kind]] = []
        for entry in entries:
            tag = TAG.match(entry)
            kind: Kind = tag[0][1:-1] if tag else "NAME"  # type: ignore[assignment]
            name = entry[tag.end() :] if tag else entry
            pieces = _pieces(clean(name), clitics=frozenset())
            if not pieces or len(name) > MAX_NAME:
                raise UserError(
                    f"names: {name[:40].strip()!r} is no name; give one a line, of at most {MAX_NAME} characters"
                )
            for written in _written(pieces):
                self._kinds.setdefault(written.letters, {})[written.gaps] = kind
            known.add(_written(pieces)[0])
            most = max(most, len(pieces))
            parts += [(part, kind) for part in _parts(pieces)]
        # A part that is a name of its own keeps that name's kind.
        for part, kind in parts:
            for written in _written(part):
                self._kinds.setdefault(written.letters, {}).setdefault(written.gaps, kind)
            known.add(_written(part)[0])
        self._count = len(known)
        self._most = most + _MORE_PIECES
        self._sorted = sorted(self._kinds)

    def __len__(self) -> int:
        """How many names and parts of names are looked for."""
        return self._count

    def find(self, text: str) -> list[Span]:
        """Spans of the names in `text`, the longest first where two begin together; a possessive 's stays outside."""
        if not self._kinds:
            return []
        pieces = _pieces(text)
        found, at = [], 0
        while at < len(pieces):
            length, kind = self._longest(pieces, at)
            if kind:
                found.append(Span(pieces[at].start, pieces[at + length - 1].end, kind))
            at += max(length, 1)
        return found

    def _longest(self, pieces: Sequence["_Piece"], first: int) -> tuple[int, Kind | None]:
        """The longest name that begins with a piece: of how many pieces, and its kind."""
        best: tuple[int, Kind | None] = (0, None)
        begun = [_Written()]
        for at in range(first, min(first + self._most, len(pieces))):
            piece = pieces[at]
            if at > first and piece.start - pieces[at - 1].end > WIDEST_GAP:
                break
            begun = [whole for each in begun for whole in each.and_then(piece) if self._begins(whole.letters)]
            begun = begun[:_MOST_SPELLINGS]
            if not begun:
                break
            kind = next((kind for whole in begun if (kind := self._kind(whole))), None)
            best = (at - first + 1, kind) if kind else best
        return best

    def _begins(self, letters: str) -> bool:
        place = bisect.bisect_left(self._sorted, letters)
        return place < len(self._sorted) and self._sorted[place].startswith(letters)

    def _kind(self, said: "_Written") -> Kind | None:
        """The kind of the name with these letters, if blanks stand where they may."""
        for gaps, kind in self._kinds.get(said.letters, {}).items():
            if gaps.allow(said.gaps) and (said.gaps.allow(gaps) or len(said.letters) >= _LONG):
                return kind
        return None


# So many apostrophes and hyphens may a text have that the listed name lacks.
_MORE_PIECES = 6
# Names of so many letters are no other word when their blanks are left out.
_LONG = 8
# Spellings of one word: more letters than this many doubtful ones are written out in the first way only.
_MOST_SPELLINGS = 16


@dataclasses.dataclass(frozen=True, slots=True)
class _Piece:
    """A word, or one letter of a script without blanks.

    Attributes:
        start: its first character.
        end: the one after its last.
        spellings: it without case and accents, in every way of writing it out.
        firm: whether a blank or the like parts it from the piece before.
        apart: whether anything does.
    """

    start: int
    end: int
    spellings: tuple[str, ...]
    firm: bool
    apart: bool


class _Gaps(NamedTuple):
    """After how many letters pieces end, one bit each: `firm` where a blank stands, `all` where it may."""

    firm: int = 0
    all: int = 0

    def allow(self, other: "_Gaps") -> bool:
        """Whether the other has blanks only where one may stand here."""
        return not other.firm & ~self.all


class _Written(NamedTuple):
    """Pieces in one way of writing them: all their letters, and where pieces end."""

    letters: str = ""
    gaps: _Gaps = _Gaps()

    def and_then(self, piece: _Piece) -> "list[_Written]":
        """This with one piece more, in each of its spellings."""
        gaps = self.gaps
        if self.letters:
            here = 1 << len(self.letters)
            gaps = _Gaps(gaps.firm | here if piece.firm else gaps.firm, gaps.all | here)
        return [_Written(self.letters + spelling, gaps) for spelling in piece.spellings]


def _written(pieces: Sequence[_Piece]) -> list[_Written]:
    ways = [_Written()]
    for piece in pieces:
        ways = [whole for each in ways for whole in each.and_then(piece)][:_MOST_SPELLINGS]
    return ways


def _parts(pieces: Sequence[_Piece]) -> list[list[_Piece]]:
    """What is looked for on its own, too: what stands between blanks ("O'Brien"), and the words of that ("Brien")."""
    parts = [part for firm in (True, False) for part in _split(pieces, firm)]
    letters = [_written(part)[0].letters for part in parts]
    return [
        part
        for part, said in zip(parts, letters, strict=True)
        if said not in COMMON and (len(said) >= 3 or DENSE.fullmatch(said))
    ]


def _split(pieces: Sequence[_Piece], firm: bool) -> list[list[_Piece]]:
    parts: list[list[_Piece]] = []
    for piece in pieces:
        if not parts or (piece.firm if firm else piece.apart):
            parts.append([])
        parts[-1].append(piece)
    return parts


def _pieces(text: str, clitics: frozenset[str] = CLITICS) -> list[_Piece]:
    """The words of a text, and the letters of scripts without blanks one by one; clitics are words of their own."""
    pieces: list[_Piece] = []
    place = 0
    while place < len(text):
        start, (ways, alone) = place, _ways(text[place])
        place += 1
        if ways is None:
            continue
        spelled = [ways]
        while place < len(text):
            ways, next_alone = _ways(text[place])
            # Marks belong to the letter before them.
            if ways is None or (ways != ("",) and not _is_mark(ways[0]) and (alone or next_alone)):
                break
            spelled.append(ways)
            place += 1
        spellings = _spellings(spelled)
        if spellings == ("",):
            continue
        between = text[pieces[-1].end : start] if pieces else ""
        clitic = between in APOSTROPHES and spellings[0] in clitics
        firm = clitic or bool(set(between) - JOINTS)
        pieces.append(_Piece(start, place, spellings, firm, bool(between)))
    return pieces


def _spellings(letters: Sequence[tuple[str, ...]]) -> tuple[str, ...]:
    """Every way of writing out a word, the plainest first."""
    ways = [""]
    for letter in letters:
        kept = letter if len(ways) * len(letter) <= _MOST_SPELLINGS else letter[:1]
        ways = [way + each for way in ways for each in kept]
    return tuple(dict.fromkeys(unicodedata.normalize("NFC", way) for way in ways))


@functools.lru_cache(4096)
def _ways(character: str) -> tuple[tuple[str, ...] | None, bool]:
    """How a character is written without case and accents, and whether its script has no blanks; None if no letter.

    An accent of its own is written as nothing.
    """
    if character in JOINTS:
        return None, False
    known = LETTERS.get(character.lower())
    if known:
        return known, False
    whole = unicodedata.normalize("NFKC", character)
    if any(first <= ord(each) <= last for each in whole for first, last in UNSPACED):
        # Their marks are vowels and tones, not accents.
        kept = "".join(each for each in whole if each.isalnum() or _is_mark(each))
        return ((kept,), True) if kept else (None, False)
    taken_apart = unicodedata.normalize("NFKD", character).casefold()
    plain = "".join(each for each in unicodedata.normalize("NFKD", taken_apart) if not _is_accent(each))
    kept = "".join(each for each in plain if each.isalnum() or _is_mark(each))
    if kept:
        return tuple(LETTERS.get(kept, (kept,))), False
    return (("",) if not plain and taken_apart else None), False


def _is_mark(letters: str) -> bool:
    return bool(letters) and all(unicodedata.category(each)[0] == "M" for each in letters)


def _is_accent(character: str) -> bool:
    """A mark that a name may go without: no vowel sign of an Indian script, say."""
    return bool(unicodedata.combining(character)) or (
        _is_mark(character) and (ord(character) < 0x0590 or 0xFE00 <= ord(character) <= 0xFE0F)
    )


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
