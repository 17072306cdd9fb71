"""What a reasoning claims of each source, the words, the voice, the body: the clauses that name it, found by rules."""

import dataclasses
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from deemo_jax.core.errors import UserError
from deemo_jax.core.files import read_json
from deemo_jax.core.schema import Modality
from deemo_jax.evaluation.reading.clauses import clauses, folded, word_set, words_of

# The sources that are known without a file of one's own.
OWN = Path(__file__).with_name("claim_sources.json")
FORM = '{"voice": {"masks": ["audio"], "words": ["voice", "intonation", "gestur*"]}, ...}'
# The most that is read: bytes of a file, sources, words of a source, characters of a word and of a source's name.
MAX_BYTES = 1 << 20
MAX_SOURCES = 20
MAX_WORDS = 1000
MAX_LENGTH = 60
# Claims of one source that are read of one answer, at most: all of them are compared with each other.
MAX_CLAIMS = 50
# Words without which a claim says the same.
_EMPTY = word_set(
    "a an and are as at be been being both but by can could did do does for from had has have he her him his i in is "
    "it its itself may might of on or person seem seems she should shows showing so speaker speaker's that the their "
    "them there they this those to was were which while who whose with would very quite rather"
)
_DENIALS = word_set("no not never neither nor none without cannot nothing")
# A clause that says of a source that it was not there claims nothing of it: it has one of the first words, or a denial
# and one of the others.
_ABSENT = word_set("missing unavailable withheld masked muted absent")
_GIVEN = word_set("available given provided present heard hear seen see visible shown included there exist exists")
# Letters by which words are compared: "trembles" and "trembling" are alike.
STEM = 5
# The share of a claim's words that another must have to be the same claim.
ALIKE = 0.5


@dataclasses.dataclass(frozen=True, slots=True)
class Source:
    """A source of cues.

    Attributes:
        name: e.g. "voice".
        masks: the modalities that it is perceived through.
        pattern: finds its words in the words of a clause, parted by single spaces.
    """

    name: str
    masks: frozenset[Modality]
    pattern: re.Pattern[str]


@dataclasses.dataclass(frozen=True, slots=True)
class Claim:
    """What is said of a source in one clause.

    Attributes:
        content: beginnings of the words that carry it, without those that name the source.
        denied: whether the clause denies something.
    """

    content: frozenset[str]
    denied: bool = False

    def again(self, other: "Claim") -> bool:
        """Whether another claim, of the same source, has at least half of the words of this one."""
        alike = len(self.content & other.content) >= ALIKE * len(self.content)
        return alike and self.denied == other.denied


def read_sources(path: Path | None = None) -> list[Source]:
    """Reads sources and the words that name them.

    Args:
        path: JSON of the form `FORM`; None for this project's own.

    Raises:
        UserError: the file is malformed.
    """
    path = path or OWN
    table = read_json(path, MAX_BYTES)
    if not isinstance(table, dict) or not 1 <= len(table) <= MAX_SOURCES:
        raise UserError(f"{path}: must have 1 to {MAX_SOURCES} sources, as in {FORM}")
    return [_source(name, row, path) for name, row in table.items()]


def claims(text: str, source: Source) -> list[Claim]:
    """What a text claims of a source, clause by clause; the first `MAX_CLAIMS`."""
    found: list[Claim] = []
    for clause in clauses(folded(text)):
        if len(found) == MAX_CLAIMS:
            break
        said = " ".join(clause.words)
        if not source.pattern.search(said):
            continue
        words = source.pattern.sub(" ", said).split()
        denied = any(word in _DENIALS or word.endswith("n't") for word in words)
        kept = set(words) - _EMPTY - _DENIALS
        if kept & _ABSENT or (denied and (kept & _GIVEN or not kept)):
            continue
        found.append(Claim(frozenset(word[:STEM] for word in kept if not word.endswith("n't")), denied))
    return found


def _source(name: str, row: Any, path: Path) -> Source:
    if not name.isprintable() or not 1 <= len(name) <= MAX_LENGTH:
        raise UserError(f"{path}: {name[:MAX_LENGTH]!r} is no name of a source")
    if not isinstance(row, Mapping) or set(row) != {"masks", "words"}:
        raise UserError(f"{path}: {name!r} must have masks and words, as in {FORM}")
    masks, words = row["masks"], row["words"]
    if not isinstance(masks, list) or not masks or not all(isinstance(mask, str) for mask in masks):
        raise UserError(f"{path}: {name!r} must list the modalities that it is perceived through in masks")
    if not isinstance(words, list) or not 1 <= len(words) <= MAX_WORDS:
        raise UserError(f"{path}: {name!r} must list 1 to {MAX_WORDS} words")
    try:
        modalities = Modality.parse_set(",".join(masks))
    except UserError as error:
        raise UserError(f"{path}: {name!r}: {error}") from error
    # Longer ones first, so that "tone of voice" is taken whole.
    patterns = sorted((_pattern(word, name, path) for word in words), key=len, reverse=True)
    return Source(name, modalities, re.compile(rf"(?<!\S)(?:{'|'.join(patterns)})(?!\S)"))


def _pattern(word: Any, name: str, path: Path) -> str:
    """The pattern of a word or phrase; one that ends in * stands for all that begin so."""
    parts = words_of(word) if isinstance(word, str) and len(word) <= MAX_LENGTH else ()
    if not parts:
        raise UserError(f"{path}: {name!r} lists {str(word)[:40]!r}, which is no word or phrase")
    return " ".join(map(re.escape, parts)) + (r"[^\s]*" if word.endswith("*") else "")
