import numpy as np
import pytest

from deemo_jax.audit.attacks.verification import cosine_scores, measures

SPEAKERS = np.repeat(np.arange(12), 5)
OTHERS = [(m, s) for m in range(60) for s in range(12) if s != SPEAKERS[m]]


def voices(rng, spread):
    """Vectors of twelve speakers."""
    centres = np.random.default_rng(7).normal(size=(12, 16))
    return centres[SPEAKERS] + spread * rng.normal(size=(60, 16))


def clear():
    scores = np.zeros((60, 12))
    scores[np.arange(60), SPEAKERS] = 0.5
    return scores


def test_voices_that_are_clear_and_voices_that_tell_nothing():
    rng = np.random.default_rng(0)
    scores = cosine_scores(voices(rng, 0.1), SPEAKERS, voices(rng, 0.1))
    assert scores.shape == (60, 12) and (scores.argmax(axis=1) == SPEAKERS).all()
    found = measures(scores, SPEAKERS)
    assert (found.eer.value, found.rank1.value, found.tpr.value, found.worst_eer) == (0, 1, 1, 0)
    assert found.linkability.value > 0.95
    found = measures(rng.normal(size=(60, 12)), SPEAKERS)
    assert 0.4 < found.eer.value < 0.6 and found.eer.low < 0.5 < found.eer.high
    assert found.rank1.value < 0.2 and found.tpr.value < 0.1 and found.linkability.value < 0.2
    assert found.worst_eer < found.eer.value


def test_the_measures_of_known_scores():
    """Four of sixty own voices below all others, and one in fifteen of the others above all own ones."""
    scores = clear()
    scores[[0, 15, 30, 45], SPEAKERS[[0, 15, 30, 45]]] = -1
    for m, s in OTHERS[::15]:
        scores[m, s] = 1
    found = measures(scores, SPEAKERS)
    assert found.eer.value == pytest.approx(1 / 15, abs=1e-9)
    right = scores[np.arange(60), SPEAKERS] > scores.max(axis=1) - 1e-12
    assert found.rank1.value == pytest.approx(right.mean())
    assert found.tpr.value == 0  # of the others 6.7 % are above all own voices


def test_true_positives_at_one_false_alarm_in_a_hundred():
    """Six of 660 others are above all own voices but 15; these six are fewer than 1 %, so they are let through."""
    scores = clear()
    scores[:15][np.arange(15), SPEAKERS[:15]] = 2
    for m, s in OTHERS[:: 660 // 6]:
        scores[m, s] = 1
    assert measures(scores, SPEAKERS).tpr.value == 1
    for m, s in OTHERS[:: 660 // 12]:
        scores[m, s] = 1
    assert measures(scores, SPEAKERS).tpr.value == pytest.approx(0.25)


def test_the_worst_speaker_is_found_among_many_whom_nobody_tells():
    rng = np.random.default_rng(3)
    scores = rng.normal(size=(60, 12))
    scores[SPEAKERS == 4, 4] += 20
    found = measures(scores, SPEAKERS)
    assert found.worst_eer == 0 and found.eer.value > 0.35


def test_linkability_of_known_scores():
    """Half of the own voices where no other is, and half spread as the others are."""
    scores = np.tile(np.linspace(0, 1, 60)[:, None], (1, 12))
    scores[np.arange(60), SPEAKERS] = np.where(np.arange(60) % 2, 5.0, 0.0)
    scores[0, 1:] = 0.0
    found = measures(scores, SPEAKERS).linkability
    assert found.value == pytest.approx(0.5, abs=0.05) and found.low <= found.value <= found.high


def test_ties_count_in_part():
    assert measures(np.ones((60, 12)), SPEAKERS).rank1.value == pytest.approx(1 / 12)


def test_an_interval_over_speakers_is_wider_than_one_over_clips():
    """All clips of two speakers fail together, so it is speakers that must be counted."""
    scores = np.zeros((60, 12))
    scores[np.arange(60), SPEAKERS] = np.where(SPEAKERS < 2, -1.0, 1.0)
    found = measures(scores, SPEAKERS).eer
    assert found.value == pytest.approx(2 / 12, abs=0.09) and found.high - found.low > 0.1
