"""All that a page shows, put together from systems, materials and metadata; nothing here is markup, charts apart."""

import collections
import dataclasses
import itertools
import math
from collections.abc import Mapping, Sequence
from typing import Any

from deemo_jax.core.schema import RAW_TRANSCRIPT, Labels
from deemo_jax.core.stats import Interval
from deemo_jax.evaluation import comparison_report, output_folder
from deemo_jax.evaluation.comparison import Comparison
from deemo_jax.evaluation.page import reliability_chart
from deemo_jax.evaluation.page.clip_cards import Card, card, is_readable, may_be_shown
from deemo_jax.evaluation.page.clip_material import Material
from deemo_jax.evaluation.page.group_scores import GroupScore, group_scores
from deemo_jax.evaluation.page.judge_scores import JudgedScore
from deemo_jax.evaluation.page.metadata import Metadata
from deemo_jax.evaluation.scores.probability_scores import ProbabilityScores, known_odds

# Clips on a page, at most; more would not open in a few seconds.
MOST_CLIPS = 2_000


@dataclasses.dataclass(frozen=True, slots=True)
class Reliability:
    """How honest the probabilities of one system are: its diagram, its bins (`reliability_chart.table`), its scores."""

    chart: str
    bins: Sequence[Mapping[str, Any]]
    scores: ProbabilityScores


@dataclasses.dataclass(frozen=True, slots=True)
class View:
    """What the page shows.

    Attributes:
        found: scores of the systems, and against the first of them.
        labels: of the dataset.
        support: label -> clips that are truly of it.
        reliability: name of a system whose likelihoods are known -> how honest its probabilities are.
        groups: name of a column of the metadata -> its groups.
        judged: what judges said of the reasonings; empty where none did.
        cards: the clips that may be shown, by their ids.
        notes: what a reader of the numbers must know, a sentence each.
        left_out: what is not on the page, and why, a sentence each.
    """

    found: Comparison
    labels: Labels
    support: Mapping[str, int]
    reliability: Mapping[str, Reliability]
    groups: Mapping[str, Sequence[GroupScore]]
    judged: Sequence[JudgedScore]
    cards: Sequence[Card]
    notes: Sequence[str]
    left_out: Sequence[str]

    @property
    def span(self) -> tuple[float, float]:
        """The shares between which accuracies are drawn: whole tenths around all of them and their intervals."""
        known = [of.accuracy for of in self.found.scores.sets.values()]
        others = [*self.found.scores.bayes.values(), *(row.accuracy for row in self.found.published)]
        return _span([*known, *(Interval(value, value, value) for value in others)])

    @property
    def group_span(self) -> tuple[float, float]:
        """The same of groups."""
        return _span([of for groups in self.groups.values() for group in groups for of in group.accuracy.values()])

    def to_json(self) -> dict[str, Any]:
        """The numbers of the page, unrounded, and what its filters need; no paths, and no texts but names and ids."""
        systems = [
            {"name": system.name, "modalities": system.modalities, "sha256": system.sha256}
            for system in self.found.systems
        ]
        scores = {key: value for key, value in self.found.scores.to_json().items() if key not in ("source", "notes")}
        return {
            "labels": list(self.labels),
            "systems": systems,
            "reference": self.found.reference,
            "scores": scores,
            "reliability": {name: list(of.bins) for name, of in self.reliability.items()},
            "groups": {name: [group.to_json() for group in groups] for name, groups in self.groups.items()},
            "judged": [one.to_json() for one in self.judged],
            "clips": [one.to_json(self.labels) for one in self.cards],
        }


def view(
    found: Comparison,
    labels: Labels,
    materials: Mapping[str, Material],
    metadata: Metadata | None = None,
    judged: Sequence[JudgedScore] = (),
    *,
    include_raw_text: bool,
    own_references: bool = True,
) -> View:
    """Puts a page together.

    Args:
        found: the scores.
        labels: of the dataset.
        materials: clip id -> what may be shown of it; clips may be missing.
        metadata: by which scores are grouped; None for none.
        judged: what judges said of the reasonings.
        include_raw_text: whether clips are shown whose words may hold names.
        own_references: whether reference explanations are those of the systems' files, and not of another one.
    """
    first = found.systems[0].rows
    cards, raw, unknown = [], 0, 0
    of_run = [output_folder.finished(system.file.parent) for system in found.systems]
    together = zip(*(system.rows for system in found.systems), strict=True)
    for rows in itertools.islice(together, MOST_CLIPS):
        material = materials.get(rows[0].clip_id, Material())
        if include_raw_text or may_be_shown(material, rows):
            pairs = list(zip(rows, of_run, strict=True))
            readable = [include_raw_text or is_readable(row, material, of_run=run) for row, run in pairs]
            # What a dataset says of its own texts, it does not say of the explanations in another file.
            told = [
                row.reference
                for row, run in pairs
                if include_raw_text or is_readable(row, material, of_run=run and own_references)
            ]
            cards.append(card(rows, material, readable, next(filter(None, told), "")))
        elif RAW_TRANSCRIPT in (material.transcript_provenance, *(row.transcript_provenance for row in rows)):
            raw += 1
        else:
            unknown += 1
    counts = collections.Counter(row.emotion_true for row in first)
    columns = metadata.columns if metadata else {}
    return View(
        found=found,
        labels=labels,
        support={label: counts[label] for label in labels},
        reliability=_reliability(found, labels),
        groups={name: group_scores(found.systems, groups, labels) for name, groups in columns.items()},
        judged=judged,
        cards=cards,
        notes=[*comparison_report.notes(found), *(metadata.notes if metadata else ())],
        left_out=[
            *_left_out(cards, raw, unknown, include_raw_text=include_raw_text),
            *_hidden(cards, [system.name for system in found.systems]),
            *_beyond(len(first)),
        ],
    )


def _span(drawn: Sequence[Interval]) -> tuple[float, float]:
    low = min(min(of.value, of.low) if of.known else of.value for of in drawn)
    high = max(max(of.value, of.high) if of.known else of.value for of in drawn)
    first, last = math.floor(10 * low), math.ceil(10 * high)
    # At least two tenths, so that a line has a length and differences are not drawn out of proportion.
    return max(min(first, last - 2), 0) / 10, min(max(last, first + 2), 10) / 10


def _reliability(found: Comparison, labels: Labels) -> dict[str, Reliability]:
    parts = {}
    for system in found.systems:
        known, scores = known_odds(system.rows, labels), found.scores.probabilities.get(system.name)
        if known and scores:
            parts[system.name] = Reliability(reliability_chart.chart(known), reliability_chart.table(known), scores)
    return parts


def _left_out(cards: Sequence[Card], raw: int, unknown: int, *, include_raw_text: bool) -> list[str]:
    """What is not shown of clips, and why; scores count all of them."""
    said = []
    if raw:
        said.append(
            f"{raw} clips are scored and not shown: names were not taken out of their words (--include_raw_text "
            "shows them)."
        )
    if unknown:
        said.append(
            f"{unknown} clips are scored and not shown: nothing says that names were taken out of their words (name "
            "the dataset with --data_dir, or show them with --include_raw_text)."
        )
    if include_raw_text:
        said.append("Words and answers are shown as they are, also where names were not taken out of them.")
    reasons = collections.Counter(one.why_no_frames for one in cards if not one.picture)
    said += [f"{count} clips have no frames here: {why}." for why, count in sorted(reasons.items())]
    return said


def _hidden(cards: Sequence[Card], names: Sequence[str]) -> list[str]:
    """Whose answers are kept back, a sentence a system."""
    counts = [sum(one.answers[i].hidden for one in cards) for i in range(len(names))]
    return [
        f"{count} answers of {name} are scored and their words not shown: its rows do not say how names were taken out "
        "(transcript_provenance)."
        for name, count in zip(names, counts, strict=True)
        if count
    ]


def _beyond(clips: int) -> list[str]:
    return [f"{clips - MOST_CLIPS:,} more clips are scored; a page shows {MOST_CLIPS:,}."] if clips > MOST_CLIPS else []
