"""What a truth file states of its corpus: its kind and, for an artificial one, its cues and the best accuracies.

Every row has the same statement (docs/evaluate.md):

    "corpus": {"kind": "synthetic",
               "cues": {"voice": {"negative": "flat", "neutral": "even", "positive": "lively"}},
               "optimal_accuracy": {"": 0.6, "audio": 0.735},
               "optimal_balanced_accuracy": {"": 0.5, "audio": 0.68}}

and, where cues are stated, the state of each in its clip: "cues": {"voice": "neutral"}. The file may come from anybody,
so everything is checked.
"""

import dataclasses
import re
from collections.abc import Iterable, Mapping
from typing import Any

from deemo_jax.core.errors import UserError
from deemo_jax.core.schema import Modality, set_name

# Of the statement, in a row of a truth file.
KEY = "corpus"
# The state of a cue that is not expressed.
NEUTRAL = "neutral"
# The most keys that an object of the statement may have.
MOST = 32
# A name: 1 to 40 letters, digits, blanks, hyphens and apostrophes.
_NAME = re.compile(r"\w(?:[\w' -]{0,38}\w)?")


@dataclasses.dataclass(frozen=True, slots=True)
class CorpusStatement:
    """A corpus, as its truth file states it.

    Attributes:
        kind: e.g. "synthetic".
        cues: cue -> state -> the word that a reasoning uses for it. In the state "neutral" a cue is not expressed.
        optimal_accuracy: modality set, as `schema.set_name` writes it ("" for none) -> the best accuracy that can be
            reached, a share; empty where it is not known.
        optimal_balanced_accuracy: modality set -> the best mean recall of the labels, a share.
    """

    kind: str
    cues: Mapping[str, Mapping[str, str]] = dataclasses.field(default_factory=dict)
    optimal_accuracy: Mapping[str, float] = dataclasses.field(default_factory=dict)
    optimal_balanced_accuracy: Mapping[str, float] = dataclasses.field(default_factory=dict)

    @classmethod
    def from_json(cls, value: object) -> "CorpusStatement":
        """Reads a statement; unknown keys are ignored.

        Raises:
            UserError: it is malformed.
        """
        row = _object(value, KEY)
        return cls(
            kind=_name(row.get("kind"), "its kind"),
            cues={
                _name(cue, "a cue"): _words(cue, words) for cue, words in _object(row.get("cues", {}), "cues").items()
            },
            optimal_accuracy=_optima(row, "optimal_accuracy"),
            optimal_balanced_accuracy=_optima(row, "optimal_balanced_accuracy"),
        )

    def to_json(self) -> dict[str, Any]:
        """The statement, as `from_json` reads it."""
        return dataclasses.asdict(self)

    def states_of(self, row: Mapping[str, Any]) -> dict[str, str]:
        """Cue -> its state in the clip of a row of the truth file.

        Raises:
            UserError: the row does not name the state of a cue.
        """
        named = row.get("cues")
        found = {}
        for cue, words in self.cues.items():
            state = named.get(cue) if isinstance(named, Mapping) else None
            if not isinstance(state, str) or state not in words:
                raise UserError(f"cues lacks the state of {cue!r}; give {' or '.join(words)}")
            found[cue] = state
        return found


def stated_corpus(rows: Iterable[tuple[str, Mapping[str, Any]]]) -> CorpusStatement | None:
    """The statement of a truth file; None where there is none.

    Args:
        rows: the place of each row, for messages, and the row.

    Raises:
        UserError: a malformed statement, or rows of several corpora.
    """
    first: object = None
    statement = None
    for number, (where, row) in enumerate(rows):
        stated = row.get(KEY)
        if number == 0 and stated is not None:
            try:
                statement = CorpusStatement.from_json(stated)
            except UserError as error:
                raise UserError(f"{where}: {error}") from error
        first = stated if number == 0 else first
        if stated != first:
            raise UserError(f"{where}: states another corpus than the rows before it; give each a file of its own")
    return statement


def _object(value: object, what: str) -> Mapping[str, Any]:
    if not isinstance(value, Mapping) or len(value) > MOST:
        raise UserError(f"{what} must be a JSON object of at most {MOST} keys")
    return value


def _name(value: object, what: str) -> str:
    if not isinstance(value, str) or not _NAME.fullmatch(value):
        raise UserError(f"{KEY}: {what} is {str(value)[:40]!r}; give 1 to 40 letters, digits, spaces and hyphens")
    return value


def _words(cue: str, value: object) -> dict[str, str]:
    words = {
        _name(state, f"a state of {cue!r}"): _name(word, f"a word of {cue!r}")
        for state, word in _object(value, f"{KEY}: {cue!r}").items()
    }
    if NEUTRAL not in words or len(words) < 2 or len({word.casefold() for word in words.values()}) < len(words):
        raise UserError(f"{KEY}: {cue!r} needs a word of its own for {NEUTRAL!r} and for every other state")
    return words


def _optima(row: Mapping[str, Any], key: str) -> dict[str, float]:
    found = {}
    for name, value in _object(row.get(key, {}), f"{KEY}: {key}").items():
        if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= 1:
            raise UserError(f"{KEY}: {key} of {name[:40]!r} is {str(value)[:40]!r}; give a share from 0 to 1")
        found[set_name(Modality.parse_set(name)) if name else ""] = float(value)
    return found
