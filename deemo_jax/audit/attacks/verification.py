"""Speaker verification by an attacker: scores of voices against enrolled speakers, and the equal error rate.

Axes: N enrolled clips, M trials, S speakers, E embedding, T thresholds, R bootstrap replicates.
"""

import numpy as np
from jaxtyping import Float, Int

from deemo_jax.core.stats import Interval, over_persons

# Bootstrap samples over speakers.
REPLICATES = 1000
# Folds of speakers of the trained attacker.
FOLDS = 3
# Share of the mean variance that is added to the covariance's diagonal, since it is estimated from few clips; and what
# is added at least, so that it can be inverted.
SHRINKAGE = 0.1
LEAST_VARIANCE = 1e-12


def cosine_scores(
    enrolled: Float[np.ndarray, "N E"], owners: Int[np.ndarray, " N"], trials: Float[np.ndarray, "M E"]
) -> Float[np.ndarray, "M S"]:
    """Cosines between each trial and the mean enrolled vector of each speaker 0..S-1; each has an enrolled clip."""
    models = np.stack([_unit(enrolled)[owners == speaker].mean(axis=0) for speaker in range(owners.max() + 1)])
    return _unit(trials) @ _unit(models).T


def trained_scores(
    enrolled: Float[np.ndarray, "N E"],
    owners: Int[np.ndarray, " N"],
    trials: Float[np.ndarray, "M E"],
    speakers: Int[np.ndarray, " M"],
    seed: int,
) -> Float[np.ndarray, "M S"]:
    """Cosine scores after within-class covariance normalisation (Hatch et al. 2006), learnt on changed voices.

    Speakers are split into three folds. The mean and the within-speaker covariance of a fold are learnt on the other
    two, so that no speaker is scored by what was learnt from their own voice; pairs across folds are NaN.

    Args:
        enrolled: vectors by which the attacker knows speakers.
        owners: speakers 0..S-1 of these.
        trials: vectors whose speaker the attacker looks for.
        speakers: speakers of these.
        seed: of the folds.
    """
    count = int(owners.max()) + 1
    fold_of = np.random.default_rng(seed).permutation(count) % FOLDS
    scores = np.full((len(trials), count), np.nan)
    vectors, names = np.concatenate([_unit(enrolled), _unit(trials)]), np.concatenate([owners, speakers])
    for fold in range(FOLDS):
        tested = np.flatnonzero(fold_of == fold)
        learnt = [vectors[names == speaker] for speaker in np.flatnonzero(fold_of != fold)]
        if not len(tested) or not learnt:
            continue
        mean = np.concatenate(learnt).mean(axis=0)
        within = np.mean([np.atleast_2d(np.cov(rows.T, bias=True)) for rows in learnt], axis=0)
        # An encoder that gives all clips of a speaker one vector has a covariance of 0, which cannot be inverted.
        within += max(SHRINKAGE * np.trace(within) / len(within), LEAST_VARIANCE) * np.eye(len(within))
        whitening = np.linalg.cholesky(np.linalg.inv(within))
        rows, here = np.isin(owners, tested), np.flatnonzero(np.isin(speakers, tested))
        own = np.searchsorted(tested, owners[rows])
        whitened = [(_unit(x) - mean) @ whitening for x in (enrolled[rows], trials[here])]
        scores[np.ix_(here, tested)] = cosine_scores(whitened[0], own, whitened[1])
    return scores


def equal_error_rate(scores: Float[np.ndarray, "M S"], speakers: Int[np.ndarray, " M"], seed: int = 0) -> Interval:
    """The rate at which misses and false alarms are equal, with its interval over speakers.

    A bootstrap sample draws speakers with replacement; a speaker drawn twice counts twice as target and, against the
    others, as trial and as model. Pairs that are NaN were not compared.

    Args:
        scores: of trials against speakers; higher means more alike.
        speakers: whose voice each trial is.
        seed: of the bootstrap samples.
    """
    count = scores.shape[1]
    compared = np.isfinite(scores)
    own = speakers[:, None] == np.arange(count)[None]
    others = scores[compared & ~own]
    thresholds = np.unique(np.concatenate([scores[own], np.quantile(others, np.linspace(0, 1, 401))]))
    missed, targets = np.zeros((count, thresholds.size)), np.zeros(count)
    passed, impostors = np.zeros((count, count, thresholds.size)), np.zeros((count, count))
    for speaker in range(count):
        mine = scores[speakers == speaker]
        targets[speaker] = len(mine)
        missed[speaker] = np.searchsorted(np.sort(mine[:, speaker]), thresholds, "left")
        for model in range(count):
            heard = np.sort(mine[np.isfinite(mine[:, model]), model])
            if model != speaker and heard.size:
                impostors[speaker, model] = heard.size
                passed[speaker, model] = heard.size - np.searchsorted(heard, thresholds, "left")

    def rate(weights: Float[np.ndarray, " S"]) -> float:
        pairs = np.outer(weights, weights)
        miss = weights @ missed / max(float(weights @ targets), 1.0)
        alarm = np.tensordot(pairs, passed, 2) / max(float((pairs * impostors).sum()), 1.0)
        best = int(np.argmin(np.abs(miss - alarm)))
        return (miss[best] + alarm[best]) / 2

    return over_persons(
        lambda often: np.array([rate(row) for row in often.astype(np.float64)]), count, REPLICATES, seed
    )


def _unit(vectors: Float[np.ndarray, "N E"]) -> Float[np.ndarray, "N E"]:
    return vectors / np.maximum(np.linalg.norm(vectors, axis=-1, keepdims=True), 1e-12)
