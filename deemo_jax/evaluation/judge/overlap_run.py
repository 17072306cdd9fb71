"""Judges the reasonings of systems against references, each system by itself."""

import dataclasses
import functools
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from deemo_jax.core.files import check_place
from deemo_jax.evaluation.compared_systems import System
from deemo_jax.evaluation.judge import judgement_files, overlap_report
from deemo_jax.evaluation.judge.asking import decoding_json
from deemo_jax.evaluation.judge.gold_set import GoldResult, gold_pairs, rank_scores
from deemo_jax.evaluation.judge.human_file import read_scores
from deemo_jax.evaluation.judge.judge_identity import JudgeIdentity
from deemo_jax.evaluation.judge.judge_request import JudgeRequest
from deemo_jax.evaluation.judge.judged_rows import Selection, select
from deemo_jax.evaluation.judge.judgement_files import JudgementPage
from deemo_jax.evaluation.judge.overlap_scores import EMPTY, JudgedRow, overlap_scores
from deemo_jax.evaluation.judge.protocols.deemo import judge_deemo
from deemo_jax.evaluation.judge.protocols.emer import judge_emer
from deemo_jax.evaluation.judge.protocols.judgement import Asker, Judgement, Overlap, TextPair
from deemo_jax.evaluation.predictions import persons

PROTOCOLS: Mapping[str, Overlap] = {"deemo": judge_deemo, "emer": judge_emer}


@dataclasses.dataclass(frozen=True, slots=True)
class _Part:
    """One system's share of the work."""

    system: System
    chosen: Selection
    people: Mapping[str, Mapping[str, Mapping[str, float]]] | None
    folder: Path


class OverlapRun:
    """Systems whose reasonings are scored against references.

    Args:
        request: with a protocol in `PROTOCOLS`.

    Attributes:
        store: the file in which replies are kept.

    Raises:
        UserError: a file is missing or malformed, no row may be judged, or a folder cannot be written.
    """

    def __init__(self, request: JudgeRequest) -> None:
        self._request, self._protocol = request, PROTOCOLS[request.protocol]
        systems = request.systems()
        self.store = request.store(systems)
        self._parts = [
            _Part(
                system=system,
                chosen=select(system.rows, system.name, include_raw_text=request.include_raw_text),
                people=read_scores(request.human, [row.clip_id for row in system.rows]) if request.human else None,
                folder=request.folder([system]),
            )
            for system in systems
        ]
        for part in self._parts:
            check_place(part.folder)

    def plans(self) -> list[Callable[[Asker], Any]]:
        """All work, for an estimate."""
        return [self.gold, *(functools.partial(self._judged, part) for part in self._parts)]

    def gold(self, ask: Asker) -> GoldResult:
        """How the judge ranks the gold set."""
        return rank_scores(self._protocol(gold_pairs(), 1, self._request.decoding, ask))

    def run(self, ask: Asker, gold: GoldResult) -> list[str]:
        """Judges, writes the results of each system, and tells them.

        Raises:
            UserError: no reply can be had, or the results cannot be written.
        """
        return [self._run(part, ask, gold) for part in self._parts]

    def _judged(self, part: _Part, ask: Asker) -> list[JudgedRow]:
        sent = [row for row in part.chosen.rows if row.reasoning.strip()]
        pairs = [TextPair(row.reference, row.reasoning) for row in sent]
        judged = self._protocol(pairs, self._request.repeats, self._request.decoding, ask)
        found = {row.clip_id: tuple(repeats) for row, repeats in zip(sent, judged, strict=True)}
        empty = (EMPTY,) * self._request.repeats
        return [JudgedRow(row, found.get(row.clip_id, empty), row.clip_id in found) for row in part.chosen.rows]

    def _run(self, part: _Part, ask: Asker, gold: GoldResult) -> str:
        rows, request = self._judged(part, ask), self._request
        scores = overlap_scores(rows, part.people)
        who = request.identity(name for one in rows for judgement in one.repeats for name in judgement.models)
        people = persons([one.row for one in rows])
        groups = None if people is None else int(people.max()) + 1
        failures: dict[str, int] = {}
        for one in rows:
            for kind in (kind for judgement in one.repeats for kind in judgement.failures):
                failures[kind] = failures.get(kind, 0) + 1
        tables = overlap_report.tables(scores, who.told())
        notes = [*overlap_report.notes(scores, groups, failures), *_counted(part.chosen), gold.told()]
        summary = {
            "judge": who.to_json(),
            "setting": request.setting([part.system]),
            "system": {"name": part.system.name, "file": str(part.system.file)},
            "counts": part.chosen.counts(),
            "persons": groups,
            "failures": failures,
            "scores": {name: one.to_json() for name, one in scores.items()},
            "gold": dataclasses.asdict(gold),
        }
        title = f"Reasoning of {part.system.name}, {part.system.modalities}"
        lines = (line for one in rows for line in self._lines(one, who))
        return judgement_files.write(part.folder, JudgementPage(title, tables, notes), lines, summary)

    def _lines(self, one: JudgedRow, who: JudgeIdentity) -> list[dict[str, Any]]:
        return [self._line(one, number, judgement, who) for number, judgement in enumerate(one.repeats)]

    def _line(self, one: JudgedRow, number: int, judgement: Judgement, who: JudgeIdentity) -> dict[str, Any]:
        """A row of scores.jsonl."""
        return {
            "clip_id": one.row.clip_id,
            "person_id": one.row.person_id,
            "modalities": one.row.modalities,
            "repeat": number,
            "clue": judgement.clue,
            "label": judgement.label,
            "reason": judgement.reason,
            "failures": list(judgement.failures),
            "sent": one.sent,
            "characters": len(one.row.reasoning),
            "provider": who.provider,
            "model": who.model,
            "models_reported": list(judgement.models),
            "protocol": who.protocol,
            "decoding_asked": decoding_json(self._request.decoding),
            "decoding_sent": decoding_json(judgement.decoding),
        }


def _counted(chosen: Selection) -> list[str]:
    """What was left out or cut, a sentence a line."""
    told = [
        (chosen.raw, "rows are left out, since names may stand in their texts (--include_raw_text takes them in)"),
        (chosen.without_reference, "rows are left out, since they have no reference reasoning"),
        (chosen.empty, "rows have an empty reasoning: they are not sent, and score 1"),
        (chosen.cut, "rows have a text of which the judge saw the beginning only"),
    ]
    return [f"{count} {what}." for count, what in told if count]
