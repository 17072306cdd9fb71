"""What judges said of the reasonings of systems, read from the files that `evaluate --judge` wrote beside predictions.

Only numbers are taken: a judge's reasons may quote what was said.
"""

import dataclasses
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from deemo_jax.core.errors import UserError
from deemo_jax.core.files import read_json, read_jsonl
from deemo_jax.core.stats import Interval
from deemo_jax.evaluation.compared_systems import System
from deemo_jax.evaluation.judge.judge_identity import JudgeIdentity
from deemo_jax.evaluation.judge.judgement_files import ROWS, SUMMARY, judgements_of
from deemo_jax.evaluation.judge.number_text import known
from deemo_jax.evaluation.judge.overlap_report import NAMES
from deemo_jax.evaluation.judge.protocols.judgement import HIGHEST, LOWEST

# The scores that a row of judgements has.
SCORES = ("clue", "label")


@dataclasses.dataclass(frozen=True, slots=True)
class JudgedScore:
    """One score of one system by one judge.

    Attributes:
        judge: who judged, and how, in a line.
        system: name of the system.
        score: its name, in words.
        counts: judgements of 1, 2, ... 10.
        failed: judgements without this score.
        mean: over rows, with its 95 % interval.
        corrected: the mean corrected by people; None where the judge is not calibrated.
    """

    judge: str
    system: str
    score: str
    counts: tuple[int, ...]
    failed: int
    mean: Interval
    corrected: Interval | None

    def to_json(self) -> dict[str, Any]:
        """The score as the page embeds it."""
        row = dataclasses.asdict(self)
        return row | {"mean": _json(self.mean), "corrected": self.corrected and _json(self.corrected)}


def judged_scores(systems: Sequence[System]) -> list[JudgedScore]:
    """The scores of all judges of some systems; of one judge's with another setting, the last ones.

    Raises:
        UserError: a file of a judgement is damaged.
    """
    found = []
    for system in systems:
        summaries = {path: _summary(path) for path in judgements_of(system.file).glob(f"*/{SUMMARY}")}
        ours = {path: summary for path, summary in summaries.items() if _is_of(summary, system)}
        newest: dict[str, Path] = {}
        for path in sorted(ours, key=lambda path: path.stat().st_mtime_ns):
            newest[_told(ours[path], path)] = path
        for judge, path in sorted(newest.items()):
            found += _scores(judge, system.name, path, ours[path])
    return found


def _summary(path: Path) -> Mapping[str, Any]:
    row = read_json(path)
    if not isinstance(row, dict):
        raise _damaged(path)
    return row


def _is_of(summary: Mapping[str, Any], system: System) -> bool:
    """Whether a judgement is of a system's reasonings by themselves, and not of another set or of earlier answers."""
    try:
        (judged,) = summary["setting"]["systems"]
        same = (judged["sha256"], judged["modalities"]) == (system.sha256, system.modalities)
        return "scores" in summary and same
    except (KeyError, TypeError, ValueError):
        return False


def _told(summary: Mapping[str, Any], path: Path) -> str:
    return JudgeIdentity.from_json(summary.get("judge"), str(path)).told()


def _scores(judge: str, system: str, path: Path, summary: Mapping[str, Any]) -> list[JudgedScore]:
    rows = list(read_jsonl(path.with_name(ROWS)))
    made = []
    try:
        for key in SCORES:
            values = [row[key] for row in rows]
            given = [int(value) for value in values if value is not None]
            if not all(LOWEST <= value <= HIGHEST for value in given):
                raise ValueError("a score beyond its bounds")
            of = summary["scores"][key]
            fixed = of["calibrated"]
            made.append(
                JudgedScore(
                    judge=judge,
                    system=system,
                    score=NAMES[key],
                    counts=tuple(given.count(value) for value in range(LOWEST, HIGHEST + 1)),
                    failed=len(values) - len(given),
                    mean=_interval(of["mean"]),
                    corrected=_interval(fixed["corrected"]) if fixed else None,
                )
            )
    except (KeyError, TypeError, ValueError) as error:
        raise _damaged(path) from error
    return made


def _damaged(path: Path) -> UserError:
    return UserError(
        f"{path}: is damaged; remove its folder, or judge again, which costs nothing where replies are kept"
    )


def _interval(row: Mapping[str, Any]) -> Interval:
    value, low, high = (float("nan") if row[key] is None else float(row[key]) for key in ("value", "low", "high"))
    return Interval(value, low, high)


def _json(of: Interval) -> dict[str, Any]:
    return {"value": known(of.value), "interval": of.bounds()}
