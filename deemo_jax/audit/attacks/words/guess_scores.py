"""How often guesses about persons are right, beside the best guess of somebody who hears nothing.

Axes: P persons, R bootstrap samples.
"""

import dataclasses

import numpy as np
from jaxtyping import Bool, Int

from deemo_jax.audit.attacks.words.speakers import Attribute
from deemo_jax.core.stats import Interval, over_persons, ratio

# Bootstrap samples over persons, and the seed of their draws.
SAMPLES, SEED = 2000, 20250


@dataclasses.dataclass(frozen=True, slots=True, eq=False)
class GuessScore:
    """Guesses of one fact from one version of the texts.

    Attributes:
        right: of each person of whom the fact is known, whether the guess is right.
        by_majority: the same of the value that most persons have.
        values: how many values the fact has.
    """

    right: Bool[np.ndarray, " P"]
    by_majority: Bool[np.ndarray, " P"]
    values: int

    @property
    def persons(self) -> int:
        """P, of whom the fact is known."""
        return len(self.right)

    @property
    def accuracy(self) -> Interval:
        """The share of persons who are guessed right, with its interval over persons."""
        return _mean(self.right.astype(float))

    @property
    def majority(self) -> float:
        """The share of the most frequent value."""
        return float(self.by_majority.mean())

    @property
    def gain(self) -> Interval:
        """Accuracy less that of the most frequent value, about the same persons."""
        return _mean(self.right.astype(float) - self.by_majority)

    @property
    def is_found(self) -> bool:
        """Whether the attacker surely knows more than the most frequent value: the whole interval is above it."""
        return self.gain.low > 0

    def less(self, other: "GuessScore") -> Interval:
        """Accuracy less that of other guesses about the same persons."""
        return _mean(self.right.astype(float) - other.right)


def score(fact: Attribute, guesses: Int[np.ndarray, " P"]) -> GuessScore:
    """The score of guesses; `guesses` are numbers of values, of each person."""
    known = fact.known
    truth = fact.truth[known]
    return GuessScore(guesses[known] == truth, truth == fact.majority, len(fact.values))


def share_over_persons(hits: Int[np.ndarray, " P"], counts: Int[np.ndarray, " P"]) -> Interval:
    """The share of hits among all that each person has, with its interval over persons."""
    return over_persons(lambda often: ratio(often @ hits, often @ counts), len(hits), SAMPLES, SEED)


def _mean(of_person: np.ndarray) -> Interval:
    return over_persons(lambda often: often @ of_person / often.sum(axis=1), len(of_person), SAMPLES, SEED)
