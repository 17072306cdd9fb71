"""Scores of a system's reasonings from judgements: means, failures, repeats, length, and what people say of them.

Axes: n rows, K repeats.
"""

import dataclasses
import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from jaxtyping import Float

from deemo_jax.evaluation.judge.human_file import SCORES, mean_of_people
from deemo_jax.evaluation.judge.number_text import interval_json, known
from deemo_jax.evaluation.judge.protocols.judgement import LOWEST, Judgement
from deemo_jax.evaluation.judge.statistics.agreement import Agreement, agreement, ordinal_alpha, rank_correlation
from deemo_jax.evaluation.judge.statistics.clustered_mean import JudgedMean, judged_mean
from deemo_jax.evaluation.judge.statistics.corrected_mean import CorrectedMean, corrected_mean
from deemo_jax.evaluation.predictions import Prediction, persons

# The third score of the paper's Table 5: the mean of clue and label overlap.
AVERAGE = "average"
EMPTY = Judgement(LOWEST, LOWEST, reason="an empty reasoning, which was not sent")


@dataclasses.dataclass(frozen=True, slots=True)
class JudgedRow:
    """A row of predictions, and its judgements.

    Attributes:
        row: as it was read.
        repeats: a judgement each.
        sent: whether the judge was asked; an empty reasoning is not sent, and has the lowest scores.
    """

    row: Prediction
    repeats: tuple[Judgement, ...]
    sent: bool


@dataclasses.dataclass(frozen=True, slots=True)
class OverlapScore:
    """One of the scores of a system.

    Attributes:
        judged: means of the judge's scores.
        length: rank correlation of the score with the characters of the reasoning; NaN where it is not defined.
        corrected: the mean corrected by people; None without their scores.
        agreement: of judge and people; None without their scores.
        people_alpha: Krippendorff's alpha among people, ordinal; NaN where fewer than two scored.
    """

    judged: JudgedMean
    length: float
    corrected: CorrectedMean | None = None
    agreement: Agreement | None = None
    people_alpha: float = math.nan

    def to_json(self) -> dict[str, Any]:
        """The score as judge.json has it."""
        found = self.judged
        row: dict[str, Any] = {
            "mean": interval_json(found.mean),
            "mean_with_failures_as_lowest": known(found.with_failures),
            "rows": found.rows,
            "rows_failed": found.missing,
            "between_repeats": known(found.between_repeats),
            "within_row": known(found.within_row),
            "length_correlation": known(self.length),
            "calibrated": None,
        }
        if self.corrected:
            fixed = self.corrected
            row["calibrated"] = {
                "corrected": interval_json(fixed.corrected),
                "tuned": interval_json(fixed.tuned),
                "tuned_weight": fixed.weight,
                "people": interval_json(fixed.people),
                "people_minus_judge": fixed.difference,
                "rows_of_people": fixed.labelled,
            }
        if self.agreement:
            same = self.agreement
            row["agreement"] = {"rows": same.rows, "alpha": known(same.alpha), "spearman": known(same.spearman)}
            row["agreement"] |= {"exact": same.exact, "alpha_among_people": known(self.people_alpha)}
        return row


def overlap_scores(
    rows: Sequence[JudgedRow], people: Mapping[str, Mapping[str, Mapping[str, float]]] | None = None
) -> dict[str, OverlapScore]:
    """The scores clue, label and average.

    Args:
        rows: at least one.
        people: "clue" or "label" -> rater -> clip -> score; None where people scored nothing.
    """
    clips = [one.row.clip_id for one in rows]
    lengths = np.array([len(one.row.reasoning) for one in rows], np.float64)
    groups = persons([one.row for one in rows])
    judge = {score: _matrix(rows, score) for score in SCORES}
    judge[AVERAGE] = (judge["clue"] + judge["label"]) / 2
    human = {score: mean_of_people(people[score] if people else {}, clips) for score in SCORES}
    human[AVERAGE] = (human["clue"] + human["label"]) / 2
    found = {}
    for score, values in judge.items():
        judged = judged_mean(values, groups, LOWEST)
        each = _row_means(values)
        of_people = human[score]
        raters = list(people[score].values()) if people and score in people else []
        found[score] = OverlapScore(
            judged=judged,
            length=rank_correlation(each, lengths),
            corrected=corrected_mean(each, of_people, groups),
            agreement=agreement(each, of_people),
            people_alpha=_among(raters, clips),
        )
    return found


def _matrix(rows: Sequence[JudgedRow], score: str) -> Float[np.ndarray, "n K"]:
    given = [[getattr(judgement, score) for judgement in one.repeats] for one in rows]
    return np.array([[math.nan if value is None else value for value in repeats] for repeats in given], np.float64)


def _row_means(values: Float[np.ndarray, "n K"]) -> Float[np.ndarray, " n"]:
    """The mean of each row's scores; NaN where it has none."""
    counts = np.isfinite(values).sum(axis=1)
    return np.divide(np.nansum(values, axis=1), counts, out=np.full(len(values), math.nan), where=counts > 0)


def _among(raters: Sequence[Mapping[str, float]], clips: Sequence[str]) -> float:
    if len(raters) < 2:
        return math.nan
    return ordinal_alpha(np.array([[of.get(clip, math.nan) for clip in clips] for of in raters], np.float64))
