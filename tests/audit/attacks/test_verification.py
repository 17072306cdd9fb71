import numpy as np
import pytest

from deemo_jax.audit.attacks.verification import cosine_scores, equal_error_rate, trained_scores

SPEAKERS = np.repeat(np.arange(12), 5)


def voices(rng, spread, nuisance=0.0):
    """Vectors of twelve speakers; a nuisance runs along one direction that all share."""
    centres = np.random.default_rng(7).normal(size=(12, 16))
    noise = spread * rng.normal(size=(60, 16))
    noise[:, 0] += nuisance * rng.normal(size=60)
    return centres[SPEAKERS] + noise


def test_voices_that_are_clear_and_voices_that_tell_nothing():
    rng = np.random.default_rng(0)
    clear = cosine_scores(voices(rng, 0.1), SPEAKERS, voices(rng, 0.1))
    assert clear.shape == (60, 12) and (clear.argmax(axis=1) == SPEAKERS).all()
    assert equal_error_rate(clear, SPEAKERS).value == 0
    noise = rng.normal(size=(60, 12))
    found = equal_error_rate(noise, SPEAKERS)
    assert 0.4 < found.value < 0.6 and found.low < 0.5 < found.high


def test_the_rate_of_known_scores():
    """Four of sixty own voices below all others, and one in fifteen of the others above all own ones."""
    scores = np.full((60, 12), 0.0)
    scores[np.arange(60), SPEAKERS] = 0.5
    scores[[0, 15, 30, 45], SPEAKERS[[0, 15, 30, 45]]] = -1
    others = [(m, s) for m in range(60) for s in range(12) if s != SPEAKERS[m]]
    for m, s in others[::15]:
        scores[m, s] = 1
    assert equal_error_rate(scores, SPEAKERS).value == pytest.approx(1 / 15, abs=1e-9)


def test_an_interval_over_speakers_is_wider_than_one_over_clips():
    """All clips of two speakers fail together, so it is speakers that must be counted."""
    scores = np.zeros((60, 12))
    scores[np.arange(60), SPEAKERS] = np.where(SPEAKERS < 2, -1.0, 1.0)
    found = equal_error_rate(scores, SPEAKERS)
    assert found.value == pytest.approx(2 / 12, abs=0.09) and found.high - found.low > 0.1


def test_an_attacker_who_learns_sees_through_what_all_voices_share():
    rng = np.random.default_rng(1)
    enrolled, trials = voices(rng, 0.3, 8.0), voices(rng, 0.3, 8.0)
    plain = equal_error_rate(cosine_scores(enrolled, SPEAKERS, trials), SPEAKERS)
    scores = trained_scores(enrolled, SPEAKERS, trials, SPEAKERS, seed=0)
    assert equal_error_rate(scores, SPEAKERS).value < plain.value - 0.1
    # Pairs across folds are left out: twelve speakers in three folds leave four models a trial.
    assert (np.isfinite(scores).sum(axis=1) == 4).all()


@pytest.mark.parametrize("size", [1, 3])
def test_an_encoder_that_hears_no_difference(size):
    same = np.ones((60, size))
    scores = trained_scores(same, SPEAKERS, same, SPEAKERS, seed=0)
    assert (np.isfinite(scores).sum(axis=1) == 4).all() and np.nanstd(scores) < 1e-6
