"""All scores of one evaluation, from predictions to what is written and shown."""

import dataclasses
import itertools
from collections.abc import Mapping, Sequence
from typing import Any

from deemo_jax.core.schema import DEEMO_LABELS, Labels, Modality
from deemo_jax.evaluation import cues, recognition
from deemo_jax.evaluation.predictions import Prediction, indices
from deemo_jax.evaluation.reliability import Sureness, sureness
from deemo_jax.sample import bayes


@dataclasses.dataclass(frozen=True, slots=True)
class Results:
    """Scores by modality set.

    Attributes:
        source: where the predictions came from, one line.
        notes: what a reader of the numbers must know, a line each.
        majority: accuracy of always naming the most frequent class of these clips.
        sets: recognition scores by modality set.
        differences: 'all - transcript': paired difference of two sets on the same clips.
        cues: by modality set and cue, where the truth is known; else empty.
        bayes: by modality set, the best accuracy that is possible, where it is known; else empty.
        sureness: by modality set, how honest the probabilities are, where odds are known; else empty.
    """

    source: str
    notes: tuple[str, ...]
    majority: float
    sets: dict[str, recognition.Recognition]
    differences: dict[str, recognition.Difference]
    cues: dict[str, dict[str, cues.CueScores]]
    bayes: dict[str, float]
    sureness: dict[str, Sureness] = dataclasses.field(default_factory=dict)

    @property
    def n(self) -> int:
        """How many clips every set was scored on."""
        return next(iter(self.sets.values())).n

    def to_json(self) -> dict[str, Any]:
        return {
            "source": self.source,
            "notes": list(self.notes),
            "majority": self.majority,
            "bayes": self.bayes or None,
            "sets": {name: scores.to_json() for name, scores in self.sets.items()},
            "differences": {name: difference.to_json() for name, difference in self.differences.items()},
            "cues": {
                name: {cue: scores.to_json() for cue, scores in of_set.items()} for name, of_set in self.cues.items()
            },
            "probabilities": {name: scores.to_json() for name, scores in self.sureness.items()},
        }


def score(
    sets: Mapping[str, Sequence[Prediction]], source: str, notes: Sequence[str] = (), labels: Labels = DEEMO_LABELS
) -> Results:
    """Scores predictions.

    Args:
        sets: as `predictions.by_set` gives them: the same clips in the same order for every set.
        source: see `Results`.
        notes: see `Results`.
        labels: of the dataset.
    """
    rows = next(iter(sets.values()))
    truth = indices([row.emotion_true for row in rows], labels)
    predicted = {name: indices([row.emotion_predicted for row in of_set], labels) for name, of_set in sets.items()}
    known = cues.known_cues([row.reference for row in rows])
    return Results(
        source=source,
        notes=tuple(notes),
        majority=recognition.majority(truth),
        sets={name: recognition.recognition(truth, said, labels) for name, said in predicted.items()},
        differences={
            f"{a} - {b}": recognition.paired_difference(truth, predicted[a], predicted[b], labels)
            for a, b in itertools.combinations(predicted, 2)
        },
        cues={}
        if known is None
        else {name: cues.cue_scores(known, [row.reasoning for row in of_set]) for name, of_set in sets.items()},
        bayes={} if known is None else {name: bayes.optimal_accuracy(Modality.parse_set(name)) for name in sets},
        sureness={name: found for name, of_set in sets.items() if (found := sureness(of_set, labels))},
    )
