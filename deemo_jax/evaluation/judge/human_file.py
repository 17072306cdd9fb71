"""The file of --human: people's scores of the same reasonings."""

import math
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float

from deemo_jax.core.errors import UserError
from deemo_jax.core.files import read_jsonl
from deemo_jax.evaluation.judge.protocols.judgement import HIGHEST, LOWEST
from deemo_jax.evaluation.row_fields import MAX_ID, MAX_LINE_BYTES, MAX_ROWS, clip_id_of

SCORES = ("clue", "label")
TIE = "tie"
KEYS = frozenset({"clip_id", "rater", "preferred", *SCORES})
# Of a file that names no raters.
NOBODY = ""


def read_scores(path: str | Path, clips: Collection[str]) -> dict[str, dict[str, dict[str, float]]]:
    """People's scores of clue and label overlap.

    Args:
        path: JSON lines with `clip_id`, `clue` or `label` or both (1 to 10), and, where several people scored, `rater`.
        clips: that were predicted.

    Returns:
        "clue" or "label" -> rater -> clip -> score.

    Raises:
        UserError: a row is malformed, scores an unknown clip or one twice, or has a number out of range.
    """
    found: dict[str, dict[str, dict[str, float]]] = {score: {} for score in SCORES}
    for where, clip, rater, row in _rows(path, clips):
        given = {score: row[score] for score in SCORES if row.get(score) is not None}
        if not given:
            raise UserError(f"{where}: clue and label are missing; give one or both, from {LOWEST} to {HIGHEST}")
        for score, value in given.items():
            if isinstance(value, bool) or not isinstance(value, int | float) or not LOWEST <= value <= HIGHEST:
                raise UserError(f"{where}: {score} is {str(value)[:40]!r}; give a number from {LOWEST} to {HIGHEST}")
            found[score].setdefault(rater, {})[clip] = float(value)
    return found


def read_preferences(path: str | Path, clips: Collection[str], systems: Collection[str]) -> dict[str, list[str]]:
    """People's preferences between two systems.

    Args:
        path: JSON lines with `clip_id`, `preferred` (the name of a system, or "tie"), and, where several people chose,
            `rater`.
        clips: that both answered.
        systems: names of both.

    Returns:
        Clip -> what each person preferred.

    Raises:
        UserError: as `read_scores`.
    """
    found: dict[str, list[str]] = {}
    for where, clip, _, row in _rows(path, clips):
        if not isinstance(row.get("preferred"), str) or row["preferred"] not in {*systems, TIE}:
            raise UserError(
                f"{where}: preferred is {str(row.get('preferred'))[:40]!r}; choose {', '.join(systems)} or {TIE}"
            )
        found.setdefault(clip, []).append(row["preferred"])
    return found


def mean_of_people(scores: Mapping[str, Mapping[str, float]], clips: Collection[str]) -> Float[np.ndarray, " n"]:
    """Of each clip, the mean of what people gave (rater -> clip -> score); NaN where nobody scored it."""
    given = [[of[clip] for of in scores.values() if clip in of] for clip in clips]
    return np.array([sum(values) / len(values) if values else math.nan for values in given], np.float64)


def _rows(path: str | Path, clips: Collection[str]) -> list[tuple[str, str, str, Mapping[str, Any]]]:
    """Of each row: where it stands, its clip, who scored it, and the row."""
    known, first = set(clips), dict[tuple[str, str], int]()
    rows: list[tuple[str, str, str, Mapping[str, Any]]] = []
    for number, row in enumerate(read_jsonl(path, MAX_LINE_BYTES), 1):
        where = f"{path}: row {number}"
        if number > MAX_ROWS:
            raise UserError(f"{path}: more than {MAX_ROWS:,} rows")
        if unknown := row.keys() - KEYS:
            raise UserError(f"{where}: has the key {min(unknown)[:40]!r}; known are {', '.join(sorted(KEYS))}")
        rater = row.get("rater", NOBODY)
        if not isinstance(rater, str) or len(rater) > MAX_ID or not rater.isprintable():
            raise UserError(f"{where}: rater must be at most {MAX_ID} printable characters")
        try:
            clip = clip_id_of(row)
        except UserError as error:
            raise UserError(f"{where}: {error}") from error
        if clip not in known:
            raise UserError(f"{where}: clip {clip} is in no prediction that is judged; take the row out")
        if (earlier := first.setdefault((clip, rater), number)) != number:
            raise UserError(
                f"{where}: clip {clip} occurs twice, first in row {earlier}; name who scored with `rater`, or keep one"
            )
        rows.append((where, clip, rater, row))
    if not rows:
        raise UserError(f"{path}: no rows; write one JSON object a line")
    return rows
