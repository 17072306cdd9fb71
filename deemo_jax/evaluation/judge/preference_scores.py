"""What a judge of pairs prefers: strengths of systems, leanings to a place or to length, and what people say.

Axes: c verdicts, M systems.
"""

import dataclasses
import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from deemo_jax.evaluation.judge.human_file import TIE
from deemo_jax.evaluation.judge.number_text import interval_json, known
from deemo_jax.evaluation.judge.protocols.prefer import Contest, Verdict
from deemo_jax.evaluation.judge.statistics.bradley_terry import Strengths, bradley_terry
from deemo_jax.evaluation.judge.statistics.corrected_rate import CorrectedRate, corrected_rate
from deemo_jax.evaluation.judge.statistics.preference_bias import Leaning, leaning, longer_preferred


@dataclasses.dataclass(frozen=True, slots=True)
class JudgedContest:
    """Two systems' reasonings about one clip, and the verdicts.

    Attributes:
        clip_id: of the clip.
        person_id: who is seen; None where this is unknown.
        systems: places of both systems, in the order of `contest`.
        contest: the texts.
        verdicts: of every repeat, both orders.
        sent: whether the judge was asked; an empty reasoning loses without being sent.
    """

    clip_id: str
    person_id: str | None
    systems: tuple[int, int]
    contest: Contest
    verdicts: tuple[Verdict, ...]
    sent: bool

    @property
    def won(self) -> float | None:
        """By the first system: 1, 0, or 0.5 where its verdicts are even; None without a verdict."""
        known = [verdict.won for verdict in self.verdicts if verdict.won is not None]
        if not known:
            return None
        mean = sum(known) / len(known)
        return 0.5 if mean == 0.5 else float(mean > 0.5)


@dataclasses.dataclass(frozen=True, slots=True)
class HumanCheck:
    """A judge of two systems, held against people.

    Attributes:
        contests: that both told.
        same: share of these with the same verdict, ties included, 0 to 1.
        kappa: Cohen's, over first, tie and second; NaN where it is not defined.
        rate: how often people prefer the first system, among contests without a tie; or in words why this is unknown.
    """

    contests: int
    same: float
    kappa: float
    rate: CorrectedRate | str


@dataclasses.dataclass(frozen=True, slots=True)
class PreferenceScores:
    """Preferences among systems.

    Attributes:
        systems: their names; strengths are relative to the first.
        strengths: Bradley-Terry; or in words why they are not finite.
        records: of each system: contests won, even, lost, and without a verdict.
        place: how often the text that stood first was preferred.
        longer: how often the longer text was.
        consistent: share of contests with verdicts in both orders that agree, 0 to 1; NaN without any.
        human: what people say of the judge; None without their preferences.
    """

    systems: tuple[str, ...]
    strengths: Strengths | str
    records: tuple[tuple[int, int, int, int], ...]
    place: Leaning
    longer: Leaning
    consistent: float
    human: HumanCheck | None = None

    def to_json(self) -> dict[str, Any]:
        """The scores as judge.json has them."""
        rows: list[dict[str, Any]] = []
        for number, (name, record) in enumerate(zip(self.systems, self.records, strict=True)):
            row: dict[str, Any] = {"system": name, **dict(zip(("won", "even", "lost", "failed"), record, strict=True))}
            if isinstance(self.strengths, Strengths):
                row["log_odds"] = interval_json(self.strengths.log_odds[number])
                row["preferred_to_first"] = interval_json(self.strengths.preferred[number])
            rows.append(row)
        found: dict[str, Any] = {"systems": rows, "consistent_over_orders": known(self.consistent)}
        found["no_strengths"] = self.strengths if isinstance(self.strengths, str) else None
        for name, side in (("first_place", self.place), ("longer", self.longer)):
            found[name] = {"preferred": side.wins, "decided": side.decided, "share": known(side.share), "p": side.p}
        found["calibrated"] = None
        if self.human:
            check = self.human
            found["agreement"] = {"contests": check.contests, "same": known(check.same), "kappa": known(check.kappa)}
            if isinstance(check.rate, CorrectedRate):
                fixed = dataclasses.asdict(check.rate) | {"corrected": interval_json(check.rate.corrected)}
                found["calibrated"] = fixed
            else:
                found["not_calibrated_because"] = check.rate
        return found


def preference_scores(
    contests: Sequence[JudgedContest], systems: Sequence[str], people: Mapping[str, Sequence[str]] | None = None
) -> PreferenceScores:
    """Scores systems by the contests between them.

    Args:
        contests: at least one.
        systems: names of M systems.
        people: clip -> what each person preferred, of two systems; None where people told nothing.
    """
    told = [(one, verdict) for one in contests for verdict in one.verdicts if verdict.won is not None]
    pairs = np.array([one.systems for one, _ in told], np.int64).reshape(-1, 2)
    wins = np.array([verdict.won for _, verdict in told], np.float64)
    named = all(one.person_id for one in contests)
    # Persons and clips by name, so that all contests of one are one group.
    groups = np.unique([str(one.person_id if named else one.clip_id) for one, _ in told], return_inverse=True)[1]
    asked = [(one, verdict) for one, verdict in told if one.sent]
    first_won = np.array([verdict.first_won for _, verdict in asked], np.float64)
    lengths = np.array([(len(one.contest.one), len(one.contest.other)) for one, _ in asked], np.int64).reshape(-1, 2)
    won = np.array([verdict.won for _, verdict in asked], np.float64)
    return PreferenceScores(
        systems=tuple(systems),
        strengths=bradley_terry(pairs, wins, groups, len(systems)) if told else "no verdict at all",
        records=tuple(_record(contests, number) for number in range(len(systems))),
        place=leaning(first_won[first_won != 0.5] == 1),
        longer=longer_preferred(lengths, won == 1, won == 0),
        consistent=_consistent([one for one in contests if one.sent]),
        human=_human_check(contests, systems, people) if people is not None else None,
    )


def _record(contests: Sequence[JudgedContest], system: int) -> tuple[int, int, int, int]:
    counts = [0, 0, 0, 0]
    for one in contests:
        if system not in one.systems:
            continue
        if one.won is None:
            counts[3] += 1
        else:
            won = one.won if one.systems[0] == system else 1 - one.won
            counts[{1.0: 0, 0.5: 1, 0.0: 2}[won]] += 1
    return counts[0], counts[1], counts[2], counts[3]


def _consistent(contests: Sequence[JudgedContest]) -> float:
    """Over all repeats: how often the verdict is the same in both orders."""
    same = [
        one.won == other.won
        for contest in contests
        for one, other in zip(contest.verdicts[::2], contest.verdicts[1::2], strict=True)
        if one.won is not None and other.won is not None
    ]
    return sum(same) / len(same) if same else math.nan


def _human_check(
    contests: Sequence[JudgedContest], systems: Sequence[str], people: Mapping[str, Sequence[str]]
) -> HumanCheck:
    from sklearn.metrics import cohen_kappa_score

    judge = {one.clip_id: one.won for one in contests if one.won is not None}
    human = {clip: _majority(chosen, systems) for clip, chosen in people.items()}
    both = [(judge[clip], human[clip]) for clip in judge if clip in human]
    decided = [(told, said) for told, said in both if 0.5 not in (told, said)]
    labels = [f"{each:g}" for each in (0.0, 0.5, 1.0)]
    mine, theirs = ([f"{pair[side]:g}" for pair in both] for side in (0, 1))
    varied = len({*mine, *theirs}) > 1
    return HumanCheck(
        contests=len(both),
        same=sum(a == b for a, b in both) / len(both) if both else math.nan,
        kappa=float(cohen_kappa_score(mine, theirs, labels=labels)) if varied else math.nan,
        rate=corrected_rate(
            np.array([told == 1 for told in judge.values() if told != 0.5], bool),
            np.array([told == 1 for told, _ in decided], bool),
            np.array([said == 1 for _, said in decided], bool),
        ),
    )


def _majority(chosen: Sequence[str], systems: Sequence[str]) -> float:
    """What most people preferred: 1 for the first system, 0 for the second, 0.5 for neither."""
    first, second = (sum(name == system for name in chosen) for system in systems[:2])
    ties = sum(name == TIE for name in chosen)
    if first == second or ties >= max(first, second):
        return 0.5
    return float(first > second)
