"""The names that labels go by in answers: themselves, a user's synonyms and, for DEEMO's two, words of emotion."""

import dataclasses
import functools
from collections.abc import Iterator, Mapping, Sequence

from deemo_jax.core.schema import DEEMO_LABELS, Labels
from deemo_jax.evaluation.reading import polarity_words
from deemo_jax.evaluation.reading.clauses import words_of


@dataclasses.dataclass(frozen=True, slots=True)
class Entry:
    """A name of a label.

    Attributes:
        words: in lower case.
        label: what they name.
        own: whether they are the label itself, perhaps inflected or translated.
    """

    words: tuple[str, ...]
    label: str
    own: bool


@dataclasses.dataclass(frozen=True, slots=True)
class Found:
    """A name in a clause, and the place of its first word."""

    place: int
    entry: Entry

    @property
    def end(self) -> int:
        """The place behind its last word."""
        return self.place + len(self.entry.words)


# First word -> the names that begin with it, longest first.
Vocabulary = Mapping[str, Sequence[Entry]]


def vocabulary(labels: Labels, synonyms: Mapping[str, Sequence[str]] | None = None) -> Vocabulary:
    """The names of labels; where two labels claim a name, labels come before synonyms, and these before our own words.

    Args:
        labels: of the dataset.
        synonyms: label -> further words or phrases for it.
    """
    return _made(labels, tuple((label, tuple(words)) for label, words in (synonyms or {}).items()))


def look_up(words: Sequence[str], known: Vocabulary) -> Iterator[Found]:
    """The names in a clause, from left to right; the longest one where several begin at a word."""
    place = 0
    while place < len(words):
        entry = name_at(words, place, known)
        if entry is not None:
            yield Found(place, entry)
        place += len(entry.words) if entry else 1


def name_at(words: Sequence[str], place: int, known: Vocabulary) -> Entry | None:
    """The longest name that begins at a word; None for none."""
    entries = known.get(words[place], ()) if place < len(words) else ()
    return next((e for e in entries if tuple(words[place : place + len(e.words)]) == e.words), None)


@functools.cache
def _made(labels: Labels, synonyms: tuple[tuple[str, tuple[str, ...]], ...]) -> Vocabulary:
    entries: dict[tuple[str, ...], Entry] = {}

    def add(text: str, label: str, own: bool = False) -> None:
        words = words_of(text)
        entries.setdefault(words, Entry(words, label, own))

    for name in labels:
        add(name, name, own=True)
        add(f"{name}ly", name, own=True)
    for label, texts in synonyms:
        for text in texts:
            add(text, label)
    if set(labels) == set(DEEMO_LABELS):
        for label, polarity in polarity_words.POLARITIES.items():
            for text in sorted(polarity.names):
                add(text, label, own=True)
            for text in sorted(polarity.phrases()):
                add(text, label)
    found: dict[str, list[Entry]] = {}
    for words in sorted(entries, key=lambda words: (-len(words), words)):
        found.setdefault(words[0], []).append(entries[words])
    return {first: tuple(group) for first, group in found.items()}
