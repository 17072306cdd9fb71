"""Judges which of two systems' reasonings is better, clip by clip and in both orders."""

import dataclasses
import itertools
from collections.abc import Callable
from typing import Any

from deemo_jax.core.errors import UserError
from deemo_jax.core.files import check_place
from deemo_jax.evaluation.judge import judgement_files, overlap_report, preference_report
from deemo_jax.evaluation.judge.asking import decoding_json
from deemo_jax.evaluation.judge.gold_set import GoldResult, gold_contests, rank_contests
from deemo_jax.evaluation.judge.human_file import read_preferences
from deemo_jax.evaluation.judge.judge_identity import JudgeIdentity
from deemo_jax.evaluation.judge.judge_request import JudgeRequest
from deemo_jax.evaluation.judge.judged_rows import select
from deemo_jax.evaluation.judge.judgement_files import JudgementPage
from deemo_jax.evaluation.judge.preference_scores import JudgedContest, preference_scores
from deemo_jax.evaluation.judge.protocols.judgement import Asker
from deemo_jax.evaluation.judge.protocols.prefer import Contest, Verdict, judge_preferences


@dataclasses.dataclass(frozen=True, slots=True)
class _Meeting:
    """Two systems at one clip."""

    clip_id: str
    person_id: str | None
    systems: tuple[int, int]
    contest: Contest

    @property
    def empty(self) -> tuple[bool, bool]:
        return not self.contest.one.strip(), not self.contest.other.strip()


class PreferenceRun:
    """Systems whose reasonings are compared in pairs.

    Args:
        request: with the protocol `prefer`.

    Attributes:
        store: the file in which replies are kept.

    Raises:
        UserError: as `OverlapRun`; or people's preferences are given for more than two systems.
    """

    def __init__(self, request: JudgeRequest) -> None:
        self._request = request
        self._systems = request.systems()
        self.store, self._folder = request.store(self._systems), request.folder(self._systems)
        raw = request.include_raw_text
        chosen = [select(one.rows, one.name, include_raw_text=raw, need_reference=False) for one in self._systems]
        rows = [{row.clip_id: row for row in one.rows} for one in chosen]
        clips = sorted(set[str].intersection(*(set(of) for of in rows)))
        self._names = [one.name for one in self._systems]
        if not clips:
            raise UserError(f"no clip has a row of each of {', '.join(self._names)} that may be sent")
        self._left_out = len(self._systems[0].rows) - len(clips)
        self._meetings = [
            _Meeting(
                clip,
                rows[i][clip].person_id,
                (i, j),
                Contest(rows[i][clip].reasoning, rows[j][clip].reasoning, rows[i][clip].reference),
            )
            for i, j in itertools.combinations(range(len(rows)), 2)
            for clip in clips
        ]
        self._people = None
        if request.human:
            if len(self._systems) != 2:
                raise UserError("--human with --protocol prefer takes two systems, since people chose between two")
            self._people = read_preferences(request.human, [row.clip_id for row in self._systems[0].rows], self._names)
        check_place(self._folder)

    def plans(self) -> list[Callable[[Asker], Any]]:
        """All work, for an estimate."""
        return [self.gold, self._judged]

    def gold(self, ask: Asker) -> GoldResult:
        """How the judge ranks the gold set."""
        return rank_contests(judge_preferences(gold_contests(), 1, self._request.decoding, ask))

    def run(self, ask: Asker, gold: GoldResult) -> list[str]:
        """Judges, writes the results, and tells them.

        Raises:
            UserError: no reply can be had, or the results cannot be written.
        """
        request, contests = self._request, self._judged(ask)
        found = preference_scores(contests, self._names, self._people)
        who = request.identity(verdict.model for one in contests for verdict in one.verdicts if verdict.model)
        failed: dict[str, int] = {}
        for verdict in (verdict for one in contests for verdict in one.verdicts if verdict.failure):
            failed[verdict.failure] = failed.get(verdict.failure, 0) + 1
        named = {one.person_id for one in contests}
        groups = None if None in named else len(named)
        unsent = sum(not one.sent for one in contests)
        bare = sum(not one.contest.reference.strip() for one in contests)
        tables = preference_report.tables(found, who.told())
        notes = [*preference_report.notes(found), overlap_report.certainty(groups, len(contests))]
        for count, what in (
            (
                sum(failed.values()),
                f"requests have no reply ({', '.join(sorted(failed))}), and are in no score",
            ),
            (self._left_out, "clips are left out, since names may stand in a text (--include_raw_text takes them in)"),
            (unsent, "contests have an empty reasoning, which loses without being sent"),
            (bare, "contests have no reference; the judge was asked which text is better by itself"),
        ):
            notes += [f"{count} {what}."] if count else []
        notes.append(gold.told())
        title = f"Preferences among {', '.join(self._names)}"
        summary = {
            "judge": who.to_json(),
            "setting": request.setting(self._systems),
            "counts": {"contests": len(contests), "clips_left_out": self._left_out, "not_sent": unsent},
            "persons": groups,
            "failures": failed,
            "preferences": found.to_json(),
            "gold": dataclasses.asdict(gold),
        }
        lines = (line for one in contests for line in self._lines(one, who))
        return [judgement_files.write(self._folder, JudgementPage(title, tables, notes), lines, summary)]

    def _judged(self, ask: Asker) -> list[JudgedContest]:
        sent = [one for one in self._meetings if not any(one.empty)]
        judged = judge_preferences([one.contest for one in sent], self._request.repeats, self._request.decoding, ask)
        verdicts = {id(one): tuple(found) for one, found in zip(sent, judged, strict=True)}
        return [
            JudgedContest(
                one.clip_id,
                one.person_id,
                one.systems,
                one.contest,
                verdicts.get(id(one)) or self._unsent(one),
                id(one) in verdicts,
            )
            for one in self._meetings
        ]

    def _unsent(self, one: _Meeting) -> tuple[Verdict, ...]:
        """Verdicts where a reasoning is empty: it loses; where both are, they are even."""
        won = {(True, True): 0.5, (True, False): 0.0, (False, True): 1.0}[one.empty]
        orders = (False, True) * self._request.repeats
        return tuple(Verdict(swapped, won, 1 - won if swapped else won, "an empty reasoning") for swapped in orders)

    def _lines(self, one: JudgedContest, who: JudgeIdentity) -> list[dict[str, Any]]:
        """Rows of scores.jsonl, a verdict each."""
        names = [self._names[place] for place in one.systems]
        lines = []
        for number, verdict in enumerate(one.verdicts):
            first, second = reversed(names) if verdict.swapped else names
            preferred = {1.0: first, 0.0: second, 0.5: "tie", None: None}[verdict.first_won]
            lines.append(
                {
                    "clip_id": one.clip_id,
                    "person_id": one.person_id,
                    "first": first,
                    "second": second,
                    "preferred": preferred,
                    "repeat": number // 2,
                    "reason": verdict.reason,
                    "failure": verdict.failure,
                    "sent": one.sent,
                    "with_reference": bool(one.contest.reference.strip()),
                    "provider": who.provider,
                    "model": who.model,
                    "model_reported": verdict.model,
                    "protocol": who.protocol,
                    "decoding_asked": decoding_json(self._request.decoding),
                    "decoding_sent": decoding_json(verdict.decoding),
                }
            )
        return lines
