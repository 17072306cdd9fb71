"""From the likelihoods of each label's statement ("The emotion is negative.") to an emotion and its probability.

Axes: n clips, C labels in the dataset's order.
"""

import dataclasses
import math
from collections.abc import Mapping

import numpy as np
from jaxtyping import Float, Int

from deemo_jax.core.schema import DEEMO_LABELS, Clip, Labels
from deemo_jax.data.prompts import Task, answer_text, opening_ids
from deemo_jax.data.tokenizer import Tokenizer
from deemo_jax.systems.prompt_template import Template

# Bins of `reliability`. They divide [1 / C, 1], since the likeliest of C labels has at least 1 / C.
BINS = 10


def statements(template: Template, tokenizer: Tokenizer, labels: Labels = DEEMO_LABELS) -> list[list[int]]:
    """For each label in order, the token ids with which an answer begins that states it."""
    return [
        opening_ids(answer_text(Clip("", "", "", 0.0, 0.0, "", (), emotion, ""), Task.RECOGNITION), template, tokenizer)
        for emotion in labels
    ]


def likeliest(log_likelihoods: Mapping[str, float]) -> str:
    """The label whose statement is likeliest; the first of several that are equally likely."""
    return max(log_likelihoods, key=log_likelihoods.__getitem__)


def probabilities(log_likelihoods: Mapping[str, float], temperature: float = 1.0) -> dict[str, float]:
    """Label -> probability: the softmax of the log-likelihoods divided by the temperature."""
    highest = max(log_likelihoods.values())
    weights = {emotion: math.exp((value - highest) / temperature) for emotion, value in log_likelihoods.items()}
    return {emotion: weight / sum(weights.values()) for emotion, weight in weights.items()}


def log_odds(log_likelihoods: Float[np.ndarray, "n C"]) -> Float[np.ndarray, "n C"]:
    """Log-odds of each label against the first."""
    return log_likelihoods - log_likelihoods[:, :1]


def negative_log_likelihood(odds: Float[np.ndarray, "n C"], truth: Int[np.ndarray, " n"]) -> float:
    """The mean of -ln(probability of the true label), nats: 0 where the model is certain and right, ln C for a guess.

    Args:
        odds: of `log_odds`, divided by a temperature or not.
        truth: indices of the true labels.
    """
    against_truth = odds - np.take_along_axis(odds, truth[:, None], axis=1)
    return float(np.logaddexp.reduce(against_truth, axis=1).mean())


@dataclasses.dataclass(frozen=True, slots=True)
class Reliability:
    """Clips in `BINS` equal bins over [1 / C, 1] by the probability of the likeliest label.

    Attributes:
        clips: how many each bin has.
        sure: sum of these probabilities in each bin.
        right: clips of each bin whose likeliest label is the true one.
    """

    clips: Int[np.ndarray, " bins"]
    sure: Float[np.ndarray, " bins"]
    right: Int[np.ndarray, " bins"]


def reliability(odds: Float[np.ndarray, "n C"], truth: Int[np.ndarray, " n"]) -> Reliability:
    """Counts clips by how sure the probabilities are. Arguments as for `negative_log_likelihood`."""
    least = 1 / odds.shape[1]
    sure = 1 / np.exp(odds - odds.max(axis=1, keepdims=True)).sum(axis=1)
    right = odds.argmax(axis=1) == truth
    bins = np.clip(((sure - least) / (1 - least) * BINS).astype(int), 0, BINS - 1)
    return Reliability(
        clips=np.bincount(bins, minlength=BINS),
        sure=np.bincount(bins, weights=sure, minlength=BINS),
        right=np.bincount(bins[right], minlength=BINS),
    )


def calibration_error(odds: Float[np.ndarray, "n C"], truth: Int[np.ndarray, " n"]) -> float:
    """The expected calibration error (arXiv 1706.04599): how far probabilities are from shares of right answers.

    The distances of the bins of `reliability` are weighted by their numbers of clips. Arguments as for
    `negative_log_likelihood`.
    """
    bins = reliability(odds, truth)
    return float(np.abs(bins.sure - bins.right).sum() / len(odds))
