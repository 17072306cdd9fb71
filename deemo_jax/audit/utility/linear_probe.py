"""How much of a label features hold: a plain probe, asked about persons it has not seen.

A probe is a multinomial logistic regression with an L2 penalty on standardised features; persons are dealt into folds,
and each fold is answered by a probe that was fitted on the others. Classes weigh the same, in fitting and in the score.
Axes: n clips, D features, C classes, P persons, R bootstrap replicates.
"""

import dataclasses
from collections.abc import Sequence

import numpy as np
from jaxtyping import Float, Int, Num, Shaped
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, GroupKFold
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler
from threadpoolctl import threadpool_limits

from deemo_jax.core.stats import Interval, over_persons

FOLDS, INNER_FOLDS = 5, 3
LEAST_PERSONS = 2 * FOLDS
# Inverse penalties.
STRENGTHS = (1e-4, 1e-3, 1e-2, 1e-1)
MOST_STEPS = 500
SAMPLES, SEED = 2000, 20250


@dataclasses.dataclass(frozen=True, slots=True, eq=False)
class ProbeAnswers:
    """What probes answered.

    Attributes:
        counts: clips by person, true class and answer.
    """

    counts: Int[np.ndarray, "P C C"]

    @property
    def score(self) -> Interval:
        """Balanced accuracy, with its interval over persons."""
        return over_persons(self._of, len(self.counts), SAMPLES, SEED)

    def less(self, other: "ProbeAnswers") -> Interval:
        """The balanced accuracy less that of `other` on the same clips; a replicate draws the same persons for both."""
        return over_persons(lambda often: self._of(often) - other._of(often), len(self.counts), SAMPLES, SEED)

    def _of(self, often: Int[np.ndarray, "R P"]) -> Float[np.ndarray, " R"]:
        """Balanced accuracy where persons count so often."""
        return _balanced(np.einsum("rp,pcd->rcd", often, self.counts))


def probe(features: Float[np.ndarray, "n D"], labels: Sequence[str], persons: Sequence[str]) -> ProbeAnswers:
    """Fits and asks.

    Raises:
        ValueError: fewer than ten persons, or a single class.
    """
    who, person = np.unique(np.asarray(persons), return_inverse=True)
    classes, truth = np.unique(np.asarray(labels), return_inverse=True)
    if len(who) < LEAST_PERSONS or len(classes) < 2:
        raise ValueError(f"{len(who)} persons, {len(classes)} classes; {LEAST_PERSONS} and 2 are needed")
    answers = np.zeros_like(truth)
    # The matrices are small: threads would only wait for each other.
    with threadpool_limits(1):
        for seen, unseen in GroupKFold(FOLDS, shuffle=True, random_state=SEED).split(features, truth, person):
            answers[unseen] = _fit(features[seen], truth[seen], person[seen]).predict(features[unseen])
    counts = np.zeros((len(who), len(classes), len(classes)), np.int64)
    np.add.at(counts, (person, truth, answers), 1)
    return ProbeAnswers(counts)


def _fit(
    features: Float[np.ndarray, "n D"], labels: Int[np.ndarray, " n"], persons: Shaped[np.ndarray, " n"]
) -> GridSearchCV:
    """The penalty is chosen on persons, too, all of them among those that the probe may see."""
    regression = LogisticRegression(class_weight="balanced", max_iter=MOST_STEPS)
    return GridSearchCV(
        make_pipeline(StandardScaler(), regression),
        {"logisticregression__C": STRENGTHS},
        cv=GroupKFold(INNER_FOLDS),
        scoring=_mean_recall,
    ).fit(features, labels, groups=persons)


def _mean_recall(fitted: Pipeline, features: Float[np.ndarray, "n D"], labels: Int[np.ndarray, " n"]) -> float:
    right = fitted.predict(features) == labels
    return float(np.mean([right[labels == label].mean() for label in np.unique(labels)]))


def _balanced(confusion: Num[np.ndarray, "*R C C"]) -> Float[np.ndarray, "*R"]:
    """Mean recall of the classes that occur."""
    support = confusion.sum(axis=-1)
    recall = np.diagonal(confusion, axis1=-2, axis2=-1) / np.maximum(support, 1)
    return np.asarray(recall.sum(axis=-1) / np.maximum((support > 0).sum(axis=-1), 1))
