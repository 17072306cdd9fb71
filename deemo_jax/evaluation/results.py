"""All scores of an evaluation, computed from its predictions."""

import dataclasses
import itertools
from collections.abc import Mapping, Sequence
from typing import Any

from deemo_jax.core.schema import DEEMO_LABELS, Labels
from deemo_jax.evaluation.predictions import Prediction, Protocol, indices, label_of, persons
from deemo_jax.evaluation.row_fields import person_indices
from deemo_jax.evaluation.scores import cue_scores, metrics
from deemo_jax.evaluation.scores.paired_tests import DISCORDANCE, smallest_difference
from deemo_jax.evaluation.scores.probability_scores import ProbabilityScores, probability_scores
from deemo_jax.evaluation.scores.protocol_scores import ProtocolScores, protocol_scores
from deemo_jax.evaluation.truth import Truth


@dataclasses.dataclass(frozen=True, slots=True)
class Results:
    """Scores by modality set.

    Attributes:
        source: where the predictions come from, in a line.
        notes: sentences for a reader of the numbers.
        majority: accuracy of always naming the most frequent class of these clips, 0 to 1.
        sets: modality set -> recognition scores.
        differences: two sets, as in 'all - transcript' -> paired difference on the same clips.
        cues: modality set -> cue -> scores, where the truth states the cues of the corpus; else empty.
        bayes: modality set -> best accuracy that is possible, 0 to 1, where the truth states it; else empty.
        probabilities: modality set -> scores of the probabilities, where likelihoods are known; else empty.
        corpus: kind of the corpus, where the truth states it; else empty.
        persons: over how many persons intervals and tests are; None where persons are unknown, and they are over clips.
        protocol: how labels were got from predictions.
        protocols: modality set -> scores by both protocols, where predictions have what both read; else empty.
        repeats: how often every set has each clip: once, or once for each seed that a model was trained with.
    """

    source: str
    notes: tuple[str, ...]
    majority: float
    sets: dict[str, metrics.Recognition]
    differences: dict[str, metrics.Difference]
    cues: dict[str, dict[str, cue_scores.CueScores]]
    bayes: dict[str, float]
    probabilities: dict[str, ProbabilityScores] = dataclasses.field(default_factory=dict)
    corpus: str = ""
    persons: int | None = None
    protocol: Protocol = "answer"
    protocols: dict[str, ProtocolScores] = dataclasses.field(default_factory=dict)
    repeats: int = 1

    @property
    def n(self) -> int:
        """How many clips every set was scored on."""
        return next(iter(self.sets.values())).n // self.repeats

    @property
    def tested_by(self) -> str:
        """The test of equal accuracy."""
        if self.persons is None and self.repeats == 1:
            return "McNemar"
        return f"sign-flips over {'clips' if self.persons is None else 'persons'}"

    def to_json(self) -> dict[str, Any]:
        """The results as recognition.json has them."""
        return {
            "source": self.source,
            "notes": list(self.notes),
            "corpus": self.corpus or None,
            "majority": self.majority,
            "protocol": self.protocol,
            "persons": self.persons,
            "tested_by": self.tested_by,
            "repeats": self.repeats,
            "smallest_difference": {"discordance": DISCORDANCE, "accuracy": smallest_difference(self.n)},
            "bayes": self.bayes or None,
            "sets": {name: scores.to_json() for name, scores in self.sets.items()},
            "differences": {name: difference.to_json() for name, difference in self.differences.items()},
            "cues": {
                name: {cue: scores.to_json() for cue, scores in of_set.items()} for name, of_set in self.cues.items()
            },
            "probabilities": {name: scores.to_json() for name, scores in self.probabilities.items()},
            "protocols": {name: scores.to_json() for name, scores in self.protocols.items()},
        }


def score(
    sets: Mapping[str, Sequence[Prediction]],
    source: str,
    notes: Sequence[str] = (),
    *,
    labels: Labels = DEEMO_LABELS,
    truth: Truth | None = None,
    pairs: Sequence[tuple[str, str]] | None = None,
    protocol: Protocol = "answer",
    repeats: int = 1,
) -> Results:
    """Scores predictions.

    Args:
        sets: as `predictions.by_set` returns them: the same clips in the same order for every set.
        source: as in `Results`.
        notes: as in `Results`.
        labels: of the dataset.
        truth: of the file that --truth names, with all clips of `sets`; None where there is none.
        pairs: of sets, whose differences are shown; None for all pairs.
        protocol: how labels are got from predictions.
        repeats: how often each clip is in every set. The answers to one clip are never taken for independent: where
            persons are unknown, intervals and tests are over clips, each with all its answers.
    """
    rows = next(iter(sets.values()))
    true = indices([row.emotion_true for row in rows], labels)
    predicted = {name: indices([label_of(row, protocol) for row in of_set], labels) for name, of_set in sets.items()}
    of_person = persons(rows)
    clusters = person_indices([row.clip_id for row in rows]) if of_person is None and repeats > 1 else of_person
    corpus = truth.corpus if truth else None
    best = corpus.optimal_accuracy if corpus else {}
    return Results(
        source=source,
        notes=tuple(notes),
        majority=metrics.majority(true),
        sets={name: metrics.recognition(true, said, labels, clusters) for name, said in predicted.items()},
        differences=metrics.adjusted(
            {
                f"{a} - {b}": metrics.paired_difference(true, predicted[a], predicted[b], labels, clusters)
                for a, b in (itertools.combinations(predicted, 2) if pairs is None else pairs)
            }
        ),
        cues=_cue_scores(sets, truth) if truth else {},
        bayes={name: best[name] for name in sets if name in best},
        probabilities={name: found for name, of_set in sets.items() if (found := probability_scores(of_set, labels))},
        corpus=corpus.kind if corpus else "",
        persons=None if of_person is None else int(of_person.max()) + 1,
        protocol=protocol,
        protocols={name: both for name, of_set in sets.items() if (both := protocol_scores(of_set, labels))},
        repeats=repeats,
    )


def _cue_scores(sets: Mapping[str, Sequence[Prediction]], truth: Truth) -> dict[str, dict[str, cue_scores.CueScores]]:
    if truth.corpus is None or not truth.corpus.cues:
        return {}
    return {
        name: cue_scores.cue_scores(
            truth.corpus.cues, [truth.cues(row.clip_id) for row in of_set], [row.reasoning for row in of_set]
        )
        for name, of_set in sets.items()
    }
