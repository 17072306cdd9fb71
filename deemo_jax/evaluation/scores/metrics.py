"""Recognition scores: accuracy, F1, confusion, and differences between two systems on the same clips.

Axes: n clips, C labels in the dataset's order, K = C + 1 predictions (the last one is `unparsed`), R replicates.
"""

import dataclasses
from typing import Any

import numpy as np
from jaxtyping import Float, Int

from deemo_jax.core.schema import DEEMO_LABELS, UNPARSED, Labels
from deemo_jax.core.stats import Interval, interval, ratio, resample

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
    """Scores of a first system minus those of a second one on the same clips."""

    accuracy: Interval
    f1_weighted: Interval
    f1_macro: Interval

    def to_json(self) -> dict[str, Any]:
        """The differences as recognition.json has them."""
        return {
            **{name: getattr(self, name).value for name in HEADLINE},
            "intervals": {name: getattr(self, name).bounds() for name in HEADLINE},
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
    return _count((truth, predicted), (len(labels), len(labels) + 1))


def scores(tables: Int[np.ndarray, "*R C K"]) -> Scores:
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
    truth: Int[np.ndarray, " n"], predicted: Int[np.ndarray, " n"], labels: Labels = DEEMO_LABELS
) -> Recognition:
    """Scores one system on n >= 1 clips, with 95 % bootstrap intervals over clips. Arguments as for `confusion`."""
    table = confusion(truth, predicted, labels)
    point, drawn = scores(table), scores(resample(table))

    def of_class(name: str, c: int) -> Interval:
        return interval(getattr(point, name)[c], getattr(drawn, name)[:, c])

    return Recognition(
        n=int(table.sum()),
        unparsed=int(table[:, -1].sum()),
        **{name: interval(getattr(point, name), getattr(drawn, name)) for name in HEADLINE},
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
) -> Difference:
    """Scores of the predictions `first` minus those of `second`; each bootstrap sample has the same clips for both."""
    C = len(labels)
    joint = _count((truth, first, second), (C, C + 1, C + 1))
    drawn = resample(joint)
    points = scores(joint.sum(axis=2)), scores(joint.sum(axis=1))
    stacks = scores(drawn.sum(axis=3)), scores(drawn.sum(axis=2))
    return Difference(
        **{
            name: interval(
                getattr(points[0], name) - getattr(points[1], name), getattr(stacks[0], name) - getattr(stacks[1], name)
            )
            for name in HEADLINE
        }
    )


def majority(truth: Int[np.ndarray, " n"]) -> float:
    """The accuracy of always naming the most frequent class, 0 to 1."""
    return float(np.bincount(truth).max() / len(truth))


def _count(labels: tuple[np.ndarray, ...], shape: tuple[int, ...]) -> np.ndarray:
    # `ravel_multi_index` raises on an index out of range, which arithmetic would count in another cell.
    cells = np.ravel_multi_index(labels, shape)
    return np.bincount(cells, minlength=int(np.prod(shape))).reshape(shape)


def _class_json(of: ClassScores) -> dict[str, Any]:
    names = ("precision", "recall", "f1")
    return {
        "support": of.support,
        **{name: getattr(of, name).value for name in names},
        "intervals": {name: getattr(of, name).bounds() for name in names},
    }
