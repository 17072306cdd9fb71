"""What counts as the same output; needs no PyTorch."""

import numpy as np
import pytest

from deemo_jax.conversion.parity.verdict import Row, compared, table

ONES = np.ones((2, 3), np.float32)


def off(value: float, at: int = 0) -> np.ndarray:
    changed = ONES.copy()
    changed.flat[at] = value
    return changed


def test_what_is_equal_is_the_same() -> None:
    row = compared("x", ONES.reshape(3, 2), ONES, 1e-4)
    assert row.passed and row.max_abs == row.relative == 0.0


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("side", ["ours", "theirs", "both"])
def test_what_is_no_number_is_different(value: float, side: str) -> None:
    """Even where both sides have it, and wherever among the values it is."""
    for at in (0, 5):
        ours = ONES if side == "theirs" else off(value, at)
        theirs = ONES if side == "ours" else off(value, at)
        row = compared("x", ours, theirs, 1e-4)
        assert not row.passed and "DIFFERENT" in table([row])


def test_the_bound_is_on_the_norm_of_the_difference() -> None:
    apart = compared("x", off(1.5), ONES, 1e-4)
    assert apart.max_abs == 0.5 and apart.relative == pytest.approx(0.5 / np.sqrt(6))
    assert not apart.passed
    assert compared("x", off(1.5), ONES, apart.relative).passed
    assert not Row("x", 0.0, float("nan"), 1.0).passed
    assert not compared("x", ONES, np.zeros((2, 3)), 1e-4).passed
