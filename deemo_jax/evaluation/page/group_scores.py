"""Accuracy of systems for groups of people or clips, with intervals over persons."""

import collections
import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from deemo_jax.core.schema import Labels
from deemo_jax.core.stats import Interval
from deemo_jax.evaluation.compared_systems import System
from deemo_jax.evaluation.predictions import indices, persons
from deemo_jax.evaluation.scores.metrics import recognition
from deemo_jax.evaluation.scores.resampled_tables import FEWEST_PERSONS


@dataclasses.dataclass(frozen=True, slots=True)
class GroupScore:
    """How systems fare with one group.

    Attributes:
        name: of the group.
        clips: n.
        persons: whom they show; None where persons are unknown.
        accuracy: name of a system -> its accuracy, 0 to 1, with a 95 % interval over persons, or over clips where
            persons are unknown.
        why_none: why there is no interval; empty where there is one.
    """

    name: str
    clips: int
    persons: int | None
    accuracy: Mapping[str, Interval]
    why_none: str

    def to_json(self) -> dict[str, Any]:
        """The scores as the page embeds them."""
        scores = {name: {"value": score.value, "interval": score.bounds()} for name, score in self.accuracy.items()}
        return {"group": self.name, "clips": self.clips, "persons": self.persons, "accuracy": scores}


def group_scores(systems: Sequence[System], groups: Sequence[str], labels: Labels) -> list[GroupScore]:
    """Scores every group of one column, the largest first.

    Args:
        systems: with the same clips in the same order.
        groups: of each clip, its group.
        labels: of the dataset.
    """
    counts = collections.Counter(groups)
    return [
        _score(systems, name, np.array(groups) == name, labels)
        for name in sorted(counts, key=lambda g: (-counts[g], g))
    ]


def _score(systems: Sequence[System], name: str, chosen: np.ndarray, labels: Labels) -> GroupScore:
    places = np.flatnonzero(chosen).tolist()
    rows = {system.name: [system.rows[place] for place in places] for system in systems}
    first = rows[systems[0].name]
    true, of_person = indices([row.emotion_true for row in first], labels), persons(first)
    count = None if of_person is None else int(of_person.max()) + 1
    few = count is not None and count < FEWEST_PERSONS
    return GroupScore(
        name=name,
        clips=len(places),
        persons=count,
        accuracy={
            system: recognition(
                true, indices([row.emotion_predicted for row in of], labels), labels, of_person
            ).accuracy
            for system, of in rows.items()
        },
        why_none=f"{count} of {FEWEST_PERSONS} persons needed" if few else "",
    )
