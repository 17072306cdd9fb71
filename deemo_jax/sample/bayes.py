"""The best accuracies that can be reached (Bayes-optimal), by enumeration of all states of the cues."""

import itertools
import math
from collections.abc import Iterable

from deemo_jax.core import tables
from deemo_jax.core.schema import DEEMO_LABELS, Modality, set_name
from deemo_jax.sample.cues import MODELS, NEGATIVE, POSITIVE, POSITIVE_RATE, Tone

# The cue that a modality shows. NFBL as text names the body's cue, which the video shows too.
CUE_OF: dict[Modality, str] = {
    Modality.VIDEO: "body",
    Modality.NFBL: "body",
    Modality.AUDIO: "voice",
    Modality.TRANSCRIPT: "words",
}
ROWS: tuple[tuple[str, frozenset[Modality]], ...] = (
    ("nothing", frozenset()),
    ("V", frozenset({Modality.VIDEO})),
    ("A", frozenset({Modality.AUDIO})),
    ("T", frozenset({Modality.TRANSCRIPT})),
    ("A+V", frozenset({Modality.AUDIO, Modality.VIDEO})),
    ("T+V", frozenset({Modality.TRANSCRIPT, Modality.VIDEO})),
    ("T+A", frozenset({Modality.TRANSCRIPT, Modality.AUDIO})),
    ("T+A+V", frozenset({Modality.TRANSCRIPT, Modality.AUDIO, Modality.VIDEO})),
)


def optimal_accuracy(modalities: Iterable[Modality]) -> float:
    """Probability that the most probable emotion, given the cues that these modalities show, is the true one."""
    return _optimal(modalities, POSITIVE_RATE)


def optimal_balanced_accuracy(modalities: Iterable[Modality]) -> float:
    """The best mean recall of the two emotions: the best accuracy if both were as frequent."""
    return _optimal(modalities, 0.5)


def _optimal(modalities: Iterable[Modality], positive_rate: float) -> float:
    models = [MODELS[name] for name in sorted({CUE_OF[modality] for modality in modalities})]
    prior = {POSITIVE: positive_rate, NEGATIVE: 1 - positive_rate}

    def joint(emotion: str, tones: tuple[Tone, ...]) -> float:
        seen = (model.probability(tone, emotion) for model, tone in zip(models, tones, strict=True))
        return prior[emotion] * math.prod(seen)

    return math.fsum(
        max(joint(emotion, tones) for emotion in DEEMO_LABELS) for tones in itertools.product(Tone, repeat=len(models))
    )


def optima() -> dict[str, dict[str, float]]:
    """Both optima of every modality set, under the names that `schema.set_name` gives the sets ("" for none)."""
    subsets = (chosen for size in range(len(Modality) + 1) for chosen in itertools.combinations(Modality, size))
    named = {set_name(chosen): chosen for chosen in subsets}
    return {
        "optimal_accuracy": {name: round(optimal_accuracy(chosen), 6) for name, chosen in named.items()},
        "optimal_balanced_accuracy": {
            name: round(optimal_balanced_accuracy(chosen), 6) for name, chosen in named.items()
        },
    }


def table() -> str:
    """The Bayes-optimal accuracies, one subset a line, in percent."""
    rows = [("  " + name, f"{100 * optimal_accuracy(modalities):.1f} %") for name, modalities in ROWS]
    caption = "Bayes-optimal accuracy (T words, A voice, V body; NFBL text carries the cue of V):"
    return f"{caption}\n{tables.aligned(rows, right=(1,))}"
