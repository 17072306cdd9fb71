"""How many unreadable records end a run."""

from typing import Any

import pytest

from deemo_jax.core.errors import UserError
from deemo_jax.core.recipe import DataRecipe, MaskedLimits
from deemo_jax.data.masked_records import WINDOW, MaskedCount, check_split

REASONS = {7: "OSError: the disk says no"}


def count(batch: int = 8, size: int = 10_000, **shares: float) -> MaskedCount:
    return MaskedCount(MaskedLimits(**shares), batch, size, "train", REASONS)


def ends(counter: MaskedCount, masked: Any) -> int | None:
    """The step that ended it, counted from 1."""
    for step, rows in enumerate(masked, 1):
        try:
            counter.add(step, rows)
        except UserError:
            return step
    return None


def test_half_a_batch_may_be_masked_and_not_more() -> None:
    assert ends(count(), [4, 4]) is None
    assert ends(count(), [4, 5]) == 2
    assert ends(count(masked_batch=0.75), [5, 6, 7]) == 3
    assert ends(count(masked_batch=1.0), [8, 8]) is None


def test_chance_in_a_small_batch_ends_nothing() -> None:
    assert ends(count(batch=2), [2, 0, 2, 0]) is None
    assert ends(count(batch=3), [3]) is None
    assert ends(count(batch=4), [4]) == 1


def test_a_quarter_of_a_window_may_be_masked_and_not_more() -> None:
    assert ends(count(batch=1), [0, 1, 0, 0] * WINDOW) is None
    # What lies behind the window counts no more.
    assert ends(count(batch=1), [1] * 25 + [0] * (WINDOW - 25) + [1] * 25 + [0] * WINDOW) is None
    assert ends(count(batch=1), [1] * 26) == 26
    assert ends(count(batch=1), [0] * 500 + [1] * 26) == 526
    assert ends(count(batch=1, masked_window=1.0), [1] * 500) is None


def test_a_quarter_of_a_pass_over_the_split_may_be_masked_and_not_more() -> None:
    # A pass of 1000 steps: 250 masked rows, and never more than a quarter of 100 steps.
    pattern = ([1] * 20 + [0] * 80) * 2
    assert ends(count(batch=1, size=1000, masked_split=0.2), pattern * 20) is None
    assert ends(count(batch=1, size=1000, masked_split=0.1), pattern * 20) == 501


def test_the_message_names_step_split_limit_and_a_reason() -> None:
    counter = count()
    with pytest.raises(UserError) as told:
        counter.add(12, 6)
    for part in ("step 12: 6 rows of its batch", "split 'train'", "0.5 of config.data.masked_batch", "record 7"):
        assert part in str(told.value)
    assert "the disk says no" in str(told.value) and "--resume" in str(told.value)


@pytest.mark.parametrize("key", ["masked_batch", "masked_window", "masked_split"])
@pytest.mark.parametrize("value", [0.0, -0.1, 1.5, float("nan")])
def test_a_limit_is_a_share(key: str, value: float) -> None:
    with pytest.raises(UserError, match=rf"config.data.{key}: .* above 0 and at most 1"):
        MaskedLimits(**{key: value})


def test_an_older_config_has_the_defaults() -> None:
    data = DataRecipe(data_dir="d", batch_size=1, max_length=1, masked_split=0.5)
    assert data.masked == MaskedLimits(0.5, 0.25, 0.5)


def test_a_quarter_of_a_split_may_be_unreadable_in_one_pass_and_not_more() -> None:
    def unreadable(number: int) -> dict[int, str]:
        return dict.fromkeys(range(number), "OSError: the disk says no")

    check_split(MaskedLimits(), unreadable(3), 3, "test")
    check_split(MaskedLimits(), unreadable(10), 40, "test")
    with pytest.raises(UserError, match=r"split .test.: 11 of its 40 records cannot be read, .*disk says no"):
        check_split(MaskedLimits(), unreadable(11), 40, "test")
