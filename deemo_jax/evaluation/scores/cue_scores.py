"""Scores of how well a reasoning names the cues in a clip, for a corpus whose truth file states its cues.

The truth states the words of each cue, say {"voice": {"negative": "flat", "neutral": "even", "positive": "lively"}},
and the state of every cue in each clip. A reasoning names a cue where it gives it a word other than that of "neutral";
this is a hit where the state is the true one.

Axes: n clips, R bootstrap replicates, S states of a cue in the order in which they are stated.
"""

import dataclasses
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
from jaxtyping import Float, Int

from deemo_jax.core.stats import SAMPLES, SEED, Interval, interval, ratio, resample
from deemo_jax.data.corpus_statement import NEUTRAL

# Clips, over all bootstrap samples, that are shuffled at once; bounds the memory.
BLOCK_CELLS = 1 << 20


@dataclasses.dataclass(frozen=True, slots=True)
class CueScores:
    """How well one cue is named.

    Attributes:
        present: clips in which the cue is truly not neutral.
        named: reasonings that name it.
        precision: hits as a share of `named`.
        recall: hits as a share of `present`.
        precision_shuffled, recall_shuffled: the same when reasonings are shuffled among clips, mean and 95 % interval
            over resampled clips and shuffles. A system that names the same cues whatever it is shown earns as much.
    """

    present: int
    named: int
    precision: Interval
    recall: Interval
    precision_shuffled: Interval
    recall_shuffled: Interval

    def to_json(self) -> dict[str, Any]:
        """The scores as recognition.json has them."""
        names = ("precision", "recall", "precision_shuffled", "recall_shuffled")
        return {
            "present": self.present,
            "named": self.named,
            **{name: getattr(self, name).value for name in names},
            "intervals": {name: getattr(self, name).bounds() for name in names},
        }


class CueReader:
    """Finds the state that a text gives to each cue.

    Args:
        cues: cue -> state -> its word, as the corpus states them.
    """

    def __init__(self, cues: Mapping[str, Mapping[str, str]]) -> None:
        # Longer words first, since a shorter one may be the beginning of a longer one.
        self._states = {cue: sorted(words, key=lambda state: -len(words[state])) for cue, words in cues.items()}
        self._patterns = {
            cue: _pattern(cue, cues, [words[state] for state in self._states[cue]]) for cue, words in cues.items()
        }

    def stated(self, text: str) -> dict[str, str]:
        """The states that a text gives to cues, say {'words': 'positive', 'voice': 'neutral'}; others are absent."""
        found = {cue: pattern.search(text) for cue, pattern in self._patterns.items()}
        return {
            cue: self._states[cue][match.lastindex - 1] for cue, match in found.items() if match and match.lastindex
        }


def _pattern(cue: str, cues: Iterable[str], words: Iterable[str]) -> re.Pattern[str]:
    """A pattern of a cue followed by one of its words, with a group for each word."""
    # Between the two must not stand another cue's name, a denial, or the end of a sentence.
    barrier = rf"\b(?:{'|'.join(map(re.escape, cues))}|not|no|never|neither|nor)\b|n't|[.;\n]"
    options = "|".join(f"({re.escape(word)})" for word in words)
    return re.compile(rf"\b{re.escape(cue)}\b(?:(?!{barrier}).){{1,60}}?\b(?:{options})\b", re.IGNORECASE)


def cue_scores(
    cues: Mapping[str, Mapping[str, str]], truth: Sequence[Mapping[str, str]], reasonings: Sequence[str]
) -> dict[str, CueScores]:
    """Scores the cues that n >= 1 reasonings name.

    Args:
        cues: cue -> state -> its word, as the corpus states them.
        truth: of each clip, cue -> its true state.
        reasonings: of each clip, the text; a cue that it does not mention counts as neutral.

    Returns:
        Cue -> its scores.
    """
    reader = CueReader(cues)
    said = [reader.stated(text) for text in reasonings]
    scores = {}
    for cue, words in cues.items():
        states = list(words)
        indices = (np.array([states.index(row.get(cue, NEUTRAL)) for row in rows], np.int64) for rows in (truth, said))
        scores[cue] = _score(*indices, states=len(states), neutral=states.index(NEUTRAL))
    return scores


def precision_recall(
    tables: Int[np.ndarray, "*R S S"], neutral: int
) -> tuple[Float[np.ndarray, "*R"], Float[np.ndarray, "*R"]]:
    """Precision and recall of naming a cue.

    Args:
        tables: counts of clips by true state and stated state.
        neutral: index of the state "neutral", in which a cue is absent.
    """
    hits = tables.trace(axis1=-2, axis2=-1) - tables[..., neutral, neutral]
    total = tables.sum(axis=(-1, -2))
    named = total - tables[..., neutral].sum(axis=-1)
    present = total - tables[..., neutral, :].sum(axis=-1)
    return ratio(hits, named), ratio(hits, present)


def shuffled_tables(
    truth: Int[np.ndarray, " n"],
    said: Int[np.ndarray, " n"],
    states: int,
    samples: int = SAMPLES,
    seed: int = SEED,
) -> Int[np.ndarray, "R S S"]:
    """Counts by true state and stated state, of bootstrap samples of clips whose reasonings are shuffled among them.

    Args:
        truth: true states.
        said: stated states.
        states: S.
        samples: R.
        seed: of draws and shuffles.
    """
    rng = np.random.default_rng(seed)
    cells = states**2
    block = max(1, BLOCK_CELLS // len(truth))
    tables = []
    for first in range(0, samples, block):
        rows = min(block, samples - first)
        clips = rng.integers(len(truth), size=(rows, len(truth)))
        pairs = states * truth[clips] + said[rng.permuted(clips, axis=1)]
        pairs += cells * np.arange(rows)[:, None]
        tables.append(np.bincount(pairs.ravel(), minlength=rows * cells))
    return np.concatenate(tables).reshape(samples, states, states)


def _score(truth: Int[np.ndarray, " n"], said: Int[np.ndarray, " n"], *, states: int, neutral: int) -> CueScores:
    table = np.bincount(states * truth + said, minlength=states**2).reshape(states, states)
    point, drawn = precision_recall(table, neutral), precision_recall(resample(table), neutral)
    chance = precision_recall(shuffled_tables(truth, said, states), neutral)
    return CueScores(
        present=int((truth != neutral).sum()),
        named=int((said != neutral).sum()),
        precision=interval(point[0], drawn[0]),
        recall=interval(point[1], drawn[1]),
        precision_shuffled=interval(chance[0].mean(), chance[0]),
        recall_shuffled=interval(chance[1].mean(), chance[1]),
    )
