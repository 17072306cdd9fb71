"""Reads the label out of an answer in free words, by rules in a fixed order. Deterministic; time is linear in length.

1. An answer that begins with the statement of training, "The emotion is negative.", is read as that.
2. The value of a field of JSON, or what stands in <answer>, is read instead of the whole; quotations are left out.
3. In each clause names of labels are looked up. A denial in front of a name (`denial`) denies it. Of two labels,
   denying one names the other; of more, it names none.
4. Names that only ask ("positive or negative?", "between ... and ...") or that are left behind ("from ... to ...") do
   not count. Where every name has a number behind it, the largest decides.
5. What is left is ranked: in a field ("Answer: ..."); in a conclusion ("overall ..."); said of an emotion ("the mood
   is ..."); named at all; named by a synonym only. Concessions ("although ..."), beginnings ("at first ..."), other
   people ("the reporter ...") and things ("a positive word") come last; what stands behind "but" comes before the rest.
6. The highest rank decides where it names one label; in fields and conclusions the last name does. A label that has
   more than two thirds of at least four names decides, too. Else the answer is unparsed.
"""

import dataclasses
import enum
import functools
import itertools
import re
from collections.abc import Iterator, Mapping, Sequence

from deemo_jax.core.schema import DEEMO_LABELS, Labels
from deemo_jax.evaluation.reading.clauses import Clause, clauses, folded, word_set
from deemo_jax.evaluation.reading.denial import is_denied
from deemo_jax.evaluation.reading.vocabulary import Entry, Found, Vocabulary, look_up, name_at, vocabulary
from deemo_jax.evaluation.reading.wrappers import unwrapped, without_quotations

FIELDS = word_set("answer label emotion verdict conclusion prediction sentiment class classification")
# Before a colon: what follows names labels without choosing one.
LISTS = word_set("options choices question labels candidates task classes")
HEADING_ENDS = frozenset(":=—–")
# Words of a heading, at most.
HEADING = 4
CONCLUSIONS = word_set(
    "overall altogether therefore thus hence summary conclusion conclude final finally ultimately eventually"
)
CONCLUDING_PAIRS = {("the", "end"), ("on", "balance"), ("ends", "up"), ("all", "in")}
FELT = word_set("emotion emotions emotional mood sentiment affect feeling feelings feels feel state")
BEGINNINGS = word_set("initially first beginning starts started begins began originally earlier")
OTHERS = word_set("""
    interviewer reporter journalist fans crowd audience opponent opponents rival rivals coach host commentator
    spectators moderator topic
    """)
# Behind a label they make it one of a thing that is talked of.
THINGS = word_set("event events past question topic remark remarks day news note result results words word")
# Names from which on a majority of two thirds decides.
MANY = 4


class Rank(enum.IntEnum):
    """How plainly a name is the answer."""

    SYNONYM = 0
    NAMED = 1
    FELT = 2
    CONCLUSION = 3
    FIELD = 4


@dataclasses.dataclass(frozen=True, slots=True)
class _Name:
    """A name of a label in an answer; `weight` is 0 for an aside, 2 behind a contrast, else 1."""

    label: str
    rank: Rank
    weight: int
    number: float | None = None


def read_emotion(
    answer: str, labels: Labels = DEEMO_LABELS, synonyms: Mapping[str, Sequence[str]] | None = None
) -> str | None:
    """The label that an answer gives; None where it gives none, or several alike.

    Args:
        answer: a text of any length.
        labels: of the dataset. For DEEMO's two, words of emotion ("angry", "glad") are known besides the labels.
        synonyms: label -> further words or phrases for it.
    """
    if (stated := _statement(labels).match(answer)) is not None:
        return next(name for name in labels if name.lower() == stated[1].lower())
    known = vocabulary(labels, synonyms)

    def is_name(words: tuple[str, ...]) -> bool:
        entry = name_at(words, 0, known)
        return (entry is not None and entry.words == words) or (len(words) == 1 and words[0] in FIELDS)

    text, is_field = unwrapped(answer)
    parts = list(clauses(folded(without_quotations(text, is_name))))
    return _decide(list(_names(parts, known, labels, is_field)))


@functools.cache
def _statement(labels: Labels) -> re.Pattern[str]:
    names = "|".join(re.escape(name) for name in sorted(labels, key=len, reverse=True))
    return re.compile(rf"\s*the emotion is ({names})\s*(?:[.,:;]|$)", re.IGNORECASE)


def _names(parts: Sequence[Clause], known: Vocabulary, labels: Labels, is_field: bool) -> Iterator[_Name]:
    field, lists, sentence = is_field, False, 0
    for place, part in enumerate(parts):
        if part.sentence != sentence:
            field, lists, sentence = is_field, False, part.sentence
        heading = part.end in HEADING_ENDS and len(part.words) <= HEADING
        if heading and part.words[-1] in FIELDS:
            field = True
        elif heading and part.words[-1] in LISTS:
            lists = True
        elif not lists:
            following = parts[place + 1].words[0] if place + 1 < len(parts) else ""
            yield from _of_clause(part, known, labels, field, heading, following)


def _of_clause(
    part: Clause, known: Vocabulary, labels: Labels, field: bool, heading: bool, following: str
) -> Iterator[_Name]:
    words = part.words
    names = list(look_up(words, known))
    if not names or "whether" in words or ("or" in words and len({name.entry.label for name in names}) > 1):
        return
    front = set(words[: names[0].place])
    aside = heading or part.concession or bool((BEGINNINGS | OTHERS) & front)
    for number, name in enumerate(names):
        if _is_left_behind(words, names, number):
            continue
        label = _other(name.entry.label, labels) if is_denied(words, names, number) else name.entry.label
        if label is None:
            continue
        behind = words[name.end] if name.end < len(words) else following
        thing = name.end < len(words) and behind in THINGS
        weight = 0 if aside or thing else 2 if part.contrast else 1
        yield _Name(label, _rank(words, name.entry, field), weight, _number(behind))


def _is_left_behind(words: Sequence[str], names: Sequence[Found], number: int) -> bool:
    """Whether a name is one of two behind "between", or behind "from" with another one to come."""
    start = names[number - 1].end if number else 0
    if "from" in words[start : names[number].place] and number + 1 < len(names):
        return "far" not in words[start : names[number].place]
    opened = max((k for k in range(names[number].place) if words[k] == "between"), default=None)
    return opened is not None and sum(opened < name.place for name in names[: number + 1]) <= 2


def _rank(words: Sequence[str], entry: Entry, field: bool) -> Rank:
    if field:
        return Rank.FIELD
    if (
        CONCLUSIONS & set(words)
        or words[0] == "so"
        or any(pair in CONCLUDING_PAIRS for pair in itertools.pairwise(words))
    ):
        return Rank.CONCLUSION
    if not entry.own:
        return Rank.SYNONYM
    return Rank.FELT if FELT & set(words) else Rank.NAMED


def _other(label: str, labels: Labels) -> str | None:
    return next(name for name in labels if name != label) if len(labels) == 2 else None


def _number(word: str) -> float | None:
    return float(word) if word[:1].isascii() and word[:1].isdigit() else None


def _decide(names: Sequence[_Name]) -> str | None:
    if not names:
        return None
    numbers = [name.number for name in names if name.number is not None]
    if len(numbers) == len(names) > 1:
        largest = {name.label for name in names if name.number == max(numbers)}
        return largest.pop() if len(largest) == 1 else None
    order = [(name.weight > 0, name.rank, name.weight) for name in names]
    top = max(order)
    kept = [name.label for name, place in zip(names, order, strict=True) if place == top]
    if len(set(kept)) == 1 or top[1] >= Rank.CONCLUSION:
        return kept[-1]
    label = max(sorted(set(kept)), key=kept.count)
    return label if len(kept) >= MANY and 3 * kept.count(label) > 2 * len(kept) else None
