"""Recognition scores: accuracy, F1, confusion, and differences between two systems on the same clips.

Axes: n clips, C labels in the dataset's order, K = C + 1 predictions (the last one is `unparsed`), R replicates.
"""

import dataclasses
import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from jaxtyping import Float, Int, Real

from deemo_jax.core.schema import DEEMO_LABELS, UNPARSED, Labels
from deemo_jax.core.stats import Interval, interval, ratio
from deemo_jax.evaluation.scores.paired_tests import holm, paired_p
from deemo_jax.evaluation.scores.resampled_tables import count_cells, resampled_tables

# The scores of a whole system, in the order of reports.
HEADLINE = ("accuracy", "f1_weighted", "f1_macro")


@dataclasses.dataclass(frozen=True, slots=True)
class Scores:
    """Scores of one confusion table, or of a stack of them; all from 0 to 1."""

    accuracy: Float[np.ndarray, "*R"]
    f1_weighted: Float[np.ndarray, "*R"]
    f1_macro: Float[np.ndarray, "*R"]
    precision: Float[np.ndarray, "*R C"]
    recall: Float[np.ndarray, "*R C"]
    f1: Float[np.ndarray, "*R C"]


@dataclasses.dataclass(frozen=True, slots=True)
class ClassScores:
    """Scores of one class.

    Attributes:
        support: clips that are truly of it.
        precision, recall, f1: with their intervals.
    """

    support: int
    precision: Interval
    recall: Interval
    f1: Interval


@dataclasses.dataclass(frozen=True, slots=True)
class Recognition:
    """Scores of one system.

    Attributes:
        n: clips.
        unparsed: answers that state no label, or several.
        accuracy, f1_weighted, f1_macro: with their intervals.
        classes: label -> its scores.
        confusion: counts by true label and prediction; the last column is of unparsed answers.
    """

    n: int
    unparsed: int
    accuracy: Interval
    f1_weighted: Interval
    f1_macro: Interval
    classes: dict[str, ClassScores]
    confusion: Int[np.ndarray, "C K"]

    def to_json(self) -> dict[str, Any]:
        """The scores as recognition.json has them: numbers by name, and their intervals."""
        columns = (*self.classes, UNPARSED)
        return {
            "n": self.n,
            **{name: getattr(self, name).value for name in HEADLINE},
            "unparsed": self.unparsed,
            "intervals": {name: getattr(self, name).bounds() for name in HEADLINE},
            "classes": {name: _class_json(scores) for name, scores in self.classes.items()},
            "confusion": {
                name: dict(zip(columns, map(int, row), strict=True))
                for name, row in zip(self.classes, self.confusion, strict=True)
            },
        }


@dataclasses.dataclass(frozen=True, slots=True)
class Difference:
    """Scores of a first system minus those of a second one on the same clips.

    Attributes:
        accuracy, f1_weighted, f1_macro: with their intervals.
        discordance: share of the clips that just one of both gets right.
        p: two-sided, of equal accuracy: by sign-flips over persons, or McNemar's where persons are unknown.
        p_holm: adjusted for the number of differences that are shown together; None for one alone.
    """

    accuracy: Interval
    f1_weighted: Interval
    f1_macro: Interval
    discordance: float
    p: float
    p_holm: float | None = None

    def to_json(self) -> dict[str, Any]:
        """The differences as recognition.json has them."""
        return {
            **{name: getattr(self, name).value for name in HEADLINE},
            "intervals": {name: getattr(self, name).bounds() for name in HEADLINE},
            "discordance": self.discordance,
            "p": self.p,
            "p_holm": self.p_holm,
        }


def confusion(
    truth: Int[np.ndarray, " n"], predicted: Int[np.ndarray, " n"], labels: Labels = DEEMO_LABELS
) -> Int[np.ndarray, "C K"]:
    """Counts clips by true label and prediction.

    Args:
        truth: label indices, 0 to C - 1.
        predicted: label indices, or C for an unparsed answer.
        labels: of the dataset.

    Raises:
        ValueError: an index is out of range.
    """
    return count_cells((truth, predicted), (len(labels), len(labels) + 1))


def scores(tables: Real[np.ndarray, "*R C K"]) -> Scores:
    """Scores of confusion tables.

    An unparsed answer counts as a miss of its true class, and as a false alarm of no class. Precision or recall are 0
    where they have no clips. `f1_weighted` weighs classes by their true clips, `f1_macro` weighs all classes alike.
    """
    parsed = tables[..., :-1]
    hits = np.diagonal(parsed, axis1=-2, axis2=-1)
    true = tables.sum(axis=-1)
    predicted = parsed.sum(axis=-2)
    total = true.sum(axis=-1)
    f1 = ratio(2 * hits, true + predicted)
    return Scores(
        accuracy=ratio(hits.sum(axis=-1), total),
        f1_weighted=ratio((true * f1).sum(axis=-1), total),
        f1_macro=np.asarray(f1.mean(axis=-1)),
        precision=ratio(hits, predicted),
        recall=ratio(hits, true),
        f1=f1,
    )


def recognition(
    truth: Int[np.ndarray, " n"],
    predicted: Int[np.ndarray, " n"],
    labels: Labels = DEEMO_LABELS,
    persons: Int[np.ndarray, " n"] | None = None,
) -> Recognition:
    """Scores one system on n >= 1 clips, with 95 % bootstrap intervals.

    Args:
        truth, predicted, labels: as for `confusion`.
        persons: of each clip, its person, 0 to P - 1: intervals are over persons, and unknown for fewer than 10. None
            where persons are unknown: intervals are over clips.
    """
    table = confusion(truth, predicted, labels)
    resampled = resampled_tables(truth, [predicted], len(labels), persons)
    point, drawn = scores(table), scores(resampled[0]) if resampled else None

    def of_class(name: str, c: int) -> Interval:
        return _interval(getattr(point, name)[c], getattr(drawn, name)[:, c] if drawn else None)

    return Recognition(
        n=int(table.sum()),
        unparsed=int(table[:, -1].sum()),
        **{name: _interval(getattr(point, name), getattr(drawn, name) if drawn else None) for name in HEADLINE},
        classes={
            name: ClassScores(int(table[c].sum()), of_class("precision", c), of_class("recall", c), of_class("f1", c))
            for c, name in enumerate(labels)
        },
        confusion=table,
    )


def paired_difference(
    truth: Int[np.ndarray, " n"],
    first: Int[np.ndarray, " n"],
    second: Int[np.ndarray, " n"],
    labels: Labels = DEEMO_LABELS,
    persons: Int[np.ndarray, " n"] | None = None,
) -> Difference:
    """Scores of the predictions `first` minus those of `second`; each bootstrap sample has the same clips for both.

    Args:
        truth, labels: as for `confusion`.
        first, second: label indices, or C for an unparsed answer.
        persons: as for `recognition`; the test of equal accuracy follows them, too (`paired_tests.paired_p`).
    """
    points = [scores(confusion(truth, one, labels)) for one in (first, second)]
    resampled = resampled_tables(truth, [first, second], len(labels), persons)
    stacks = [scores(tables) for tables in resampled] if resampled else None
    right = truth == first, truth == second
    accuracy, weighted, macro = (
        _interval(_gap(points, name), _gap(stacks, name) if stacks else None) for name in HEADLINE
    )
    return Difference(
        accuracy=accuracy,
        f1_weighted=weighted,
        f1_macro=macro,
        discordance=float((right[0] != right[1]).mean()),
        p=paired_p(*right, persons),
    )


def adjusted(family: dict[str, Difference]) -> dict[str, Difference]:
    """Differences that are shown together, with their p-values adjusted for their number."""
    p = holm(np.array([difference.p for difference in family.values()]))
    return {
        name: dataclasses.replace(difference, p_holm=float(one))
        for (name, difference), one in zip(family.items(), p, strict=True)
    }


def majority(truth: Int[np.ndarray, " n"]) -> float:
    """The accuracy of always naming the most frequent class, 0 to 1."""
    return float(np.bincount(truth).max() / len(truth))


def _gap(pair: Sequence[Scores], name: str) -> np.ndarray:
    return np.asarray(getattr(pair[0], name) - getattr(pair[1], name))


def _interval(value: np.ndarray, replicates: np.ndarray | None) -> Interval:
    return Interval(float(value), math.nan, math.nan) if replicates is None else interval(value, replicates)


def _class_json(of: ClassScores) -> dict[str, Any]:
    names = ("precision", "recall", "f1")
    return {
        "support": of.support,
        **{name: getattr(of, name).value for name in names},
        "intervals": {name: getattr(of, name).bounds() for name in names},
    }
