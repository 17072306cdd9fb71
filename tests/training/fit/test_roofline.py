"""Bounds and costs, by hand; memory by kind; the collectives that a mesh must bring with it."""

import dataclasses

import pytest

from deemo_jax.core.recipe import MeshRecipe
from deemo_jax.training.fit.chips import CHIPS
from deemo_jax.training.fit.cost import Question, costs
from deemo_jax.training.fit.plan import Planner
from deemo_jax.training.fit.program.collectives import Collective
from deemo_jax.training.fit.program.products import Product
from deemo_jax.training.fit.roofline import neighbours, roofline
from deemo_jax.training.fit.topology import parse
from tests.training.fit.recipes import recipe

pytestmark = pytest.mark.usefixtures("quickly_traced")


def sent(size: int, *axes: str, group: int) -> Collective:
    return Collective("all-gather", axes, group, "", size, 1, 0, "", True)


def test_a_product_takes_what_the_slower_of_peak_and_memory_takes() -> None:
    chip, topology = CHIPS["v5e"], parse("v5e:2x2")
    mesh = {"data": 2, "fsdp": 1, "tensor": 2}
    dense = Product("", int(chip.flops), 0, 0, 1)
    thin = Product("", 0, int(3 * chip.memory_rate), 0, 2)
    found = roofline(topology, chip, mesh, [dense, thin], [sent(int(chip.link_rate), "data", group=2)], int(chip.flops))
    assert found.arithmetic == pytest.approx(0.5) and found.products == pytest.approx(0.5 + 3)
    assert found.links == pytest.approx(1) and found.network == 0
    assert found.step == found.products and found.bound_by == "memory" and found.mfu == pytest.approx(1 / (3.5 * 4))


def test_beyond_a_host_of_gpus_the_network_carries() -> None:
    chip, topology = CHIPS["h100"], parse("h100:8x4")
    mesh = {"data": 4, "fsdp": 8, "tensor": 1}
    inside, across, both = (
        roofline(topology, chip, mesh, [], [one], 0)
        for one in (
            sent(int(chip.link_rate), "fsdp", group=8),
            sent(int(chip.network_rate), "data", group=4),
            sent(int(8 * chip.network_rate), "data", "fsdp", group=32),
        )
    )
    assert (inside.links, inside.network) == (pytest.approx(1), 0) and inside.bound_by == "links"
    assert (across.links, across.network) == (0, pytest.approx(1)) and across.bound_by == "network"
    assert both.network == pytest.approx(1) and both.links > 0  # the 8 of a host share what comes from the others
    assert neighbours(("fsdp",), {"data": 1, "fsdp": 32, "tensor": 1}, 8) == 8
    assert neighbours(("data",), {"data": 4, "fsdp": 4, "tensor": 2}, 16) == 2


def test_memory_is_what_shardings_leave_on_a_chip() -> None:
    planner = Planner(parse("v5e:2x2"), compiles=False)
    whole, split = (planner.plan(recipe(mesh=mesh)).memory for mesh in (MeshRecipe(4, 1, 1, 0), MeshRecipe(1, 4, 1, 0)))
    assert split.frozen < 0.5 * whole.frozen and split.trainable < 0.7 * whole.trainable
    assert whole.optimizer == pytest.approx(2 * whole.trainable, rel=0.01)
    assert whole.batch == split.batch and whole.total == sum(dataclasses.astuple(whole))


@pytest.mark.slow
def test_expected_collectives_gather_what_is_split_and_sum_gradients() -> None:
    plan = Planner(parse("v5e:2x2"), compiles=False).plan(recipe(mesh=MeshRecipe(2, 2, 1, 0)))
    gathered = {one.op_name: one for one in plan.sent if one.kind == "all-gather"}
    kernel = gathered["/video/encoder/blocks/mlp/up/kernel"]
    assert (kernel.times, kernel.axes) == (1, ("fsdp",)) and kernel.sent == 2 * 16 * 32 * 2 // 2
    assert gathered["/decoder/blocks/up/kernel"].times == 2
    learning = sum(one.sent for one in plan.sent if one.kind == "reduce-scatter")
    assert learning > 0 and any(one.axes == ("data",) for one in plan.sent if one.kind == "all-reduce")
    split = Planner(parse("v5e:2x2"), compiles=False).plan(recipe(mesh=MeshRecipe(2, 1, 2, 0)))
    assert {one.axes for one in split.sent} == {("tensor",), ("data",)}
    assert {one.kind for one in split.sent} == {"all-reduce"}


def test_an_epoch_costs_chips_times_hours_times_price() -> None:
    plan = Planner(parse("v5e:2x2"), compiles=False).plan(recipe())
    found = costs(plan, Question(clips=7200, price=2.0, decode_rate=10.0))
    bound = found["bound"]
    assert bound.samples == pytest.approx(plan.recipe.data.batch_size / bound.step)
    assert bound.hours == pytest.approx(7200 / bound.samples / 3600)
    assert bound.chip_hours == pytest.approx(4 * bound.hours) and bound.money == pytest.approx(2 * bound.chip_hours)
    assert bound.cores == pytest.approx(bound.samples / 10)
    assert found["usual"].step >= bound.step and found["usual"].mfu <= 0.4 + 1e-9
    assert (costs(plan, Question())["bound"].money, costs(plan, Question())["bound"].cores) == (None, None)
    assert costs(dataclasses.replace(plan, bound=None), Question()) == {}
