"""The emotion of a clip, which is drawn at random, and the three cues that show it, independently of each other.

The emotion is positive with probability 0.6, as in DEEMO-MER. A cue is expressive with probability `rate`; an
expressive cue shows the emotion with probability `reliability`, else the other one; a cue that is not expressive is
neutral.
"""

import dataclasses
import enum

import numpy as np

from deemo_jax.core.schema import DEEMO_LABELS

NEGATIVE, POSITIVE = DEEMO_LABELS
POSITIVE_RATE = 0.6  # share of positive clips in DEEMO-MER


class Tone(enum.StrEnum):
    """What one cue says."""

    NEGATIVE = "negative"
    NEUTRAL = "neutral"
    POSITIVE = "positive"


@dataclasses.dataclass(frozen=True, slots=True)
class CueModel:
    """How often a cue is expressive, and how often an expressive cue is right."""

    rate: float
    reliability: float

    def probability(self, tone: Tone, emotion: str) -> float:
        """P(tone | emotion)."""
        if tone is Tone.NEUTRAL:
            return 1 - self.rate
        return self.rate * (self.reliability if tone == emotion else 1 - self.reliability)


@dataclasses.dataclass(frozen=True, slots=True)
class Cues:
    """The tone of each cue of one clip."""

    words: Tone
    voice: Tone
    body: Tone


MODELS: dict[str, CueModel] = {
    "words": CueModel(0.60, 0.95),
    "voice": CueModel(0.45, 0.90),
    "body": CueModel(0.45, 0.90),
}


def draw(rng: np.random.Generator) -> tuple[str, Cues]:
    """Draws an emotion, then the tone of each cue given that emotion."""
    emotion = POSITIVE if rng.random() < POSITIVE_RATE else NEGATIVE
    tones = {}
    for name, model in MODELS.items():
        weights = [model.probability(tone, emotion) for tone in Tone]
        tones[name] = list(Tone)[int(np.searchsorted(np.cumsum(weights), rng.random() * sum(weights), side="right"))]
    return emotion, Cues(**tones)
