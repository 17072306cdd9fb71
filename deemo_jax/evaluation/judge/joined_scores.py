"""Judged reasonings of several systems, to stand in one table: only what one judge said of all of them."""

import dataclasses
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from deemo_jax.core.errors import UserError
from deemo_jax.core.files import read_json, read_jsonl
from deemo_jax.core.stats import Interval
from deemo_jax.evaluation.compared_systems import System
from deemo_jax.evaluation.judge.human_file import SCORES
from deemo_jax.evaluation.judge.judge_identity import JudgeIdentity
from deemo_jax.evaluation.judge.judge_request import PREFER
from deemo_jax.evaluation.judge.judgement_files import ROWS, SUMMARY, judgements_of
from deemo_jax.evaluation.judge.statistics.clustered_mean import clustered_mean
from deemo_jax.evaluation.row_fields import MAX_LINE_BYTES


@dataclasses.dataclass(frozen=True, slots=True)
class JoinedScores:
    """Scores of systems by one judge.

    Attributes:
        judge: in a line.
        calibrated: whether the scores of all these systems are corrected by people.
        scores: system -> "clue" or "label" -> its mean, 1 to 10.
        rows: system -> rows that were judged.
        clips: system -> "clue" or "label" -> clip -> the mean of its repeats.
        persons: clip -> who is seen; None where this is unknown.
    """

    judge: str
    calibrated: bool
    scores: Mapping[str, Mapping[str, Interval]]
    rows: Mapping[str, int]
    clips: Mapping[str, Mapping[str, Mapping[str, float]]]
    persons: Mapping[str, str | None]

    def of(self, system: str, score: str) -> Interval | None:
        """A system's score; None where this judge said nothing of it."""
        return self.scores.get(system, {}).get(score)

    def difference(self, first: str, other: str, score: str) -> Interval | None:
        """One system's score less another's, as the judge gave them, with the interval of the paired differences.

        It is over clips that have a score of both. None where this judge said nothing of one of both.
        """
        if first not in self.clips or other not in self.clips:
            return None
        mine, theirs = self.clips[first][score], self.clips[other][score]
        both = sorted(mine.keys() & theirs.keys())
        named = [self.persons.get(clip) for clip in both]
        groups = np.unique([str(name) for name in named], return_inverse=True)[1] if all(named) else None
        return clustered_mean(np.array([mine[clip] - theirs[clip] for clip in both], np.float64), groups)


def joined_scores(systems: Sequence[System]) -> JoinedScores | None:
    """The judgements that lie beside systems' predictions, by the judge who judged most of them.

    Judgements of other predictions than are there, or of another modality set, do not count. Of judges who judged as
    many systems, and of one judge's several judgements of a system, the last counts.

    Returns:
        None where no system was judged.

    Raises:
        UserError: the summary of a judgement is damaged.
    """
    # Judge -> system -> its last judgement.
    by_judge: dict[_Key, dict[str, _Judgement]] = {}
    for system in systems:
        for path in sorted(judgements_of(system.file).glob(f"*/{SUMMARY}")):
            if found := _read(path, system):
                known = by_judge.setdefault(found.key, {})
                known[system.name] = max(found, known.get(system.name, found), key=lambda one: one.when)
    if not by_judge:
        return None
    chosen = max(by_judge.values(), key=lambda known: (len(known), max(one.when for one in known.values())))
    calibrated = all(score["calibrated"] for one in chosen.values() for score in one.scores.values())
    return JoinedScores(
        judge=next(iter(chosen.values())).key[0].told(),
        calibrated=calibrated,
        scores={
            name: {score: _mean(row, calibrated, one.path) for score, row in one.scores.items()}
            for name, one in chosen.items()
        },
        rows={name: one.rows for name, one in chosen.items()},
        clips={name: _clips(one.path.with_name(ROWS)) for name, one in chosen.items()},
        persons={row.clip_id: row.person_id for row in systems[0].rows},
    )


# Who judged, by which truth, and whether raw texts were among those judged.
_Key = tuple[JudgeIdentity, str, bool]


@dataclasses.dataclass(frozen=True, slots=True)
class _Judgement:
    """A judgement of one system: its summary, when that was written (ns), and what it holds."""

    path: Path
    when: int
    key: _Key
    rows: int
    scores: Mapping[str, Any]


def _read(path: Path, system: System) -> _Judgement | None:
    """A judgement of a system's predictions as they are; None where it is of others, or of preferences."""
    try:
        found = read_json(path)
    except UserError as error:
        raise _damaged(path) from error
    try:
        setting = found["setting"]
        of = [(one["sha256"], one["modalities"]) for one in setting["systems"]]
        if setting["protocol"]["name"] == PREFER or of != [(system.sha256, system.modalities)]:
            return None
        who = JudgeIdentity.from_json(found["judge"], str(path))
        key = who, str(setting["truth"]), bool(setting["include_raw_text"])
        scores = {score: found["scores"][score] for score in SCORES}
        _ = [row["calibrated"] for row in scores.values()]
        return _Judgement(path, path.stat().st_mtime_ns, key, int(found["counts"]["rows"]), scores)
    except UserError:
        raise
    except (TypeError, KeyError, ValueError) as error:
        raise _damaged(path) from error


def _mean(row: Mapping[str, Any], calibrated: bool, path: Path) -> Interval:
    try:
        found = row["calibrated"]["corrected"] if calibrated else row["mean"]
        return Interval(*(math.nan if found[end] is None else float(found[end]) for end in ("value", "low", "high")))
    except (TypeError, KeyError, ValueError) as error:
        raise _damaged(path) from error


def _clips(path: Path) -> dict[str, dict[str, float]]:
    """Of each score, clip -> the mean of its repeats; clips without one are left out."""
    given: dict[str, dict[str, list[float]]] = {score: {} for score in SCORES}
    try:
        for row in read_jsonl(path, MAX_LINE_BYTES):
            for score, of in given.items():
                if row[score] is not None:
                    of.setdefault(str(row["clip_id"]), []).append(float(row[score]))
    except (TypeError, KeyError, ValueError) as error:
        raise _damaged(path) from error
    return {score: {clip: sum(each) / len(each) for clip, each in of.items()} for score, of in given.items()}


def _damaged(path: Path) -> UserError:
    return UserError(f"{path}: is damaged; remove its folder, and judge again: replies that are kept cost nothing")
