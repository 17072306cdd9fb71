"""Saving while training goes on, keeping a few, and refusing what does not fit."""

import dataclasses
import gc
import shutil
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from deemo_jax.core.errors import UserError
from deemo_jax.core.recipe import Recipe
from deemo_jax.core.run_folder.checkpoint import Checkpoints
from deemo_jax.data.prompts import INSTRUCTION_VERSION
from deemo_jax.generation import load
from deemo_jax.models.checkpoint_origin import describe
from deemo_jax.models.mesh import make_mesh
from deemo_jax.training.resume import first_step, restore
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
            checkpoints.save(number, state.parts(), {"number": number})
        for _ in range(20):
            state = onward(state)
    with Checkpoints(tmp_path / "c", read_only=True) as checkpoints:
        assert max(checkpoints.steps()) == 3 and checkpoints.metadata(3) == {"number": 3}
        assert sorted(path.name for path in checkpoints.path.iterdir()) == ["2", "3"]
        for number in (2, 3):
            restored = TrainState.of(checkpoints.restore(number, fresh().parts()))
            expected = jax.tree.map(lambda leaf, n=number: leaf + n, fresh())
            assert jax.tree.structure(restored) == jax.tree.structure(expected)
            assert jax.tree.all(jax.tree.map(np.array_equal, restored, expected))
        trainable = checkpoints.restore(3, {"trainable": fresh().trainable})["trainable"]
        assert np.array_equal(trainable["video"]["kernel"], TREE["video"]["kernel"] + 3)


def test_other_parameters_are_named(tmp_path: Path) -> None:
    with Checkpoints(tmp_path / "c") as checkpoints:
        checkpoints.save(1, fresh().parts(), {})
        checkpoints.wait()
        other = init_state(RECIPE, {"video": {"kernel": jnp.zeros((2, 2))}, "decoder": {"scale": jnp.ones(3)}})
        with pytest.raises(UserError) as caught:
            checkpoints.restore(1, other.parts())
    for part in ("decoder/bias: (3,), not absent", "decoder/scale: absent, not (3,)", "(300, 1000), not (2, 2)"):
        assert part in str(caught.value)


@pytest.fixture(scope="module")
def two(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of checkpoints 1 and 2."""
    folder = tmp_path_factory.mktemp("two") / "c"
    with Checkpoints(folder, keep=2) as checkpoints:
        for number in (1, 2):
            checkpoints.save(number, fresh().parts(), {"number": number})
    return folder


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def empty(path: Path) -> None:
    path.write_bytes(b"")


def tell_otherwise(path: Path) -> None:
    path.write_text(path.read_text().replace('"number":', '"data": "x", "number":'))


@pytest.mark.slow
@pytest.mark.parametrize(
    ("pattern", "harm", "said"),
    [
        ("trainable/ocdbt*/d/*", cut, "trainable"),
        ("trainable/manifest.ocdbt", empty, "trainable"),
        pytest.param("trainable/_METADATA", Path.unlink, "trainable", marks=pytest.mark.slow),
        pytest.param("opt_state/array_metadatas/*", empty, "opt_state", marks=pytest.mark.slow),
        ("loop", shutil.rmtree, "loop"),
        pytest.param("_CHECKPOINT_METADATA", Path.unlink, "metadata", marks=pytest.mark.slow),
        ("_CHECKPOINT_METADATA", tell_otherwise, "metadata"),
    ],
)
def test_a_damaged_checkpoint_is_one_line_that_names_the_newest_whole_one(
    pattern: str, harm: Callable[[Path], None], said: str, two: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    shutil.copytree(two, tmp_path / "c")
    for path in (tmp_path / "c" / "2").glob(pattern):
        harm(path)
    with Checkpoints(tmp_path / "c", read_only=True) as checkpoints:
        with pytest.raises(UserError) as caught:
            checkpoints.metadata(2)
            checkpoints.restore(2, fresh().parts())
        mend = "the newest whole one is 1: go on from it with --from_step 1"
        assert str(caught.value).endswith(f"c/2: this checkpoint is damaged ({said}); {mend}")
        assert checkpoints.restore(1, fresh().parts()) is not None
    gc.collect()  # frees what is left of Orbax's tasks
    assert capfd.readouterr().err == ""


def test_where_no_checkpoint_is_whole_none_is_named(two: Path, tmp_path: Path) -> None:
    shutil.copytree(two, tmp_path / "c")
    for path in (tmp_path / "c").glob("*/trainable/manifest.ocdbt"):
        cut(path)
    with (
        Checkpoints(tmp_path / "c", read_only=True) as checkpoints,
        pytest.raises(UserError, match=r"c/2: .* damaged \(trainable\); no other one is whole, so train anew"),
    ):
        checkpoints.restore(2, {"trainable": fresh().trainable})


def test_a_checkpoint_that_went_away_is_not_called_damaged(two: Path, tmp_path: Path) -> None:
    shutil.copytree(two, tmp_path / "c")
    with Checkpoints(tmp_path / "c", read_only=True) as checkpoints:
        shutil.rmtree(tmp_path / "c" / "2")
        with pytest.raises(UserError, match=r"c/2: is gone; .* try again"):
            checkpoints.restore(2, fresh().parts())


@pytest.mark.parametrize("put", [Path.touch, lambda path: path.symlink_to("/nowhere/at/all")])
def test_what_takes_a_checkpoints_place_is_called_damaged(
    put: Callable[[Path], None], two: Path, tmp_path: Path
) -> None:
    shutil.copytree(two, tmp_path / "c")
    shutil.rmtree(tmp_path / "c" / "2")
    put(tmp_path / "c" / "2")
    (tmp_path / "c").rename(tmp_path / "checkpoints")
    (tmp_path / "config.json").touch()
    assert load.chosen_step(tmp_path) == first_step(tmp_path / "checkpoints", None) == 2
    with (
        Checkpoints(tmp_path / "checkpoints", read_only=True) as checkpoints,
        pytest.raises(UserError, match=r"2: this checkpoint is damaged .* the newest whole one is 1: go on from it"),
    ):
        checkpoints.metadata(2)


def test_a_whole_checkpoint_of_another_optimizer_is_not_called_damaged(two: Path) -> None:
    other = fresh().replace(opt_state={"momentum": jnp.zeros(3)})
    with (
        Checkpoints(two, read_only=True) as checkpoints,
        pytest.raises(UserError, match=r"c/2: is whole, but cannot be restored into this run"),
    ):
        checkpoints.restore(2, other.parts())


@pytest.mark.parametrize(("then", "now"), [(0.0, 1.0), (1.0, 0.0), (1.0, 1.0)])
def test_clipping_may_begin_or_end_between_a_run_and_its_continuation(then: float, now: float, tmp_path: Path) -> None:
    def recipe(clip_norm: float) -> Recipe:
        return dataclasses.replace(RECIPE, optimizer=dataclasses.replace(RECIPE.optimizer, clip_norm=clip_norm))

    saved = init_state(recipe(then), fresh().trainable)
    saved = saved.replace(step=jnp.int32(7), opt_state=jax.tree.map(lambda leaf: leaf + 1, saved.opt_state))
    facts = describe(recipe(then).resolved(), {}, INSTRUCTION_VERSION) | {"data": {"next_step": 7}}
    with Checkpoints(tmp_path / "c") as checkpoints:
        checkpoints.save(7, saved.parts(), facts)
    decoder = SimpleNamespace(config=SimpleNamespace(vocab=8))  # no tree of these checkpoints has vocabulary rows
    model = SimpleNamespace(config=SimpleNamespace(decoder=decoder))
    setup: Any = SimpleNamespace(trainable=fresh().trainable, model=model)
    mesh = make_mesh(RECIPE.mesh, jax.devices()[:1])
    state, metadata = restore(recipe(now), mesh, setup, tmp_path / "c", 7, facts["frozen_sha256"])
    assert metadata["config"]["optimizer"]["clip_norm"] == then
    assert jax.tree.structure(state.opt_state) == jax.tree.structure(init_state(recipe(now), setup.trainable).opt_state)
    assert jax.tree.all(
        jax.tree.map(np.array_equal, jax.tree.leaves(state.opt_state), jax.tree.leaves(saved.opt_state))
    )


def test_a_step_that_is_not_there_is_told_with_those_that_are(two: Path) -> None:
    assert first_step(two, None) == 2 and first_step(two, 1) == 1
    with pytest.raises(UserError, match=r"c: holds no checkpoint of step 3; there are 1, 2$"):
        first_step(two, 3)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["exp[1]", "train[:50%]", "a*b?", "back\\slash", "{a} #1=ü", "\udcff"])
def test_any_name_of_a_folder_will_do_and_it_may_be_renamed(name: str, tmp_path: Path) -> None:
    with Checkpoints(tmp_path / name / "c") as checkpoints:
        checkpoints.save(1, fresh().parts(), {"number": 1})
    (tmp_path / name).rename(tmp_path / "[renamed]")
    with Checkpoints(tmp_path / "[renamed]" / "c", read_only=True) as checkpoints:
        assert jax.tree.all(jax.tree.map(np.array_equal, checkpoints.restore(1, fresh().parts()), fresh().parts()))


def test_files_of_a_neighbour_that_a_pattern_would_match_are_not_taken(tmp_path: Path) -> None:
    other = jax.tree.map(lambda leaf: leaf + 1, fresh())
    with Checkpoints(tmp_path / "run1" / "c") as checkpoints:
        checkpoints.save(1, other.parts(), {"number": 1})
    with Checkpoints(tmp_path / "run[12]" / "c") as checkpoints:
        checkpoints.save(1, fresh().parts(), {"number": 1})
        checkpoints.wait()
        assert jax.tree.all(jax.tree.map(np.array_equal, checkpoints.restore(1, fresh().parts()), fresh().parts()))


def test_a_full_disk_is_one_line_that_names_the_last_whole_checkpoint(
    two: Path, tmp_path: Path, small_files: Callable[[int], None], capfd: pytest.CaptureFixture[str]
) -> None:
    shutil.copytree(two, tmp_path / "c")
    with pytest.raises(UserError) as caught, Checkpoints(tmp_path / "c", keep=2) as checkpoints:
        small_files(100_000)
        checkpoints.save(3, fresh().parts(), {"number": 3})
        checkpoints.wait()
    small_files(1 << 40)
    mend = "the last whole checkpoint is 2; mend space, quota or permissions, then go on with --resume"
    assert str(caught.value).endswith(f"/c: checkpoint 3 cannot be written (File too large); {mend}")
    gc.collect()
    assert capfd.readouterr().err == ""
    with Checkpoints(tmp_path / "c", keep=2) as checkpoints:
        assert checkpoints.steps() == [1, 2] and checkpoints.whole(2)
        checkpoints.save(3, fresh().parts(), {"number": 3})
    assert sorted(path.name for path in (tmp_path / "c").iterdir()) == ["2", "3"]


def test_anchors_stay_beside_the_newest(tmp_path: Path) -> None:
    with Checkpoints(tmp_path / "c", keep=2) as checkpoints:
        for number in range(1, 6):
            checkpoints.anchors = {2} if number < 5 else ()
            checkpoints.save(number, fresh().parts(), {"number": number})
            checkpoints.wait()
            assert checkpoints.steps() == {1: [1], 2: [1, 2], 3: [2, 3], 4: [2, 3, 4], 5: [4, 5]}[number]


def test_a_folder_that_is_not_there_is_not_made(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no checkpoints there"):
        Checkpoints(tmp_path / "c", read_only=True)
    assert not list(tmp_path.iterdir())


def test_a_folder_that_cannot_be_made_is_one_clear_line(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    with pytest.raises(UserError, match=r"file/c: the checkpoints cannot be opened .*; check the path"):
        Checkpoints(tmp_path / "file" / "c")


def test_the_best_stay_beside_the_newest_and_are_known_when_the_folder_is_opened_again(tmp_path: Path) -> None:
    losses = {1: 3.0, 2: 1.0, 3: 2.0, 5: 5.0}
    with Checkpoints(tmp_path / "c", keep=1, keep_best=2) as checkpoints:
        for step, loss in losses.items():
            checkpoints.save(step, fresh().parts(), {"validation_loss": loss})
        checkpoints.wait()
        assert checkpoints.steps() == [2, 3, 5] and checkpoints.best() == 2
    with Checkpoints(tmp_path / "c", keep=1, keep_best=1) as checkpoints:
        assert checkpoints.losses == {2: 1.0, 3: 2.0, 5: 5.0}
        checkpoints.save(6, fresh().parts(), {})
        checkpoints.wait()
        assert checkpoints.steps() == [2, 6]
