"""Which steps are traced."""

from pathlib import Path

import jax
import jax.numpy as jnp
import pytest

from deemo_jax.core.errors import UserError
from deemo_jax.training.watch.trace import Trace, parse_steps


def test_a_range_of_steps_is_read() -> None:
    assert parse_steps("10:14") == (10, 14) and parse_steps("3:3") == (3, 3)


@pytest.mark.parametrize("text", ["", "3", "5:3", "0:2", "a:b", "1:2:3", "-1:2"])
def test_anything_else_is_refused(text: str) -> None:
    with pytest.raises(UserError, match=r"--profile: .* must be START:STOP"):
        parse_steps(text)


def traced(folder: Path, steps: tuple[int, int] | None, first: int, last: int) -> list[str]:
    with Trace(folder, steps) as trace:
        said = []
        for step in range(first, last + 1):
            trace.before(step)
            said.append(trace.after(step, jax.jit(lambda x: x + 1)(jnp.ones(3))))
    return [line for line in said if line]


@pytest.mark.slow
def test_the_trace_of_these_steps_lies_in_the_folder(tmp_path: Path) -> None:
    said = traced(tmp_path / "profile", (2, 3), 1, 4)
    assert said == [f"the trace of steps 2 to 3 is in {tmp_path / 'profile'}; look at it with xprof or TensorBoard"]
    assert list((tmp_path / "profile").rglob("*.xplane.pb"))


def test_steps_that_are_not_done_here_are_not_traced(tmp_path: Path) -> None:
    assert traced(tmp_path / "profile", (2, 3), 5, 6) == [] and traced(tmp_path / "profile", None, 1, 2) == []
    assert not (tmp_path / "profile").exists()
