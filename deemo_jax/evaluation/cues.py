"""Does the reasoning name the cue that was there? For the sample corpus, where the truth is known.

A sample reasoning states each cue: "The words are glad, the voice is flat, the body is still." A cue is named when the
text gives it a value that is not neutral, and a naming is a hit when the value's polarity is the true one.

Axes: n clips, R bootstrap replicates, S = 3 states in the order of `STATES`.
"""

import dataclasses
import re
from collections.abc import Collection, Mapping, Sequence
from typing import Any

import numpy as np
from jaxtyping import Float, Int

from deemo_jax.core.stats import SAMPLES, SEED, Interval, interval, ratio, resample
from deemo_jax.sample.script import CUE_WORDS

STATES = ("negative", "neutral", "positive")
NEUTRAL = STATES.index("neutral")
CUES = tuple(CUE_WORDS)
_BLOCK_CELLS = 1 << 20


@dataclasses.dataclass(frozen=True, slots=True)
class CueScores:
    """How well one cue is named.

    Attributes:
        present: clips in which the cue is truly not neutral.
        named: reasonings that name it.
        precision: of those that name it, how many are right.
        recall: of those that should, how many do so rightly.
        precision_shuffled: the same when every reasoning is given to some other clip at random (mean and 95 %
            interval over resampled clips and shuffles): what naming cues by habit earns.
        recall_shuffled: likewise.
    """

    present: int
    named: int
    precision: Interval
    recall: Interval
    precision_shuffled: Interval
    recall_shuffled: Interval

    def to_json(self) -> dict[str, Any]:
        names = ("precision", "recall", "precision_shuffled", "recall_shuffled")
        return {
            "present": self.present,
            "named": self.named,
            **{name: getattr(self, name).value for name in names},
            "intervals": {name: getattr(self, name).bounds() for name in names},
        }


def _pattern(cue: str, words: Collection[str]) -> re.Pattern[str]:
    # Between the cue and its value nothing may stand that makes the value another cue's, or denies it.
    barrier = rf"\b(?:{'|'.join(CUES)}|not|no|never|neither|nor)\b|n't|[.;\n]"
    values = "|".join(re.escape(word) for word in words)
    return re.compile(rf"\b{cue}\b(?:(?!{barrier}).){{1,60}}?\b(?P<value>{values})\b", re.IGNORECASE)


_PATTERNS = {cue: _pattern(cue, words.values()) for cue, words in CUE_WORDS.items()}
_STATE_OF = {
    cue: {word.lower(): STATES.index(state) for state, word in words.items()} for cue, words in CUE_WORDS.items()
}


def stated(text: str) -> dict[str, str]:
    """The state that a reasoning gives to each cue it speaks of: {'words': 'positive', 'voice': 'neutral'}."""
    found = {cue: pattern.search(text) for cue, pattern in _PATTERNS.items()}
    return {cue: STATES[_STATE_OF[cue][match["value"].lower()]] for cue, match in found.items() if match}


def known_cues(references: Sequence[str]) -> list[dict[str, str]] | None:
    """The true cues as the reference reasonings state them, or None for references that are not of the sample."""
    cues = [stated(reference) for reference in references]
    complete = sum(len(c) == len(CUES) for c in cues)
    return cues if cues and complete == len(cues) else None


def cue_scores(truth: Sequence[Mapping[str, str]], reasonings: Sequence[str]) -> dict[str, CueScores]:
    """Scores every cue of n >= 1 reasonings against what was truly there.

    Args:
        truth: per clip, the state of each cue.
        reasonings: per clip, the text. A cue that it does not speak of counts as neutral.
    """
    said = [stated(text) for text in reasonings]
    return {
        cue: _score(
            np.array([STATES.index(row[cue]) for row in truth], np.int64),
            np.array([STATES.index(row.get(cue, "neutral")) for row in said], np.int64),
        )
        for cue in CUES
    }


def precision_recall(
    tables: Int[np.ndarray, "*R S S"],
) -> tuple[Float[np.ndarray, "*R"], Float[np.ndarray, "*R"]]:
    """Precision and recall of tables of counts (true state, stated state); neutral is the absence of a cue."""
    hits = tables[..., 0, 0] + tables[..., 2, 2]
    total = tables.sum(axis=(-1, -2))
    named = total - tables[..., NEUTRAL].sum(axis=-1)
    present = total - tables[..., NEUTRAL, :].sum(axis=-1)
    return ratio(hits, named), ratio(hits, present)


def shuffled_tables(
    truth: Int[np.ndarray, " n"], said: Int[np.ndarray, " n"], samples: int = SAMPLES, seed: int = SEED
) -> Int[np.ndarray, "R S S"]:
    """Tables of bootstrap samples of the clips whose reasonings are then shuffled among them."""
    rng = np.random.default_rng(seed)
    cells = len(STATES) ** 2
    block = max(1, _BLOCK_CELLS // len(truth))
    tables = []
    for first in range(0, samples, block):
        rows = min(block, samples - first)
        clips = rng.integers(len(truth), size=(rows, len(truth)))
        pairs = len(STATES) * truth[clips] + said[rng.permuted(clips, axis=1)]
        pairs += cells * np.arange(rows)[:, None]
        tables.append(np.bincount(pairs.ravel(), minlength=rows * cells))
    return np.concatenate(tables).reshape(samples, len(STATES), len(STATES))


def _score(truth: Int[np.ndarray, " n"], said: Int[np.ndarray, " n"]) -> CueScores:
    size = len(STATES)
    table = np.bincount(size * truth + said, minlength=size * size).reshape(size, size)
    point, drawn = precision_recall(table), precision_recall(resample(table))
    chance = precision_recall(shuffled_tables(truth, said))
    return CueScores(
        present=int((truth != NEUTRAL).sum()),
        named=int((said != NEUTRAL).sum()),
        precision=interval(point[0], drawn[0]),
        recall=interval(point[1], drawn[1]),
        precision_shuffled=interval(chance[0].mean(), chance[0]),
        recall_shuffled=interval(chance[1].mean(), chance[1]),
    )
