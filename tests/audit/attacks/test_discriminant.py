import numpy as np
import pytest

from deemo_jax.audit.attacks.discriminant import against_others, discriminant_scores
from deemo_jax.audit.attacks.verification import cosine_scores, measures

SPEAKERS = np.repeat(np.arange(12), 5)


def voices(rng, nuisance):
    """Four rows of each of five voices of twelve speakers; a nuisance runs along one direction that all share."""
    rows = np.random.default_rng(7).normal(size=(12, 1, 16))[SPEAKERS] + 0.3 * rng.normal(size=(60, 4, 16))
    rows += nuisance * rng.normal(size=(60, 1, 1)) * np.linspace(-1, 1, 16)
    return list(rows)


def test_an_attacker_who_learns_sees_through_what_all_voices_share():
    rng = np.random.default_rng(1)
    learnt, trials = voices(rng, 4.0), voices(rng, 4.0)
    plain = cosine_scores(np.mean(learnt, axis=1), SPEAKERS, np.mean(trials, axis=1))
    scores = discriminant_scores(learnt, SPEAKERS, trials)
    assert scores.shape == (60, 12)
    assert measures(scores, SPEAKERS).eer.value < measures(plain, SPEAKERS).eer.value - 0.1
    assert measures(scores, SPEAKERS).rank1.value > 0.95


def test_voices_without_a_difference_tell_nothing():
    rng = np.random.default_rng(2)
    learnt, trials = (list(rng.normal(size=(60, 2, 5))) for _ in range(2))
    assert 0.35 < measures(discriminant_scores(learnt, SPEAKERS, trials), SPEAKERS).eer.value < 0.65
    same = [np.ones((1, 3))] * 60
    assert np.abs(discriminant_scores(same, SPEAKERS, same)).max() < 1e-3


def test_scores_against_the_others():
    found = against_others(np.array([[5.0, 1.0, 3.0]]))
    assert found[0, 0] == pytest.approx((5 - 2) / 1) and found[0, 1] == pytest.approx((1 - 4) / 1)
