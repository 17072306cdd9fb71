"""Rules that find identifying words in English speech, offline: by capitals and the words beside them, by patterns and
by word lists.

In text without capitals, as some recognisers write it, names are found only by lists and by words such as "my name is";
give a list of names of your own there.
"""

import dataclasses
import re
from collections.abc import Iterable, Iterator, Sequence

from deemo_jax.deid.text.patterns import PATTERNS, spelled_runs
from deemo_jax.deid.text.readable import unread
from deemo_jax.deid.text.spans import TAG, Kind, Span
from deemo_jax.deid.text.word_lists import (
    ACRONYMS,
    COMMON,
    DEEDS,
    GIVEN_NAMES,
    LABELS,
    MONTHS,
    NAME_PARTICLES,
    NAMES_TOO,
    PLACE_ENDINGS,
    PLACES,
    RANKS,
    SUBJECTS,
    TEAM_ENDINGS,
    TITLES,
    UNCALLED,
    WEEKDAYS,
    word_set,
)

# Of the rules, as recorded in stamps; it grows when they find other things.
VERSION = "4"

# A word: letters with apostrophes, hyphens or an initial's dot inside.
_WORD = re.compile(r"[^\W\d_]+(?:['’\-][^\W\d_]+)*")
# Text without blanks, and what tells that it is an address.
_CHUNK, _ADDRESS = re.compile(r"\S+"), re.compile(r"@|://|www\.", re.IGNORECASE)
_POSSESSIVE = re.compile(r"['’]s$", re.IGNORECASE)
# What separates the words of one name.
_WITHIN_NAME = re.compile(r"(?:\.? |-)\Z")
# Particles in a row within a name, such as "von und zu", at most.
_MOST_PARTICLES = 4
# "d'Tellin", "al-Tellin": a name that begins with a small letter.
_ELIDED = re.compile(r"(?:(?:d|l|dell|all|nell|o)['’]|(?:al|el|ul|ash|bin|ibn|abu|ben)-)[A-ZÀ-ÖØ-ÞŁŚŠŽ]")
# Text before a word that begins a sentence.
_SENTENCE_END = re.compile(r"(?:\A|[.!?:…;\n]|[\"“«(]|\A['‘]|[\s]['‘])[\s\"“«('‘\-–—]*\Z")

# Titles after which the next word is a name in any case.
_SURE_TITLES = word_set("mr mrs ms mx dr prof herr frau monsieur madame mme mlle señor señora señorita signor signora")
# What stands between a title and the name, as in "Dr. med.", "Prof. Dr. h. c.", "Dipl.-Ing."; so many words at most.
_MOST_DEGREES = 12
_DEGREES = word_set("med rer nat phil jur iur ing dipl dent vet habil mag theol pol oec h c hc mult") | _SURE_TITLES
# First words of names of teams and institutions; words before a place; verbs of motion before "to", "from" or "for".
_TEAM_BEGINNINGS = word_set("university college bank school institute fc ac real team")
_PLACE_BEFORE = word_set("in at near across outside through around visit visited leaving left")
_MOVES = word_set("went flew moved came travelled traveled drove back home up down live lived go going way")
# Verbs of what only persons do: a sentence's first word before one of them is a name, also "Will", "Grace" or "Mark".
_PERSONAL = word_set(
    "said says told tells asked asks thanked thanks hugged kissed married smiled laughed cried called phoned wrote"
)
# What follows a given name in the name of an account: "mia.tellin_7".
_HANDLE = re.compile(r"(?:[._]\w{1,40}){1,3}")
# The past form of a regular verb.
_DID = re.compile(r"[a-z]{2,}ed")
# Words before a name in any case.
_NAME_BEFORE = re.compile(
    r"\b(?:(?:my|his|her) name is|my name['’]s|i am called|i['’]m called|named|nicknamed) $", re.IGNORECASE
)
# Words of a name, at most.
_LONGEST_NAME = 6
# What follows a name at the beginning of a sentence.
_CALLED = re.compile(r",\s| [-–—]{1,2}\s| (?:too|either|as well)(?:[.!?…]|\Z)")
# Endings of words that are no names although a comma follows: "Exhausted,", "Furious,", "Incredible,".
_UNCALLED_ENDINGS = ("ted", "sed", "ned", "ied", "ous", "ible", "wise", "ity", "ism", "ship", "ance", "ence", "ure")
# Words that begin a sentence and are no names.
_NOBODY = LABELS | UNCALLED | SUBJECTS
# Particles between a given name and the rest of the name.
_PARTICLES = NAME_PARTICLES - word_set("the of and & e y do los lo te")


@dataclasses.dataclass(frozen=True, slots=True)
class _Word:
    """A word of a text.

    Attributes:
        start, end: its place; a possessive "'s" is left out.
        text: as written.
        lower: in small letters.
        capital: whether it begins like a name.
        initial: whether it begins a sentence.
    """

    start: int
    end: int
    text: str
    lower: str
    capital: bool
    initial: bool


class Rules:
    """The default engine; see `deemo_jax.deid.text.spans.Engine`."""

    @property
    def method(self) -> str:
        """Name and version of the rules."""
        return f"deemo_jax rules {VERSION}"

    def unread(self, text: str) -> str | None:
        """Why the rules cannot read a text; None where they can."""
        return unread(text)

    def find(self, text: str) -> Iterator[Span]:
        """The spans found by patterns, by speakers' labels, by capitals, and by lists."""
        for kind, pattern in PATTERNS:
            for match in pattern.finditer(text):
                yield Span(match.start(), match.end(), kind)
        yield from (Span(start, end, "NUMBER") for start, end in spelled_runs(text))
        yield from _torn_addresses(text)
        words = _words(text)
        labels = list(_by_labels(text))
        yield from labels
        if _has_capitals(words, TAG.search(text) is not None):
            called = {word.lower for word in words if any(s.start <= word.start < s.end for s in labels)}
            yield from _by_capitals(text, words, called)
        yield from _by_lists(text, words)


def _torn_addresses(text: str) -> Iterator[Span]:
    """Mail and web addresses of which a part was replaced by a tag, so that no pattern of a whole one matches."""
    for match in _CHUNK.finditer(text):
        if TAG.search(match[0]) and _ADDRESS.search(match[0]):
            yield Span(match.start(), match.end(), "CONTACT")


# "TELLIN: it was hard.", ">> Mia Tellin (crying): yes", "[Tellin]: no", where a line or a sentence begins.
_SAID = r"(?:[^\W\d_]|['’.\-]){1,40}"
_LABEL = re.compile(
    r"(?:^|(?<=[.!?…\"”»)\]] ))[ \t]*(?:[>\-–—•*]{1,3}[ \t]*)?[\[(]?"
    rf"({_SAID}(?:(?:, | ?[/&] ?| ){_SAID}){{0,5}})"
    r"[\])]?(?: ?[(\[][^)\]\n]{0,40}[)\]])?[ \t]?[:：](?=\s|\Z|\*)",
    re.MULTILINE,
)
# "Speaker 2 (Tellin): yes".
_ASIDE = re.compile(rf"[(\[]({_SAID}(?: {_SAID}){{0,3}})[)\]][ \t]?[:：](?=\s|\Z)")
# "tellin: yes", where a line begins.
_SMALL_LABEL = re.compile(
    r"^[ \t]*(?:[>\-–—•*]{1,3}[ \t]*)?([^\W\d_]{3,40}(?: [^\W\d_]{3,40})?)[ \t]?:(?=\s|\Z)", re.MULTILINE
)
# Words of labels that name nobody, such as "Interviewer:".
_ROLES = COMMON | _NOBODY | _DEGREES | TITLES | RANKS | ACRONYMS
# Common words that are names where they stand as a label or before a verb of speaking.
_CALLED_SO = NAMES_TOO - word_set(
    """
    best bliss case chance day fair final glory joy law little long love luck lucky may price pride quick self sharp
    small spirit strange strong sunday sure true victory winning wise wish
    """
)


def _by_labels(text: str) -> Iterator[Span]:
    """The names of speakers in labels before their words, such as "Tellin:"; roles ("Interviewer:") name nobody."""
    for label in (*_LABEL.finditer(text), *_ASIDE.finditer(text)):
        said = list(_WORD.finditer(text, label.start(1), label.end(1)))
        if len(said) == 1 and said[0][0][0].isupper() and said[0][0].lower() in _CALLED_SO:
            yield Span(said[0].start(), said[0].end(), "NAME")
        named = [word for word in said if len(word[0]) > 1 and word[0].lower() not in _ROLES]
        capital = all(word[0][0].isupper() or word[0].lower() in NAME_PARTICLES for word in named)
        if named and capital and named[0][0].lower() not in NAME_PARTICLES:
            yield Span(named[0].start(), named[-1].end(), "NAME")
    for label in _SMALL_LABEL.finditer(text):
        if label[1].islower() and not _ROLES.intersection(label[1].split()):
            yield Span(label.start(1), label.end(1), "NAME")


def _words(text: str) -> list[_Word]:
    """The words of a text, tags left out."""
    words: list[_Word] = []
    for match in _WORD.finditer(TAG.sub(lambda m: "." + " " * (len(m[0]) - 1), text)):
        plain = _POSSESSIVE.sub("", match[0])
        lower = match[0].replace("’", "'").lower()
        before = text[max(0, match.start() - 8) : match.start()]
        initial = bool(_SENTENCE_END.search(before)) if match.start() > 8 else not before.strip("\"“«('‘-–— ")
        initial = initial and not _after_title(words, before)
        if lower not in COMMON:
            lower = plain.lower()
        capital = plain[0].isupper() or _ELIDED.match(plain) is not None
        words.append(_Word(match.start(), match.start() + len(plain), plain, lower, capital, initial))
    return words


def _after_title(words: Sequence[_Word], before: str) -> bool:
    """Whether the text before a word is a title or an initial, whose dot ends no sentence."""
    if not words or not before.endswith(". "):
        return False
    if words[-1].capital and words[-1].lower in RANKS:
        return True
    return words[-1].lower in TITLES or (len(words[-1].text) == 1 and words[-1].capital and words[-1].lower != "i")


def _has_capitals(words: Sequence[_Word], tagged: bool) -> bool:
    """Whether capitals tell names: not in a text written in capitals.

    Args:
        words: of the text.
        tagged: whether it has tags, in place of words whose case is not known.
    """
    shouted = sum(word.text.isupper() for word in words if len(word.text) > 1)
    return shouted * 2 <= len(words) or (len(words) <= 2 and not tagged)


def _by_capitals(text: str, words: Sequence[_Word], called: Iterable[str]) -> Iterator[Span]:
    """Names by their capitals.

    Args:
        text: the whole text.
        words: of it.
        called: words, in small letters, that are known to be names.
    """
    certain = set(called)
    unsure: list[_Word] = []
    at = 0
    while at < len(words):
        run = _run(text, words, at)
        if not run:
            at += 1
            continue
        at += len(run)
        before = words[at - len(run) - 1] if at > len(run) else None
        after = words[at] if at < len(words) else None
        if len(run) == 1 and run[0].initial and not _is_person(text, run[0], after):
            unsure.append(run[0])
            continue
        certain.update(word.lower for word in run)
        yield Span(run[0].start, run[-1].end, _kind(text, run, before))
    # A sentence's first word is a name where the same word is one elsewhere in the text.
    yield from (Span(word.start, word.end, "NAME") for word in unsure if word.lower in certain)


def _run(text: str, words: Sequence[_Word], at: int) -> list[_Word]:
    """The words of the name that begins with word `at`; empty where none does."""
    if not _may_be_name(words[at]):
        return []
    run = [words[at]]
    reach = at + 1
    while reach < len(words) and len(run) < _LONGEST_NAME:
        follows = _WITHIN_NAME.search(text[run[-1].end : words[reach].start])
        linked = follows and text[run[-1].end : words[reach].start] == follows[0]
        if not linked or words[reach].initial:
            break
        endings = TEAM_ENDINGS | PLACE_ENDINGS
        if _may_be_name(words[reach]) or (words[reach].capital and words[reach].lower in endings):
            run.append(words[reach])
        elif beyond := _after_particles(text, words, reach, run[-1]):
            run += words[reach : beyond + 1]
            reach = beyond
        else:
            break
        reach += 1
    return run


def _after_particles(text: str, words: Sequence[_Word], at: int, before: _Word) -> int:
    """The word with which a name goes on after particles, such as "van der" or "von und zu"; 0 where it does not."""
    if words[at].lower == "of" and before.lower not in _TEAM_BEGINNINGS:
        return 0
    for beyond in range(at, min(at + _MOST_PARTICLES + 1, len(words))):
        if beyond > at and text[words[beyond - 1].end : words[beyond].start] != " ":
            return 0
        if beyond > at and _may_be_name(words[beyond]):
            return beyond
        if words[beyond].lower not in NAME_PARTICLES - {"and", "the"}:
            return 0
    return 0


def _may_be_name(word: _Word) -> bool:
    """Whether a word may be part of a name, by its capital, its form and the lists."""
    if not word.capital or word.lower in TITLES or word.lower in ACRONYMS:
        return False
    if word.lower in COMMON or word.lower in WEEKDAYS or word.lower in MONTHS:
        return word.lower in NAMES_TOO and not word.initial and word.text.istitle()
    # At the beginning of a sentence, endings as in "Really", "Winning" or "Sadness" are taken for those of other words.
    return not (word.initial and word.lower.endswith(("ly", "ing", "ness", "tion", "ment", "ful", "less", "able")))


def _is_person(text: str, word: _Word, after: _Word | None) -> bool:
    """Whether a sentence's first word is a name, by lists and by what follows it."""
    if word.lower in GIVEN_NAMES or word.lower in PLACES:
        return True
    if word.lower in _NOBODY:
        return False
    rest = text[word.end : word.end + 2].replace("’", "'")
    if rest == "'s" or not word.text.istitle() or _is_called(text, word):
        return True
    if after is None or text[word.end : after.start] != " " or _plural(word):
        return False
    told = _DID.fullmatch(after.lower) and len(word.text) > 2 and not word.lower.endswith(_UNCALLED_ENDINGS)
    return after.lower in DEEDS or bool(told)


def _is_called(text: str, word: _Word) -> bool:
    """Whether a sentence's first word addresses somebody ("Tellin, you are kind.") or is all of it ("Tellin too.")."""
    if len(word.text) < 2 or word.lower.endswith(_UNCALLED_ENDINGS):
        return False
    return bool(_CALLED.match(text, word.end))


def _plural(word: _Word) -> bool:
    return word.lower.endswith("s") and not word.lower.endswith(("ss", "is", "us"))


def _kind(text: str, run: Sequence[_Word], before: _Word | None) -> Kind:
    """Whether a name is that of a place, a team, or a person, by its words and the word before it."""
    last, first = run[-1].lower, run[0].lower
    if len(run) > 1 and last in PLACE_ENDINGS:
        return "PLACE"
    if (len(run) > 1 and last in TEAM_ENDINGS) or first in _TEAM_BEGINNINGS or run[0].text.isupper():
        return "TEAM"
    if any(word.lower in PLACES for word in run):
        return "PLACE"
    if any(word.lower in GIVEN_NAMES for word in run) or before is None or len(run) > 3:
        return "NAME"
    if before.lower in _PLACE_BEFORE and text[before.end : run[0].start] == " ":
        return "PLACE"
    if before.lower in ("to", "from", "for") and re.search(
        rf"\b(?:{'|'.join(_MOVES)}) (?:to|from|for) $", text[max(0, run[0].start - 24) : run[0].start], re.IGNORECASE
    ):
        return "PLACE"
    if before.lower == "the" and _plural(run[-1]):
        return "TEAM"
    return "NAME"


def _by_lists(text: str, words: Sequence[_Word]) -> Iterator[Span]:
    """What is found in any case: words of the lists, and what follows "my name is" or "mr"."""
    for at, word in enumerate(words):
        if word.lower in PLACES:
            yield Span(word.start, word.end, "PLACE")
        elif word.lower in GIVEN_NAMES:
            yield Span(word.start, _named_end(text, words, at), "NAME")
        elif word.lower in _CALLED_SO and word.capital and word.initial and _speaks(text, words, at):
            yield Span(word.start, word.end, "NAME")
        elif word.lower in _SURE_TITLES:
            yield from _titled(text, words, at)
        if word.lower not in COMMON and _NAME_BEFORE.search(text[max(0, word.start - 16) : word.start]):
            second = words[at + 1] if at + 1 < len(words) else None
            both = second is not None and second.lower not in COMMON and text[word.end : second.start] == " "
            yield Span(word.start, second.end if both and second else word.end, "NAME")


def _titled(text: str, words: Sequence[_Word], title: int) -> Iterator[Span]:
    """The name after a title: its first word, words that particles link to it, and further words with capitals."""
    at, most = title + 1, min(len(words), title + 1 + _MOST_DEGREES)
    while at < most and words[at].lower in _DEGREES and _follows(text, words, at, (" ", ". ", ".", ".-", "-")):
        at += 1
    if at == len(words) or not _follows(text, words, at, (" ", ". ")):
        return
    if words[at].lower in COMMON and not (words[at].lower in NAMES_TOO and words[at].capital):
        return
    last = at
    for reach in range(at + 1, min(at + 2 * _LONGEST_NAME, len(words))):
        if not _follows(text, words, reach, (" ", "-")):
            break
        if words[reach].lower in _PARTICLES and not words[reach].text.isupper():
            continue
        linked = words[reach - 1].lower in _PARTICLES and words[reach].lower not in COMMON
        if not (linked or (words[at].capital and _may_be_name(words[reach]))):
            break
        last = reach
    yield Span(words[at].start, words[last].end, "NAME")


def _follows(text: str, words: Sequence[_Word], at: int, joints: tuple[str, ...]) -> bool:
    return text[words[at - 1].end : words[at].start] in joints


def _speaks(text: str, words: Sequence[_Word], at: int) -> bool:
    """Whether a verb of what only persons do follows a word."""
    return at + 1 < len(words) and words[at + 1].lower in _PERSONAL and _follows(text, words, at + 1, (" ",))


def _named_end(text: str, words: Sequence[_Word], at: int) -> int:
    """Where a name that begins with a given name ends.

    The rest of a handle belongs to it ("mia.tellin_7"); and, where both are written in capitals, the next word, unless
    it is a common one.
    """
    end, reach = words[at].end, at + 1
    if handle := _HANDLE.match(text, end):
        return handle.end()
    if len(words[at].text) < 2 or not words[at].text.isupper():
        return end
    while reach < len(words) and words[reach].text.isupper():
        if text[words[reach - 1].end : words[reach].start] not in (" ", "-"):
            break
        lower = words[reach].lower
        if lower not in _PARTICLES:
            plain = lower in COMMON | DEEDS | ACRONYMS | WEEKDAYS
            return end if plain else words[reach].end
        reach += 1
    return end
