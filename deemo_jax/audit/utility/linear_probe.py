"""A linear probe: how well a label can be read from features, tested on persons whom the probe was not fitted on.

A probe is a multinomial logistic regression with an L2 penalty on standardised features. Persons are split into folds,
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

# Folds of persons, and folds within the others by which the penalty is chosen.
FOLDS, INNER_FOLDS = 5, 3
LEAST_PERSONS = 2 * FOLDS
# The penalties that are tried: scikit-learn's C, an inverse strength.
STRENGTHS = (1e-4, 1e-3, 1e-2, 1e-1, 1.0)
# Steps of the optimiser, at most.
MOST_STEPS = 500
# Bootstrap samples over persons, and the seed of their draws and of the folds.
SAMPLES, SEED = 2000, 20250


@dataclasses.dataclass(frozen=True, slots=True, eq=False)
class ProbeAnswers:
    """The answers of probes to all clips.

    Attributes:
        counts: how many clips have each person, true class and answer.
    """

    counts: Int[np.ndarray, "P C C"]

    @property
    def score(self) -> Interval:
        """Balanced accuracy, with its interval over persons."""
        return over_persons(self._of, len(self.counts), SAMPLES, SEED)

    def less(self, other: "ProbeAnswers") -> Interval:
        """The balanced accuracy minus that of `other` on the same clips, with its interval over the same persons."""
        return over_persons(lambda often: self._of(often) - other._of(often), len(self.counts), SAMPLES, SEED)

    def _of(self, often: Int[np.ndarray, "R P"]) -> Float[np.ndarray, " R"]:
        """The balanced accuracy of each bootstrap sample; `often` says how often each person counts in it."""
        return _balanced(np.einsum("rp,pcd->rcd", often, self.counts))


def probe(features: Float[np.ndarray, "n D"], labels: Sequence[str], persons: Sequence[str]) -> ProbeAnswers:
    """Fits probes and asks them about all clips.

    Args:
        features: of each clip.
        labels: of each clip.
        persons: who is in each clip.

    Raises:
        ValueError: there are fewer than ten persons, or a single class.
    """
    who, person = np.unique(np.asarray(persons), return_inverse=True)
    classes, truth = np.unique(np.asarray(labels), return_inverse=True)
    if len(who) < LEAST_PERSONS or len(classes) < 2:
        raise ValueError(f"{len(who)} persons, {len(classes)} classes; {LEAST_PERSONS} and 2 are needed")
    answers = np.zeros_like(truth)
    # One thread: for matrices this small, more threads spend their time waiting for each other.
    with threadpool_limits(1):
        for seen, unseen in GroupKFold(FOLDS, shuffle=True, random_state=SEED).split(features, truth, person):
            answers[unseen] = _fit(features[seen], truth[seen], person[seen]).predict(features[unseen])
    counts = np.zeros((len(who), len(classes), len(classes)), np.int64)
    np.add.at(counts, (person, truth, answers), 1)
    return ProbeAnswers(counts)


def _fit(
    features: Float[np.ndarray, "n D"], labels: Int[np.ndarray, " n"], persons: Shaped[np.ndarray, " n"]
) -> GridSearchCV:
    """A fitted probe; its penalty is chosen by folds of persons, too, within the clips that it is fitted on."""
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
