"""Searches and advice, on estimates of the tiny recipe."""

import dataclasses

import pytest

from deemo_jax.core.errors import UserError
from deemo_jax.core.recipe import MeshRecipe, Recipe
from deemo_jax.training.fit.advice import advice
from deemo_jax.training.fit.plan import Plan, Planner
from deemo_jax.training.fit.search import candidates, divisors, search, told
from deemo_jax.training.fit.topology import Topology, parse
from tests.training.fit.recipes import recipe

pytestmark = pytest.mark.usefixtures("quickly_traced")


def with_memory(topology: Topology, size: int) -> Topology:
    return dataclasses.replace(topology, memory=size)


def test_candidates_stay_within_the_fast_links() -> None:
    found = list(candidates(recipe(), 16, 8))
    assert {one.mesh.data * one.mesh.fsdp * one.mesh.tensor for one in found} == {16}
    assert max(one.mesh.fsdp * one.mesh.tensor for one in found) == 8
    assert all(one.data.batch_size % (one.mesh.data * one.mesh.fsdp) == 0 for one in found)
    assert divisors(12) == [1, 2, 3, 4, 6, 12] and divisors(0) == []


@pytest.mark.slow
def test_the_best_fits_and_is_no_slower_than_what_was_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("deemo_jax.training.fit.search.ROWS", (1, 4))
    planner = Planner(parse("v5e:2x2"), compiles=False)
    asked = planner.plan(recipe(MeshRecipe(1, 4, 1, 0)))
    found = search(planner, recipe(MeshRecipe(1, 4, 1, 0)), lambda line: None)
    speeds = [plan.bound.step / plan.recipe.data.batch_size for plan in found if plan.bound]
    assert asked.bound and speeds == sorted(speeds) and speeds[0] <= asked.bound.step / 8
    assert all(plan.fits for plan in found)
    assert "--config.mesh.data=" in told(found[0].recipe) and "remat=" in told(found[0].recipe)
    # With less memory than the fastest takes, another one is found.
    planner.topology = with_memory(planner.topology, found[0].memory.total - 1)
    smaller = search(planner, recipe(MeshRecipe(1, 4, 1, 0)), lambda line: None)
    assert smaller and smaller[0].memory.total < found[0].memory.total


class Compiler(Planner):
    """Whose programs need half as much again as estimated."""

    def __init__(self, memory: int) -> None:
        super().__init__(with_memory(parse("v5e:2x2"), memory), compiles=False)
        self.compiles, self.compiled = True, list[Plan]()

    def plan(self, recipe: Recipe, *, estimate: bool = False) -> Plan:
        found = super().plan(recipe, estimate=True)
        if estimate:
            return found
        memory = dataclasses.replace(found.memory, working=found.memory.working + found.memory.total // 2)
        fits = memory.total <= self.topology.memory
        self.compiled.append(dataclasses.replace(found, memory=memory, fits=fits, seconds=1.0))
        return self.compiled[-1]


@pytest.mark.slow
def test_what_the_compiler_refuses_is_not_recommended_and_lowers_what_is_tried(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("deemo_jax.training.fit.search.ROWS", (1, 4))
    asked = recipe(MeshRecipe(1, 4, 1, 0))
    fastest = search(Planner(parse("v5e:2x2"), compiles=False), asked, lambda line: None)[0]
    compiler = Compiler(fastest.memory.total)
    found = search(compiler, asked, lambda line: None)
    refused = [plan for plan in compiler.compiled if not plan.fits]
    assert len(refused) == 1 and told(refused[0].recipe) == told(fastest.recipe)
    assert [plan.seconds for plan in found[:4]] == [1.0, 1.0, 1.0, None]
    assert all(plan.fits for plan in found) and told(fastest.recipe) not in [told(plan.recipe) for plan in found]


@pytest.mark.slow
def test_a_config_that_does_not_fit_is_told_what_to_change() -> None:
    planner = Planner(parse("v5e:2x2"), compiles=False)
    asked = recipe(MeshRecipe(4, 1, 1, 0), batch_size=64)

    def told_with(share: float) -> list[str]:
        """Advice where a chip has this share of what is needed."""
        planner.topology = with_memory(planner.topology, int(share * needed))
        plan = planner.plan(asked)
        assert not plan.fits
        return advice(planner, plan)

    needed = planner.plan(asked).memory.total
    lines = told_with(0.6)
    assert [line.split(" ")[0] for line in lines] == [
        "--config.model.decoder.remat=block",
        "--config.optimizer.accumulate=2",
    ]
    (together,) = told_with(0.2)
    assert "remat=block" in together and "accumulate=16" in together
    (line,) = told_with(0.0001)
    assert line.startswith("no change of mesh, remat, frozen_dtype and accumulate is enough")


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        (recipe(MeshRecipe(3, 1, 1)), "does not multiply to the 4 devices"),
        (recipe(MeshRecipe(4, 1, 1), batch_size=6), "does not divide over 4 shares"),
    ],
)
def test_what_does_not_go_together_is_refused(asked: Recipe, said: str) -> None:
    with pytest.raises(UserError, match=said):
        Planner(parse("v5e:2x2"), compiles=False).plan(asked)
