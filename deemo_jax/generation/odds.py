"""From the likelihoods of both statements, "The emotion is negative." and "... positive.", to an emotion and how sure.

Axes: n clips, C classes in the order of `Emotion`, K bins.
"""

import math
from collections.abc import Mapping

import numpy as np
from jaxtyping import Bool, Float

from deemo_jax.core.schema import Clip, Emotion
from deemo_jax.data.prompts import Task, answer_text, opening_ids
from deemo_jax.data.tokenizer import Tokenizer
from deemo_jax.systems.prompt_template import Template

# The likelier of two classes has half of the probability at least: the bins divide [0.5, 1].
BINS = 10


def statements(template: Template, tokenizer: Tokenizer) -> list[list[int]]:
    """The ids with which an answer begins that states each emotion, in the order of `Emotion`."""
    return [
        opening_ids(answer_text(Clip("", "", "", 0.0, 0.0, "", (), emotion, ""), Task.RECOGNITION), template, tokenizer)
        for emotion in Emotion
    ]


def likelier(log_likelihoods: Mapping[Emotion, float]) -> Emotion:
    """The emotion whose statement is likelier; the first one of `Emotion` when both are alike."""
    return max(Emotion, key=lambda emotion: log_likelihoods[emotion])


def probabilities(log_likelihoods: Mapping[Emotion, float], temperature: float = 1.0) -> dict[Emotion, float]:
    """The statements' likelihoods, divided by the temperature as logarithms, and normalised over both."""
    highest = max(log_likelihoods.values())
    weights = {emotion: math.exp((value - highest) / temperature) for emotion, value in log_likelihoods.items()}
    return {emotion: weight / sum(weights.values()) for emotion, weight in weights.items()}


def log_odds(log_likelihoods: Float[np.ndarray, "n C"]) -> Float[np.ndarray, " n"]:
    """Of positive against negative."""
    negative, positive = (list(Emotion).index(emotion) for emotion in (Emotion.NEGATIVE, Emotion.POSITIVE))
    return log_likelihoods[:, positive] - log_likelihoods[:, negative]


def negative_log_likelihood(odds: Float[np.ndarray, " n"], positive: Bool[np.ndarray, " n"]) -> float:
    """The mean of -ln(probability of what is true), nats; 0 is certainty that is right, ln 2 = 0.693 a thrown coin."""
    return float(np.logaddexp(0.0, np.where(positive, -odds, odds)).mean())


def calibration_error(odds: Float[np.ndarray, " n"], positive: Bool[np.ndarray, " n"]) -> float:
    """The expected calibration error (arXiv 1706.04599): how far stated probability and share of right ones lie apart.

    Clips are binned by the probability of the likelier emotion, `BINS` equal bins over [0.5, 1]; the gaps of the bins
    are weighted by how many clips each has.
    """
    sure = 1 / (1 + np.exp(-np.abs(odds)))
    right = (odds > 0) == positive
    bins = np.minimum(((sure - 0.5) * 2 * BINS).astype(int), BINS - 1)
    gaps = np.bincount(bins, weights=sure - right, minlength=BINS)
    return float(np.abs(gaps).sum() / len(odds))
