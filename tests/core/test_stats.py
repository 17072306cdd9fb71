import math

import numpy as np
import pytest

from deemo_jax.core.stats import over_persons, rate_interval, upper_bound

RIGHT = np.array([4, 0, 3, 4, 1])


def share(often):
    return often @ RIGHT / (4 * often.sum(axis=1))


def test_bounds_are_exact():
    assert upper_bound(0, 300) == pytest.approx(1 - 0.05 ** (1 / 300))
    assert upper_bound(1, 300) == pytest.approx(0.01572, abs=1e-5)  # Clopper and Pearson's tables
    assert upper_bound(5, 5) == 1 and upper_bound(2, 300) > upper_bound(1, 300)
    assert rate_interval(0, 10) == (0.0, pytest.approx(1 - 0.025**0.1))
    assert rate_interval(5, 10) == pytest.approx((0.1871, 0.8129), abs=1e-4) and rate_interval(10, 10)[1] == 1.0
    with pytest.raises(ValueError, match="4 misses"):
        upper_bound(4, 3)


def test_persons_are_drawn_with_all_their_clips():
    found = over_persons(share, 5, 4000, seed=1)
    picks = np.random.default_rng(2).integers(5, size=(4000, 5))
    assert found.value == 0.6
    assert [found.low, found.high] == pytest.approx(
        np.quantile(RIGHT[picks].mean(axis=1) / 4, [0.025, 0.975]), abs=0.06
    )
    assert over_persons(share, 5, 4000, seed=1) == found != over_persons(share, 5, 300, seed=1)


def test_samples_without_a_score_are_left_out():
    found = over_persons(lambda often: np.where(often[:, 0] > 0, 0.25, np.nan), 3, 50, seed=0)
    assert found.bounds() == [0.25, 0.25]
    none = over_persons(lambda often: np.full(len(often), np.nan), 3, 50, seed=0)
    assert math.isnan(none.value) and not none.known and none.bounds() is None
