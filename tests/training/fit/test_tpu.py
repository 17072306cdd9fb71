"""Compiles for TPUs that are not here. Needs libtpu (the extra tpu), but no TPU."""

import dataclasses
import functools
import importlib.util
from typing import Any

import pytest

from configs import deemo_llama_7b
from deemo_jax.core.recipe import Recipe
from deemo_jax.training.fit.plan import Planner
from deemo_jax.training.fit.topology import parse
from tests.training.fit.recipes import recipe

pytestmark = pytest.mark.skipif(
    importlib.util.find_spec("libtpu") is None, reason="libtpu is not installed: make setup EXTRAS=tpu"
)


def compiled(topology: str, asked: Any, mesh: tuple[int, int, int]) -> Any:
    data, fsdp, tensor = mesh
    asked = dataclasses.replace(
        asked, mesh=dataclasses.replace(asked.mesh, data=data, fsdp=fsdp, tensor=tensor, replicated_below=0)
    )
    return Planner(parse(topology), compiles=True).plan(asked)


@pytest.mark.slow
def test_the_tiny_step_compiles_with_the_collectives_of_its_mesh() -> None:
    split = compiled("v5e:2x2", recipe(), (1, 4, 1))
    assert split.fits and split.seconds is not None and split.memory.working > 0
    kinds = {(one.kind, one.axes) for one in split.sent}
    assert ("all-gather", ("fsdp",)) in kinds
    looped = [one for one in split.sent if one.loops]
    assert looped and all(one.times > 1 and one.sure for one in looped)
    copied = compiled("v5e:2x2", recipe(), (4, 1, 1))
    assert {one.kind for one in copied.sent} <= {"all-reduce"} and copied.memory.frozen > 2 * split.memory.frozen


@functools.cache
def stage_2(topology: str, data: int, batch: int) -> Any:
    """Stage 2 at full width, with fsdp 64; a compile of minutes."""
    config = deemo_llama_7b.get_config()
    config.data.data_dir, config.data.batch_size = "none", batch
    return compiled(topology, Recipe.from_config(config), (data, 64, 1))


@pytest.mark.slow
def test_what_the_compiler_refuses_does_not_fit() -> None:
    found = compiled("v5e:1x1", recipe(batch_size=1 << 15), (1, 1, 1))
    assert not found.fits and found.memory.total > found.topology.memory and found.seconds is not None
    # What the compiler says that it needs is near what is estimated.
    estimate = Planner(parse("v5e:1x1"), compiles=False).plan(found.recipe)
    assert found.memory.working != estimate.memory.working
    assert found.memory.working == pytest.approx(estimate.memory.working, rel=0.1)


@pytest.mark.slow
def test_the_7b_step_fits_and_gathers_no_vocabulary_matrix_in_its_loop_over_layers() -> None:
    found = stage_2("v5e:8x8", 1, 128)
    assert found.fits and found.memory.total < 4 * 2**30
    gathered = [one for one in found.sent if one.kind == "all-gather" and one.loops]
    layers = [one for one in gathered if one.times == 32 and "/decoder/" in one.op_name]
    # Of 32 layers each has 7 kernels, which are gathered in the forward pass, and most of them again in the backward.
    assert len(layers) >= 2 * 7 - 1 and {one.axes for one in layers} == {("fsdp",)}
    vocabulary = [one for one in gathered if "32000" in one.shape]
    assert all(one.times == 8 and "/decoder/" not in one.op_name for one in vocabulary)  # the loss's 8 chunks of 64


@pytest.mark.slow
def test_what_a_chip_sends_does_not_grow_with_the_number_of_chips() -> None:
    few, many = (
        sum(one.per_step for one in stage_2(topology, data, batch).sent)
        for topology, data, batch in (("v5e:8x8", 1, 128), ("v5e:16x16", 4, 512))
    )
    assert many == pytest.approx(few, rel=0.1)
