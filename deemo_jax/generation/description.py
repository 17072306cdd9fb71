"""The description of one clip, as text and as JSON."""

import dataclasses
from collections.abc import Mapping
from typing import Any

from deemo_jax.core.schema import Modality
from deemo_jax.generation.label_odds import likeliest, probabilities


@dataclasses.dataclass(frozen=True, slots=True)
class Description:
    """What a run says of one clip.

    Attributes:
        clip: the file, as it was named.
        log_likelihoods: label -> natural logarithm of the likelihood of its statement behind the prompt, in the
            dataset's order.
        answer: the whole answer.
        reasoning: the answer without its first statement, of the emotion.
        modalities: what the model was shown.
        notes: what a reader should know, a sentence each.
        temperature: what log-likelihoods are divided by, fitted on other clips; None where it is not known.
        warning: why the answer is not to be believed; empty where there is no such reason.
    """

    clip: str
    log_likelihoods: Mapping[str, float]
    answer: str
    reasoning: str
    modalities: tuple[Modality, ...]
    notes: tuple[str, ...]
    temperature: float | None = None
    warning: str = ""

    @property
    def probabilities(self) -> dict[str, float]:
        """Label -> its probability among all labels; calibrated where the temperature is known."""
        return probabilities(self.log_likelihoods, self.temperature or 1.0)

    @property
    def emotion(self) -> str:
        """The likeliest label; the first of several that are equally likely."""
        return likeliest(self.log_likelihoods)

    @property
    def probability(self) -> float:
        """The probability of `emotion`."""
        return self.probabilities[self.emotion]

    def to_json(self) -> dict[str, Any]:
        """The description as `python -m deemo_jax.generate --json` prints it."""
        return {
            "clip": self.clip,
            "emotion": self.emotion,
            "probability": self.probability,
            "temperature": self.temperature,
            "warning": self.warning,
            "log_likelihoods": dict(self.log_likelihoods),
            "answer": self.answer,
            "reasoning": self.reasoning,
            "modalities": [str(modality) for modality in self.modalities],
            "notes": list(self.notes),
        }

    def __str__(self) -> str:
        lines = [f"{self.clip}: {self.emotion} ({self.probability:.1%})"]
        lines += [f"  WARNING: {self.warning}"] if self.warning else []
        lines += [f"  {' '.join(self.reasoning.split())}"] if self.reasoning else []
        lines.append(f"  from: {', '.join(self.modalities)}")
        lines += [f"  note: {note}" for note in self.notes]
        return "\n".join(lines)


@dataclasses.dataclass(frozen=True, slots=True)
class Failure:
    """A clip that was not described.

    Attributes:
        clip: the file, as it was named.
        reason: why, and what to do.
        refused: whether its de-identification was refused.
    """

    clip: str
    reason: str
    refused: bool = False
