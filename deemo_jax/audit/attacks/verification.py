"""How well an attacker tells speakers: measures of scores of voices against enrolled speakers.

Axes: N enrolled clips, M trials, S speakers, E embedding, T thresholds, B bins, R bootstrap samples.
"""

import dataclasses
from collections.abc import Callable

import numpy as np
from jaxtyping import Float, Int

from deemo_jax.core.stats import Interval, over_persons, ratio

# Bootstrap samples over speakers.
REPLICATES = 1000
# The rate of false alarms at which true positives are counted.
FALSE_ALARMS = 0.01
# Thresholds among the scores of other speakers, at most.
MOST_THRESHOLDS = 1000
# Linkability is taken from a histogram of one bin for ten trials, within these bounds.
LEAST_BINS, MOST_BINS = 5, 100
# Scores that differ by less are equal.
TIE = 1e-9


@dataclasses.dataclass(frozen=True, slots=True)
class Measures:
    """What an attack gets; intervals are 95 % bootstrap intervals over speakers.

    Attributes:
        eer: the rate at which misses and false alarms are equal; 0.5 is chance.
        rank1: share of trials whose own speaker has the highest score of all enrolled; of several that tie, each counts
            in part.
        tpr: share of own speakers found where 1 % of others are taken for them.
        worst_eer: the lowest equal error rate of any one speaker. It has no interval: a bootstrap sample can only leave
            the worst one out.
        linkability: D_sys of Gomez-Barrero et al., "General framework to evaluate unlinkability in biometric template
            protection systems" (2018), with equal priors; 0 links nothing, 1 everything.
    """

    eer: Interval
    rank1: Interval
    tpr: Interval
    worst_eer: float
    linkability: Interval


def cosine_scores(
    enrolled: Float[np.ndarray, "N E"], owners: Int[np.ndarray, " N"], trials: Float[np.ndarray, "M E"]
) -> Float[np.ndarray, "M S"]:
    """Cosines between each trial and the mean enrolled vector of each speaker 0..S-1; each has an enrolled clip."""
    models = np.stack([_unit(enrolled)[owners == speaker].mean(axis=0) for speaker in range(owners.max() + 1)])
    return _unit(trials) @ _unit(models).T


def measures(scores: Float[np.ndarray, "M S"], speakers: Int[np.ndarray, " M"], seed: int = 0) -> Measures:
    """Measures an attack.

    A bootstrap sample draws speakers with replacement; a speaker drawn twice counts twice as target and, against the
    others, as trial and as model.

    Args:
        scores: of trials against speakers; higher means more alike.
        speakers: whose voice each trial is; each speaker has one.
        seed: of the bootstrap samples.
    """
    count = scores.shape[1]
    curves = _Curves(scores, speakers)

    def interval(score: Callable[[Int[np.ndarray, "R S"]], Float[np.ndarray, " R"]]) -> Interval:
        # A sample of one speaker has nobody to be taken for.
        return over_persons(
            lambda often: np.where((often > 0).sum(axis=1) > 1, score(often), np.nan), count, REPLICATES, seed
        )

    return Measures(
        eer=interval(lambda often: equal_error_rates(*curves.errors(often))),
        rank1=rank1(scores, speakers, seed),
        tpr=interval(lambda often: _true_positives(*curves.errors(often))),
        worst_eer=curves.worst(),
        linkability=interval(curves.linkability),
    )


def rank1(scores: Float[np.ndarray, "M S"], speakers: Int[np.ndarray, " M"], seed: int = 0) -> Interval:
    """How often the own speaker has the highest score, as `measures` says it."""
    count = scores.shape[1]
    best = scores >= scores.max(axis=1, keepdims=True) - TIE
    hits = np.bincount(speakers, best[np.arange(len(scores)), speakers] / best.sum(axis=1), count)
    looks = np.bincount(speakers, minlength=count)
    return over_persons(lambda often: ratio(often @ hits, often @ looks), count, REPLICATES, seed)


def equal_error_rates(miss: Float[np.ndarray, "R T"], alarm: Float[np.ndarray, "R T"]) -> Float[np.ndarray, " R"]:
    """Where rates of misses, which rise with the threshold, and of false alarms, which fall, are nearest."""
    best = np.argmin(np.abs(miss - alarm), axis=1)[:, None]
    return ((np.take_along_axis(miss, best, 1) + np.take_along_axis(alarm, best, 1)) / 2)[:, 0]


def _true_positives(miss: Float[np.ndarray, "R T"], alarm: Float[np.ndarray, "R T"]) -> Float[np.ndarray, " R"]:
    return 1 - np.take_along_axis(miss, np.argmax(alarm <= FALSE_ALARMS, axis=1)[:, None], 1)[:, 0]


class _Curves:
    """Counts of trials by speaker, and of trials against others by pairs of speakers, over thresholds and over bins."""

    def __init__(self, scores: Float[np.ndarray, "M S"], speakers: Int[np.ndarray, " M"]):
        count = scores.shape[1]
        own = speakers[:, None] == np.arange(count)
        others = scores[~own]
        thresholds = np.quantile(others, np.linspace(0, 1, min(others.size, MOST_THRESHOLDS)))
        # The last threshold is above all scores.
        thresholds = np.append(np.unique(np.concatenate([scores[own], thresholds])), np.inf)
        bins = int(np.clip(len(scores) // 10, LEAST_BINS, MOST_BINS))
        edges = np.linspace(scores.min(), scores.max(), bins + 1)
        self._missed, self._mated = np.zeros((count, thresholds.size)), np.zeros((count, bins))
        self._passed, self._other = np.zeros((count, count, thresholds.size)), np.zeros((count, count, bins))
        self._targets = np.bincount(speakers, minlength=count).astype(np.float64)
        self._looks = np.repeat(self._targets[:, None], count, axis=1) * (1 - np.eye(count))
        for speaker in range(count):
            mine = np.sort(scores[speakers == speaker], axis=0)
            for model in range(count):
                below = np.searchsorted(mine[:, model], thresholds, "left")
                histogram = np.histogram(mine[:, model], edges)[0]
                if model == speaker:
                    self._missed[speaker], self._mated[speaker] = below, histogram
                else:
                    self._passed[speaker, model], self._other[speaker, model] = len(mine) - below, histogram

    def errors(self, often: Int[np.ndarray, "R S"]) -> tuple[Float[np.ndarray, "R T"], Float[np.ndarray, "R T"]]:
        """Rates of misses and of false alarms at each threshold, where each speaker counts so often."""
        pairs, looks = self._pairs(often)
        return (
            ratio(often @ self._missed, (often @ self._targets)[:, None]),
            ratio(pairs @ self._passed.reshape(len(self._targets) ** 2, -1), looks[:, None]),
        )

    def linkability(self, often: Int[np.ndarray, "R S"]) -> Float[np.ndarray, " R"]:
        """D_sys: over the bins, the share of own scores times how much likelier these are there than others' scores."""
        pairs, looks = self._pairs(often)
        mated = ratio(often @ self._mated, (often @ self._targets)[:, None])
        other = ratio(pairs @ self._other.reshape(len(self._targets) ** 2, -1), looks[:, None])
        return np.sum(mated * np.maximum(ratio(mated - other, mated + other), 0), axis=1)

    def worst(self) -> float:
        """The lowest equal error rate of a speaker: of their own trials, and of all trials against others that they
        are part of."""
        passed = self._passed.sum(axis=0) + self._passed.sum(axis=1)
        looks = self._looks.sum(axis=0) + self._looks.sum(axis=1)
        miss = ratio(self._missed, self._targets[:, None])
        return float(equal_error_rates(miss, ratio(passed, looks[:, None])).min())

    def _pairs(self, often: Int[np.ndarray, "R S"]) -> tuple[Float[np.ndarray, "R _"], Float[np.ndarray, " R"]]:
        """How often each pair of speakers counts, and how many trials against others that makes."""
        pairs = (often[:, :, None] * often[:, None, :]).reshape(len(often), -1).astype(np.float64)
        return pairs, pairs @ self._looks.reshape(-1)


def _unit(vectors: Float[np.ndarray, "N E"]) -> Float[np.ndarray, "N E"]:
    return vectors / np.maximum(np.linalg.norm(vectors, axis=-1, keepdims=True), 1e-12)
