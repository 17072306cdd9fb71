"""Saving while training goes on, keeping a few, and refusing what does not fit."""

from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from deemo_jax.errors import UserError
from deemo_jax.training.checkpoint import Checkpoints
from deemo_jax.training.recipe import Recipe
from deemo_jax.training.state import TrainState
from deemo_jax.training.step import init_state
from tests.training import tiny

RECIPE = Recipe.from_config(tiny.get_config("nowhere"))
TREE = {"video": {"kernel": np.arange(300_000, dtype=np.float32).reshape(300, 1000)}, "decoder": {"bias": np.ones(3)}}


def fresh() -> TrainState:
    return init_state(RECIPE, jax.tree.map(lambda leaf: jnp.asarray(leaf, jnp.float32), TREE))


def test_a_saved_state_is_the_one_of_its_step_though_its_memory_is_used_again(tmp_path: Path) -> None:
    onward = jax.jit(lambda state: jax.tree.map(lambda leaf: leaf + 1, state), donate_argnums=0)
    state = fresh()
    with Checkpoints(tmp_path / "c", keep=2) as checkpoints:
        for number in (1, 2, 3):
            state = onward(state)
            checkpoints.save(number, state, {"number": number})
        for _ in range(20):
            state = onward(state)
    with Checkpoints(tmp_path / "c", read_only=True) as checkpoints:
        assert checkpoints.latest() == 3 and checkpoints.metadata(3) == {"number": 3}
        assert sorted(path.name for path in checkpoints.path.iterdir()) == ["2", "3"]
        for number in (2, 3):
            restored = checkpoints.restore(number, fresh())
            expected = jax.tree.map(lambda leaf, n=number: leaf + n, fresh())
            assert jax.tree.structure(restored) == jax.tree.structure(expected)
            assert jax.tree.all(jax.tree.map(np.array_equal, restored, expected))
        trainable = checkpoints.restore_trainable(3, fresh().trainable)
        assert np.array_equal(trainable["video"]["kernel"], TREE["video"]["kernel"] + 3)


def test_other_parameters_are_named(tmp_path: Path) -> None:
    with Checkpoints(tmp_path / "c") as checkpoints:
        checkpoints.save(1, fresh(), {})
        checkpoints.wait()
        other = init_state(RECIPE, {"video": {"kernel": jnp.zeros((2, 2))}, "decoder": {"scale": jnp.ones(3)}})
        with pytest.raises(UserError) as caught:
            checkpoints.restore(1, other)
    for part in ("decoder/bias: (3,), not absent", "decoder/scale: absent, not (3,)", "(300, 1000), not (2, 2)"):
        assert part in str(caught.value)


def test_a_damaged_checkpoint_is_one_clear_line(tmp_path: Path) -> None:
    with Checkpoints(tmp_path / "c") as checkpoints:
        checkpoints.save(1, fresh(), {})
    for path in (tmp_path / "c" / "1").rglob("*"):
        if path.is_file() and path.stat().st_size > 10_000:
            path.write_bytes(path.read_bytes()[:1000])
    checkpoints = Checkpoints(tmp_path / "c", read_only=True)
    said = r"c/1: the checkpoint cannot be restored .* remove this folder"
    with checkpoints, pytest.raises(UserError, match=said):
        checkpoints.restore(1, fresh())


def test_a_folder_that_is_not_there_is_not_made(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no checkpoints there"):
        Checkpoints(tmp_path / "c", read_only=True)
    assert not list(tmp_path.iterdir())


def test_a_folder_that_cannot_be_made_is_one_clear_line(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    with pytest.raises(UserError, match=r"file/c: the checkpoint cannot be opened .*; check the path"):
        Checkpoints(tmp_path / "file" / "c")
