"""Emotion wheels: files that say which words belong to one group of emotions."""

import dataclasses
from collections.abc import Mapping
from pathlib import Path

from deemo_jax.core.errors import UserError
from deemo_jax.core.files import read_json
from deemo_jax.evaluation.reading.clauses import folded, words_of

FORM = '{"parents": {"joy": null, "cheerful": "joy"}, "sentiment": {"joy": "positive"}}'
# The most that is read: bytes of a file, words of a wheel, characters of a word, groups of a wheel.
MAX_BYTES = 4 << 20
MAX_WORDS = 20_000
MAX_LENGTH = 100
MAX_GROUPS = 200
SENTIMENTS = ("negative", "positive")


@dataclasses.dataclass(frozen=True, slots=True)
class Wheel:
    """A wheel at its innermost level.

    Attributes:
        groups: every word -> its group, the word at the root above it; a group is a word of its own.
        sentiment: group -> negative or positive; groups that have neither are absent.
    """

    groups: Mapping[str, str]
    sentiment: Mapping[str, str]


def plain(word: str) -> str:
    """A word as it is looked up: in lower case, with single spaces, without punctuation unless it has nothing else."""
    return " ".join(words_of(word)) or folded(word).strip()


def read_wheel(path: str | Path) -> Wheel:
    """Reads a wheel.

    Args:
        path: JSON, {"parents": {word: the word above it, or null}, "sentiment": {word at a root: its sentiment}}.

    Raises:
        UserError: the file is malformed or empty, a word comes twice in different spellings, a word above is missing,
            words lead in a circle, or a sentiment is of no group.
    """
    table = read_json(path, MAX_BYTES)
    if not isinstance(table, dict) or not {"parents"} <= table.keys() <= {"parents", "sentiment"}:
        raise UserError(f"{path}: must be {FORM}")
    parents = _parents(path, table["parents"])
    groups = _roots(path, parents)
    if (count := len(set(groups.values()))) > MAX_GROUPS:
        raise UserError(
            f"{path}: {count} words at roots (null above them), which are the groups; make at most {MAX_GROUPS}"
        )
    return Wheel(groups, _sentiment(path, table.get("sentiment", {}), groups))


def _parents(path: str | Path, value: object) -> dict[str, str | None]:
    if not isinstance(value, dict) or not 1 <= len(value) <= MAX_WORDS:
        raise UserError(f"{path}: parents must have 1 to {MAX_WORDS} words, as in {FORM}")
    parents: dict[str, str | None] = {}
    for word, parent in value.items():
        for text in (word, "x" if parent is None else parent):
            if not isinstance(text, str) or len(text) > MAX_LENGTH or not words_of(text):
                raise UserError(f"{path}: {str(text)[:40]!r} in parents is no word")
        if plain(word) in parents:
            raise UserError(f"{path}: {word!r} comes twice, in any case and spelling; keep it in one place")
        parents[plain(word)] = None if parent is None else plain(parent)
    for word, parent in parents.items():
        if parent is not None and parent not in parents:
            raise UserError(f"{path}: {parent!r}, above {word!r}, is no word of the wheel; add it, with null at a root")
    return parents


def _roots(path: str | Path, parents: Mapping[str, str | None]) -> dict[str, str]:
    """Of every word, the word at the root above it."""
    roots: dict[str, str] = {}
    for word in parents:
        way: dict[str, None] = {}
        at = word
        while at not in roots:
            if at in way:
                raise UserError(
                    f"{path}: the words above {word!r} lead in a circle, through {at!r}; end it with a null"
                )
            way[at] = None
            above = parents[at]
            if above is None:
                roots[at] = at
            else:
                at = above
        roots |= dict.fromkeys(way, roots[at])
    return roots


def _sentiment(path: str | Path, value: object, groups: Mapping[str, str]) -> dict[str, str]:
    if not isinstance(value, dict):
        raise UserError(f"{path}: sentiment must be a table, as in {FORM}")
    found: dict[str, str] = {}
    for group, side in value.items():
        if groups.get(plain(group)) != plain(group):
            raise UserError(f"{path}: sentiment of {group[:MAX_LENGTH]!r}, which is no word at a root")
        if side not in SENTIMENTS:
            raise UserError(f"{path}: sentiment of {group!r} is {str(side)[:40]!r}; choose {' or '.join(SENTIMENTS)}")
        found[plain(group)] = side
    return found
