"""The words of a recording with their times, without those that name somebody. Axes: W words, F times."""

import dataclasses
import functools
import hashlib
import json
import re
import unicodedata
from collections.abc import Sequence

import numpy as np
from jaxtyping import Bool, Float, Int

from deemo_jax.core.errors import UserError
from deemo_jax.deid.text.english_rules import Rules
from deemo_jax.deid.text.fuzzy_names import Names
from deemo_jax.deid.text.lines import redact_lines
from deemo_jax.deid.text.readable import has_capitals
from deemo_jax.deid.text.spans import clean
from deemo_jax.deid.voice.likeness import HOP
from deemo_jax.media import SAMPLE_RATE

# What is said in place of a word that names somebody.
HUM = "hum"
# What is left of a word: ASCII letters, digits, apostrophes, and what stands between digits.
_LEFT_OUT = re.compile(r"(?<!\d)[.,:]|[.,:](?!\d)|[^A-Za-z0-9'.,:%&$]")
# Characters that are said of a word, at most.
_LONGEST = 40
# Seconds after the end of a recording at which a word may begin, since recognisers' times are not exact.
_BEYOND_S = 1.0
# Words from which on a transcript must be English: the share of common words in fewer is too much a matter of chance.
_FEWEST = 20

# Start and end, seconds, and the word.
Timed = tuple[float, float, str]


@dataclasses.dataclass(frozen=True, slots=True, eq=False)
class Words:
    """Words in the order in which they begin.

    Attributes:
        starts: of each, seconds.
        ends: of each; not before its start.
        texts: what is said of each.
        hidden: which of them are `HUM`, in place of a name.
    """

    starts: Float[np.ndarray, " W"]
    ends: Float[np.ndarray, " W"]
    texts: tuple[str, ...]
    hidden: Bool[np.ndarray, " W"]

    @property
    def sha256(self) -> str:
        """A hash of all that is said, and when."""
        said = [[round(float(start), 3), round(float(end), 3), text] for start, end, text in self._rows()]
        return hashlib.sha256(json.dumps(said).encode()).hexdigest()

    def between(self, start_s: float, end_s: float) -> "Words":
        """Those of which the middle lies in a span, in the time of the span."""
        middle = (self.starts + self.ends) / 2
        kept = self._some((middle >= start_s) & (middle < end_s))
        starts, ends = (np.clip(x, start_s, end_s) - start_s for x in (kept.starts, kept.ends))
        return dataclasses.replace(kept, starts=starts, ends=ends)

    def refuse_beyond(self, seconds: float, where: str) -> None:
        """Checks that no word begins after a recording has ended.

        Raises:
            UserError: one does.
        """
        late = self.starts > seconds + _BEYOND_S
        if late.any():
            raise UserError(
                f"{where}: {int(late.sum())} words of its transcript are after its end at {seconds:.1f} s; it seems to"
                " be the transcript of another recording"
            )

    def of_person(self, turn: Int[np.ndarray, " F"], number: int) -> "Words":
        """Those in the middle of which it is a person's turn.

        Args:
            turn: whose turn it is every 10 ms, as `turns.turns` has it.
            number: the person's.
        """
        middle = np.round((self.starts + self.ends) / 2 * SAMPLE_RATE / HOP).astype(int)
        return self._some(turn[np.clip(middle, 0, len(turn) - 1)] == number)

    def near(self, times: Float[np.ndarray, " F"], reach_s: float) -> Bool[np.ndarray, " F"]:
        """Which of ascending times, seconds, are in a word or within a reach of one."""
        edges = np.zeros(len(times) + 1, int)
        np.add.at(edges, np.searchsorted(times, self.starts - reach_s), 1)
        np.add.at(edges, np.searchsorted(times, self.ends + reach_s, "right"), -1)
        return np.cumsum(edges)[:-1] > 0

    def _some(self, kept: Bool[np.ndarray, " W"]) -> "Words":
        texts = tuple(text for text, is_kept in zip(self.texts, kept, strict=True) if is_kept)
        return Words(self.starts[kept], self.ends[kept], texts, self.hidden[kept])

    def _rows(self) -> list[Timed]:
        return list(zip(self.starts.tolist(), self.ends.tolist(), self.texts, strict=True))


def words_without_names(timed: Sequence[Timed], names: Names, where: str) -> Words:
    """The words that are said, with `HUM` for those that name a person, team, place, date, number or address.

    Args:
        timed: words as written, with their punctuation.
        names: always hidden.
        where: the transcript, for messages.

    Raises:
        UserError: the words are not English, or most are in another script.
    """
    timed = sorted(timed, key=lambda word: word[:2])
    rules = Rules()
    why = rules.unread(clean(" ".join(text for _, _, text in timed)))
    if why and len(timed) >= _FEWEST:
        raise UserError(
            f"{where}: {why}, so that it cannot be said, nor names be found in it; take --voice neutral, which needs no"
            " words"
        )
    redacted = redact_lines([text for _, _, text in timed], names, rules) if timed else []
    hidden = np.array([bool(each.replacements) for each in redacted], bool)
    texts = [HUM if hide else said(text) for hide, (_, _, text) in zip(hidden, timed, strict=True)]
    starts, ends = (np.array([word[k] for word in timed], np.float64) for k in (0, 1))
    kept = np.array([bool(text) for text in texts], bool)
    if 2 * kept.sum() < len(kept):
        raise UserError(
            f"{where}: {len(kept) - kept.sum()} of {len(kept)} words have no Latin letter or digit, so that they cannot"
            " be said; take --voice neutral, which needs no words"
        )
    return Words(starts[kept], ends[kept], tuple(filter(None, texts)), hidden[kept])


def lack_capitals(timed: Sequence[Timed]) -> bool:
    """Whether words have no capitals, so that names are found by lists only."""
    return not has_capitals(" ".join(text for _, _, text in timed))


@functools.lru_cache(1 << 14)
def said(text: str) -> str:
    """What is said of a written word: no blanks, accents or marks; empty where nothing is left."""
    plain = unicodedata.normalize("NFKD", text.replace("’", "'"))
    found = _LEFT_OUT.sub("", plain).strip("'")[:_LONGEST]
    return found if any(c.isalnum() for c in found) else ""
