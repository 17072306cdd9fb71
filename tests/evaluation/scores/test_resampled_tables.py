"""Bootstrap samples of confusion tables, against drawing persons one by one and against what intervals promise."""

import numpy as np
import pytest

from deemo_jax.core import stats
from deemo_jax.evaluation.scores.metrics import confusion, paired_difference, recognition, scores
from deemo_jax.evaluation.scores.resampled_tables import resampled_tables


def clustered(persons, clips, rng, spread=0.25):
    """Truth, predictions and persons of a system that suits some persons and not others; right in 70 % on average."""
    suits = np.clip(0.7 + spread * rng.choice([-1, 1], persons), 0, 1)
    of = np.repeat(np.arange(persons), clips)
    truth = rng.integers(0, 2, persons * clips)
    return truth, np.where(rng.random(len(of)) < suits[of], truth, 1 - truth), of


def test_samples_are_those_of_persons_drawn_one_by_one():
    truth, said, of = clustered(15, 6, np.random.default_rng(0))
    (drawn,) = resampled_tables(truth, [said], 2, of, samples=4000)
    rng = np.random.default_rng(1)
    by_hand = []
    for _ in range(1500):
        rows = np.concatenate([np.flatnonzero(of == person) for person in rng.integers(15, size=15)])
        one = scores(confusion(truth[rows], said[rows]))
        by_hand.append((one.accuracy, one.f1_weighted, one.f1_macro))
    found = scores(drawn)
    ours = np.stack([found.accuracy, found.f1_weighted, found.f1_macro], axis=1)
    assert (drawn.sum(axis=(1, 2)) == 90).all()
    np.testing.assert_allclose(ours.mean(axis=0), np.mean(by_hand, axis=0), atol=0.01)
    np.testing.assert_allclose(ours.std(axis=0), np.std(by_hand, axis=0), atol=0.006)


def test_intervals_over_persons_hold_what_they_promise_and_those_over_clips_do_not():
    rng = np.random.default_rng(2)
    held = {True: 0, False: 0}
    for _ in range(200):
        truth, said, of = clustered(30, 20, rng)
        for by_person in held:
            (drawn,) = resampled_tables(truth, [said], 2, of if by_person else None, samples=400)
            found = stats.interval(0.7, scores(drawn).accuracy)
            held[by_person] += found.low <= 0.7 <= found.high
    assert held[True] / 200 == pytest.approx(0.93, abs=0.05)
    assert held[False] / 200 < 0.75


def test_systems_are_drawn_alike():
    truth, said, of = clustered(12, 5, np.random.default_rng(3))
    first, second = resampled_tables(truth, [said, said], 2, of, samples=50)
    np.testing.assert_array_equal(first, second)
    found = paired_difference(truth, said, said, persons=of)
    assert found.accuracy.bounds() == [0, 0] and found.p == 1


def test_persons_of_one_clip_each_are_clips():
    truth, said, _ = clustered(40, 1, np.random.default_rng(4))
    over_persons = recognition(truth, said, persons=np.arange(40)).accuracy
    over_clips = recognition(truth, said).accuracy
    assert over_persons.bounds() == pytest.approx(over_clips.bounds(), abs=0.03)


def test_fewer_than_ten_persons_have_no_interval():
    truth, said, of = clustered(9, 8, np.random.default_rng(5))
    found = recognition(truth, said, persons=of)
    assert found.accuracy.bounds() is None and f"{found.accuracy}" == f"{100 * found.accuracy.value:.1f}"
    assert found.to_json()["intervals"]["f1_macro"] is None and found.classes["negative"].recall.bounds() is None
    gap = paired_difference(truth, said, truth, persons=of)
    assert gap.accuracy.bounds() is None and 0 < gap.p < 1
    assert recognition(
        *clustered(10, 8, np.random.default_rng(5))[:2], persons=np.repeat(np.arange(10), 8)
    ).accuracy.known
