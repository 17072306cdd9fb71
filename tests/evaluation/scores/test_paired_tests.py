"""Tests of differences against SciPy, against all choices of signs, and against what they promise."""

import itertools

import numpy as np
import pytest
from scipy import stats

from deemo_jax.evaluation.scores.paired_tests import holm, paired_p, sign_flip_p, smallest_difference


def all_signs(gains):
    sums = np.array([np.dot(signs, gains) for signs in itertools.product((-1, 1), repeat=len(gains))])
    return (np.abs(sums) >= abs(sum(gains))).mean()


@pytest.mark.parametrize("gains", [[3, -1, 2, 0, 5], [1] * 9, [-4, 4], [0, 0], [7], [2, 2, 2, -1, 6, 1, -3, 9, 4, 4]])
def test_sign_flips_are_the_share_of_all_choices(gains):
    assert sign_flip_p(np.array(gains)) == pytest.approx(all_signs(gains), abs=1e-12)


def test_sign_flips_are_scipys():
    gains = np.array([3, -1, 2, 4, 5, -2, 1, 6])
    found = stats.permutation_test((gains,), np.sum, permutation_type="samples", n_resamples=np.inf)
    assert sign_flip_p(gains) == pytest.approx(found.pvalue, abs=1e-12)


def test_drawn_flips_are_near_the_exact_ones_and_never_zero():
    gains = np.random.default_rng(0).integers(-4, 6, 60)
    assert sign_flip_p(gains, most_steps=0) == pytest.approx(sign_flip_p(gains), abs=0.01)
    assert sign_flip_p(gains, most_steps=0) == sign_flip_p(gains, most_steps=0)
    assert sign_flip_p(np.full(200, 3), most_steps=0, flips=999) == 1 / 1000


def test_unknown_persons_are_tested_by_mcnemar_which_flips_every_clip():
    rng = np.random.default_rng(1)
    first, second = rng.random(831) < 0.75, rng.random(831) < 0.7
    wins, losses = (first & ~second).sum(), (second & ~first).sum()
    found = paired_p(first, second)
    assert found == pytest.approx(stats.binomtest(wins, wins + losses).pvalue, abs=1e-12)
    assert paired_p(first, second, np.arange(831)) == pytest.approx(found, abs=1e-12)
    assert paired_p(first, first) == paired_p(first, first, np.arange(831)) == 1


def test_few_persons_prove_little_however_many_clips():
    first, second = np.ones(800, bool), np.zeros(800, bool)
    assert paired_p(first, second) < 1e-12
    assert paired_p(first, second, np.repeat(np.arange(4), 200)) == pytest.approx(2 / 2**4)


def test_systems_that_differ_by_person_alone_are_told_apart_as_rarely_as_promised():
    """Each person suits one system or the other by chance; to McNemar's test their clips look like proof."""
    rng = np.random.default_rng(2)
    persons = np.repeat(np.arange(20), 20)
    flipped, clipwise = [], []
    for _ in range(400):
        suits = rng.random(20)[persons] < 0.5
        right = rng.random((2, 400)) < np.where([suits, ~suits], 0.9, 0.6)
        flipped.append(paired_p(*right, persons) <= 0.05)
        clipwise.append(paired_p(*right) <= 0.05)
    assert np.mean(flipped) < 0.08
    assert np.mean(clipwise) > 0.15


def test_holm_by_hand_and_by_its_definition():
    np.testing.assert_allclose(holm(np.array([0.04, 0.01, 0.03])), [0.06, 0.03, 0.06], atol=1e-12)
    assert holm(np.array([0.5, 0.9])).tolist() == [1, 1] and holm(np.zeros(0)).tolist() == []
    p = np.random.default_rng(3).random(7) ** 3
    # A hypothesis falls when all families with it fall by Bonferroni (closed testing; Marcus and others, 1976).
    families = [f for size in range(1, 8) for f in itertools.combinations(range(7), size)]
    closed = [max(min(1, min(p[list(f)]) * len(f)) for f in families if i in f) for i in range(7)]
    np.testing.assert_allclose(holm(p), closed, atol=1e-12)


def test_the_smallest_difference_is_found_as_often_as_promised():
    least = smallest_difference(831)
    assert 100 * least == pytest.approx(4.3, abs=0.05)
    wins = (0.2 + least) / 2
    drawn = np.random.default_rng(4).multinomial(831, [wins, 0.2 - wins, 0.8], size=4000)
    # McNemar's test without correction, for which the formula is meant.
    found = np.abs(drawn[:, 0] - drawn[:, 1]) > stats.norm.ppf(0.975) * np.sqrt(drawn[:, 0] + drawn[:, 1])
    assert found.mean() == pytest.approx(0.8, abs=0.02)
    assert smallest_difference(10_000) < least / 3
    assert smallest_difference(20) is None
