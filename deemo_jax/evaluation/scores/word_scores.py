"""Open-vocabulary scores: how well lists of emotion words agree, by the groups of an emotion wheel.

Axes: n clips, G groups of the wheel.
"""

import dataclasses
from typing import Any

import numpy as np
from jaxtyping import Bool, Float, Int

from deemo_jax.core.stats import Interval
from deemo_jax.evaluation.scores.clustered import clustered

# Random pairings of predictions and truths, and bootstrap samples, with the seed of their draws.
PAIRINGS = 200
SAMPLES = 1000
SEED = 20250


@dataclasses.dataclass(frozen=True, slots=True)
class WheelScores:
    """Scores by one wheel; all from 0 to 1.

    Attributes:
        n: clips that are scored: those whose true words have a group.
        skipped: the other clips.
        precision, recall: means over clips; 0 for a clip whose predicted words have no group.
        f: harmonic mean of these two means (MER-UniBench), with its interval over persons, or over clips where persons
            are unknown (`clustered.clustered`).
        hit_rate: clips with a group in both lists.
        f_shuffled, hit_rate_shuffled: means where predictions are paired with the truths of random clips.
    """

    n: int
    skipped: int
    precision: float
    recall: float
    f: Interval
    hit_rate: float
    f_shuffled: float
    hit_rate_shuffled: float

    def to_json(self) -> dict[str, Any]:
        """The scores as open_vocabulary.json has them."""
        fields = {field.name: getattr(self, field.name) for field in dataclasses.fields(self)}
        return fields | {"f": self.f.value, "interval": self.f.bounds()}


def wheel_scores(
    predicted: Bool[np.ndarray, "n G"], true: Bool[np.ndarray, "n G"], persons: Int[np.ndarray, " n"] | None = None
) -> WheelScores | None:
    """Scores lists by their groups; None where no true word has a group.

    Args:
        predicted: which groups the words of each prediction have.
        true: the same of the true words.
        persons: of each clip, its person, 0 to P - 1; None where they are unknown.
    """
    known = true.any(axis=1)
    n = int(known.sum())
    if not n:
        return None
    predicted, true = predicted[known], true[known]
    precision, recall = _overlaps(predicted, true)
    rng = np.random.default_rng(SEED)
    shuffled = [_overlaps(predicted[rng.permutation(n)], true) for _ in range(PAIRINGS)]

    def f_of(sums: np.ndarray) -> np.ndarray:
        return _harmonic(sums[:, 0] / sums[:, 2], sums[:, 1] / sums[:, 2])

    values = np.stack([precision, recall, np.ones(n)], axis=1)
    f = clustered(f_of, values, None if persons is None else persons[known], samples=SAMPLES, seed=SEED)
    return WheelScores(
        n=n,
        skipped=int((~known).sum()),
        precision=float(precision.mean()),
        recall=float(recall.mean()),
        f=f,
        hit_rate=float((recall > 0).mean()),
        f_shuffled=float(np.mean([_harmonic(p.mean(), r.mean()) for p, r in shuffled])),
        hit_rate_shuffled=float(np.mean([(r > 0).mean() for _, r in shuffled])),
    )


def _overlaps(
    predicted: Bool[np.ndarray, "n G"], true: Bool[np.ndarray, "n G"]
) -> tuple[Float[np.ndarray, " n"], Float[np.ndarray, " n"]]:
    """Precision and recall of each clip."""
    both = (predicted & true).sum(axis=1)
    return both / np.maximum(predicted.sum(axis=1), 1), both / np.maximum(true.sum(axis=1), 1)


def _harmonic(a: np.ndarray | np.floating, b: np.ndarray | np.floating) -> np.ndarray:
    total = np.asarray(a + b, np.float64)
    return np.divide(2 * a * b, total, out=np.zeros_like(total), where=total > 0)
