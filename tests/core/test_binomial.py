import pytest

from deemo_jax.core.binomial import interval, upper_bound


def test_bounds_are_exact():
    assert upper_bound(0, 300) == pytest.approx(1 - 0.05 ** (1 / 300))
    assert upper_bound(1, 300) == pytest.approx(0.01572, abs=1e-5)  # Clopper and Pearson's tables
    assert upper_bound(5, 5) == 1 and upper_bound(2, 300) > upper_bound(1, 300)
    assert interval(0, 10) == (0.0, pytest.approx(1 - 0.025**0.1))
    assert interval(5, 10) == pytest.approx((0.1871, 0.8129), abs=1e-4) and interval(10, 10)[1] == 1.0
    with pytest.raises(ValueError, match="4 misses"):
        upper_bound(4, 3)
