"""Scores of a system's probabilities: negative log-likelihood and calibration error.

Axes: n clips, C labels in the dataset's order.
"""

import dataclasses
from collections.abc import Sequence
from typing import Any

import numpy as np
from jaxtyping import Float, Int

from deemo_jax.core.schema import DEEMO_LABELS, Labels
from deemo_jax.evaluation.predictions import Prediction
from deemo_jax.generation.label_odds import calibration_error, log_odds, negative_log_likelihood


@dataclasses.dataclass(frozen=True, slots=True)
class ProbabilityScores:
    """Scores of the probabilities of one modality set.

    Attributes:
        n: clips whose likelihoods are known.
        temperature: by which log-odds are divided; None where none was learnt, or not the same for all clips.
        nll, ece: negative log-likelihood (nats a clip) and expected calibration error, without temperature.
        nll_calibrated, ece_calibrated: with the temperature; None without one.
    """

    n: int
    temperature: float | None
    nll: float
    ece: float
    nll_calibrated: float | None
    ece_calibrated: float | None

    def to_json(self) -> dict[str, Any]:
        """The scores as recognition.json has them."""
        return dataclasses.asdict(self)


@dataclasses.dataclass(frozen=True, slots=True)
class KnownOdds:
    """The clips of one modality set whose likelihoods are known.

    Attributes:
        odds: log-odds of each label against the first, without temperature.
        truth: indices of the true labels.
        temperature: as in `ProbabilityScores`.
    """

    odds: Float[np.ndarray, "n C"]
    truth: Int[np.ndarray, " n"]
    temperature: float | None

    @property
    def scaled(self) -> Float[np.ndarray, "n C"]:
        """The log-odds divided by the temperature, where there is one."""
        return self.odds if self.temperature is None else self.odds / self.temperature


def known_odds(rows: Sequence[Prediction], labels: Labels = DEEMO_LABELS) -> KnownOdds | None:
    """The log-odds of one modality set; None where no likelihoods are known."""
    known = [(row, row.log_likelihoods) for row in rows if row.log_likelihoods is not None]
    if not known:
        return None
    (temperature, *others) = {row.temperature for row, _ in known}
    return KnownOdds(
        odds=log_odds(np.array([[values[emotion] for emotion in labels] for _, values in known])),
        truth=np.array([labels.index(row.emotion_true) for row, _ in known]),
        temperature=None if others else temperature,
    )


def probability_scores(rows: Sequence[Prediction], labels: Labels = DEEMO_LABELS) -> ProbabilityScores | None:
    """Scores the probabilities of one modality set; None where no likelihoods are known."""
    known = known_odds(rows, labels)
    if known is None:
        return None
    learnt = known.temperature is not None
    return ProbabilityScores(
        n=len(known.truth),
        temperature=known.temperature,
        nll=negative_log_likelihood(known.odds, known.truth),
        ece=calibration_error(known.odds, known.truth),
        nll_calibrated=negative_log_likelihood(known.scaled, known.truth) if learnt else None,
        ece_calibrated=calibration_error(known.scaled, known.truth) if learnt else None,
    )
