"""An answer in words, cut into clauses."""

import dataclasses
import re
import unicodedata
from collections.abc import Iterator


def word_set(text: str) -> frozenset[str]:
    """The words of a list that is written as a text."""
    return frozenset(text.split())


# A word with its apostrophes ("isn't"), a letter of a script without spaces, a number, or any other visible character.
_TOKEN = re.compile(
    r"[\u3040-\u30ff\u3400-\u9fff]"
    r"|[^\W\d_\u3040-\u30ff\u3400-\u9fff]+(?:'[^\W\d_\u3040-\u30ff\u3400-\u9fff]+)*"
    r"|\d+(?:\.\d+)?|\n|[^\s\w]"
)
# Words of a clause, at most: rules may look at a clause once for each of its names.
MAX_WORDS = 60
_ENDS = frozenset(".!?;\n。！？；|")
_COMMAS = frozenset(",:()[]{}=—–、，：<>/→")
# Markup of Markdown, which parts nothing; a hyphen parts nothing within a word, and does so between two spaces.
_MARKUP = frozenset("*`#\"'“”„«»「」『』‘’\\-$%~&+^")
# Words that begin a clause: a contrast, which outweighs what is before it; or a concession, which is outweighed.
CONTRAST = word_set("but however yet nevertheless nonetheless still instead")
CONCESSION = word_set("although though despite while whereas unlike albeit notwithstanding")


@dataclasses.dataclass(frozen=True, slots=True)
class Clause:
    """A part of a sentence.

    Attributes:
        words: in lower case; numbers are words.
        sentence: the number of its sentence, from 0.
        end: the mark that closes it; empty at the end, or where a word begins the next clause.
        contrast: whether it stands behind a word of contrast in its sentence.
        concession: whether it begins with a word of concession.
    """

    words: tuple[str, ...]
    sentence: int
    end: str
    contrast: bool
    concession: bool


def folded(text: str) -> str:
    """A text in lower case, in one form of Unicode, with one form of apostrophe."""
    return unicodedata.normalize("NFKC", text).casefold().replace("’", "'").replace("_", " ")


def words_of(text: str) -> tuple[str, ...]:
    """The words and numbers of a text."""
    return tuple(token for token in _TOKEN.findall(folded(text)) if token[0].isalnum())


def clauses(text: str) -> Iterator[Clause]:
    """Cuts a text at punctuation, at line ends, and before words of contrast and of concession.

    Args:
        text: as `folded` returns it.
    """
    words: list[str] = []
    sentence, contrast, concession = 0, False, False

    def closed(end: str) -> Clause:
        return Clause(tuple(words), sentence, end, contrast, concession)

    for token in _TOKEN.findall(text):
        if token in _MARKUP:
            continue
        if token in _ENDS or token in _COMMAS:
            if words:
                yield closed(token)
            words = []
            concession = False
            if token in _ENDS:
                sentence, contrast = sentence + 1, False
            continue
        if (token in CONTRAST or token in CONCESSION) and words[-1:] != ["anything"]:
            if words:
                yield closed("")
                words = []
            contrast, concession = contrast or token in CONTRAST, token in CONCESSION
        if token[0].isalnum():
            words.append(token)
        if len(words) == MAX_WORDS:
            yield closed("")
            words = []
    if words:
        yield closed("")
