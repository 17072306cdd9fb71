"""Finds the names of a list in a text, however they are spelled there."""

import bisect
import dataclasses
import functools
import re
import unicodedata
from collections.abc import Sequence
from typing import NamedTuple

from deemo_jax.core.errors import UserError
from deemo_jax.deid.text.spans import TAG, Kind, Span, clean
from deemo_jax.deid.text.word_lists import COMMON

# Names of a list, and characters of a name, at most.
MAX_NAMES = 20_000
MAX_NAME = 200
# Characters between two words of one name, at most: " - ".
WIDEST_GAP = 3
# Characters that may stand within a name or be left out.
APOSTROPHES = frozenset("'’‘‛ʼʻʹ`´′＇")
JOINTS = APOSTROPHES | frozenset("-‐‑‒–−﹣－.·‧・")
# What after an apostrophe ends a contraction or a possessive: "she'll" is not "Shell".
CLITICS = frozenset(("s", "ll", "m", "re", "ve", "d", "t"))
# Thai, Lao, Myanmar, Hangul, Khmer, kana and Han: (first, last) of their blocks.
UNSPACED = (
    (0x0E00, 0x0EFF), (0x1000, 0x11FF), (0x1780, 0x17FF), (0x3005, 0x3007), (0x3040, 0x318F), (0x31F0, 0x31FF),
    (0x3400, 0x4DBF), (0x4E00, 0x9FFF), (0xAC00, 0xD7A3), (0xF900, 0xFAFF), (0x20000, 0x3FFFF),
)  # fmt: skip
# Han and Hangul: two of their letters are looked for on their own, as three of an alphabet are.
DENSE = re.compile("[\u3400-\u9fff\uac00-\ud7a3\U00020000-\U0003ffff]{2,}")
# Letters that Unicode does not decompose, or that are transliterated in more than one way.
LETTERS: dict[str, tuple[str, ...]] = {
    "ł": ("l",), "đ": ("d", "dj"), "ø": ("o", "oe"), "ı": ("i",), "æ": ("ae",), "œ": ("oe",), "ß": ("ss",),
    "þ": ("th",), "ð": ("d", "dh"), "ħ": ("h",), "ŧ": ("t",), "ŋ": ("ng", "n"), "ə": ("a", "e"),
    "å": ("a", "aa"), "ä": ("a", "ae"), "ö": ("o", "oe"), "ü": ("u", "ue"),
}  # fmt: skip


class Names:
    """A list of names that are always removed, in any spelling, where they are whole words.

    Case and accents are ignored, transliterated letters ("ø" as "o" or "oe", "đ" as "d" or "dj") are found either way,
    and apostrophes, hyphens and inner dots may differ or be absent. A name of eight or more letters is also found
    without its blanks. In scripts without blanks between words (`UNSPACED`) a name is found anywhere.

    Each part of three or more letters (two of Han or Hangul) is also looked for on its own, unless it is a common word:
    of "Will Hope" only the whole. An entry may begin with its tag, as in "[TEAM] Harbour Rovers"; without one it is a
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


# A text may split a name by so many more apostrophes and hyphens than the list.
_MORE_PIECES = 6
# Names of so many letters are found without their blanks: shorter ones would be other words.
_LONG = 8
# Spellings of one word, at most; further letters are transliterated in their first way only.
_MOST_SPELLINGS = 16


@dataclasses.dataclass(frozen=True, slots=True)
class _Piece:
    """A word, or one letter of a script without blanks.

    Attributes:
        start: its first character.
        end: the one after its last.
        spellings: without case and accents, in every transliteration.
        firm: whether a blank or the like separates it from the piece before.
        apart: whether any character does.
    """

    start: int
    end: int
    spellings: tuple[str, ...]
    firm: bool
    apart: bool


class _Gaps(NamedTuple):
    """Where pieces end: bit n is set where one ends after n letters; in `firm` only those before a blank."""

    firm: int = 0
    all: int = 0

    def allow(self, other: "_Gaps") -> bool:
        """Whether the other has blanks only where pieces end here."""
        return not other.firm & ~self.all


class _Written(NamedTuple):
    """Pieces in one spelling: all their letters, and where pieces end."""

    letters: str = ""
    gaps: _Gaps = _Gaps()

    def and_then(self, piece: _Piece) -> "list[_Written]":
        """This with a further piece, in each of the piece's spellings."""
        gaps = self.gaps
        if self.letters:
            here = 1 << len(self.letters)
            gaps = _Gaps(gaps.firm | here if piece.firm else gaps.firm, gaps.all | here)
        return [_Written(self.letters + spelling, gaps) for spelling in piece.spellings]


def _written(pieces: Sequence[_Piece]) -> list[_Written]:
    """Pieces in all their spellings, the plainest first."""
    ways = [_Written()]
    for piece in pieces:
        ways = [whole for each in ways for whole in each.and_then(piece)][:_MOST_SPELLINGS]
    return ways


def _parts(pieces: Sequence[_Piece]) -> list[list[_Piece]]:
    """The parts of a name that are looked for on their own: between blanks ("O'Brien"), and between marks ("Brien")."""
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
    """The words of a text; of scripts without blanks each letter; and clitics, such as "ll" in "she'll"."""
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
            # A combining mark belongs to the letter before it.
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
    """Every spelling of a word, the plainest first."""
    ways = [""]
    for letter in letters:
        kept = letter if len(ways) * len(letter) <= _MOST_SPELLINGS else letter[:1]
        ways = [way + each for way in ways for each in kept]
    return tuple(dict.fromkeys(unicodedata.normalize("NFC", way) for way in ways))


@functools.lru_cache(4096)
def _ways(character: str) -> tuple[tuple[str, ...] | None, bool]:
    """The spellings of a character without case and accents.

    Returns:
        The spellings, "" for a combining accent, None for what is no letter or digit; and whether its script has no
            blanks between words.
    """
    if character in JOINTS:
        return None, False
    known = LETTERS.get(character.lower())
    if known:
        return known, False
    whole = unicodedata.normalize("NFKC", character)
    if any(first <= ord(each) <= last for each in whole for first, last in UNSPACED):
        # The marks of these scripts are vowels and tones, and stay.
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
    """Whether a character is a combining accent, and not, say, a vowel sign of an Indian script."""
    return bool(unicodedata.combining(character)) or (
        _is_mark(character) and (ord(character) < 0x0590 or 0xFE00 <= ord(character) <= 0xFE0F)
    )
