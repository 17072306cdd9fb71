"""Tries meshes, batch sizes and what the backward pass recomputes; the fastest that fits comes first.

All are estimated, which takes no compiler; the best few are then compiled, where that is possible.
"""

import dataclasses
import itertools
from collections.abc import Callable, Iterator
from typing import Any

from deemo_jax.core.errors import UserError
from deemo_jax.core.recipe import Recipe
from deemo_jax.models.parts.layers import Remat
from deemo_jax.training.fit.plan import Plan, Planner

# Rows of a share that are tried, and sizes of the axis 'tensor'.
ROWS = (1, 2, 4, 8, 16)
TENSOR = (1, 2, 4, 8)
# Of how many of the best the step is compiled.
COMPILED = 3
# An estimate may be this much above a chip's memory and still be compiled: estimates of working memory are high.
SLACK = 1.3


def search(planner: Planner, recipe: Recipe, say: Callable[[str], None]) -> list[Plan]:
    """Plans that fit, the most samples a second first; those that were compiled before those that were estimated.

    Args:
        planner: of the topology.
        recipe: whose mesh, batch size and remat are replaced.
        say: takes a line of progress.

    Raises:
        UserError: nothing can be tried.
    """
    most = planner.topology.memory * (SLACK if planner.compiles else 1)
    say("estimates plans: minutes at full width")
    found = [plan for plan in _estimates(planner, recipe) if plan.memory.total <= most]
    found.sort(key=_speed)
    made: list[Plan] = []
    for plan in found if planner.compiles else ():
        if len(made) == COMPILED:
            break
        if plan.memory.total > most:
            continue
        say(f"compiles {told(plan.recipe)}")
        compiled = planner.plan(plan.recipe)
        if compiled.fits:
            made.append(compiled)
        else:  # what takes as much by the estimate, and what would by the compiler's measure, is not tried
            needed = max(compiled.memory.total, planner.topology.memory + 1)
            most = plan.memory.total * planner.topology.memory / needed
    known, most = {told(plan.recipe) for plan in made}, min(most, planner.topology.memory)
    rest = [plan for plan in found if plan.memory.total <= most and told(plan.recipe) not in known]
    return sorted(made, key=_speed) + rest


def told(recipe: Recipe) -> str:
    """The flags that make a recipe what was tried."""
    sizes = " ".join(f"--config.mesh.{axis}={getattr(recipe.mesh, axis)}" for axis in ("data", "fsdp", "tensor"))
    remat = recipe.model["decoder"].get("remat", Remat.NONE.value)
    return f"{sizes} --config.data.batch_size={recipe.data.batch_size} --config.model.decoder.remat={remat}"


def candidates(recipe: Recipe, chips: int, fast: int) -> Iterator[Recipe]:
    """The recipes that are tried.

    Args:
        recipe: whose mesh, batch size and remat are replaced.
        chips: that the mesh has.
        fast: of them that the fast links connect; 'fsdp' and 'tensor' stay within these.
    """
    sizes = [
        (chips // (fsdp * tensor), fsdp, tensor)
        for tensor in TENSOR
        for fsdp in divisors(fast // tensor if fast % tensor == 0 else 0)
        if chips % (fsdp * tensor) == 0
    ]
    for (data, fsdp, tensor), rows, remat in itertools.product(sizes, ROWS, Remat):
        mesh = dataclasses.replace(recipe.mesh, data=data, fsdp=fsdp, tensor=tensor)
        batch = dataclasses.replace(recipe.data, batch_size=rows * data * fsdp)
        model = {**recipe.model, "decoder": {**recipe.model["decoder"], "remat": remat.value}}
        yield dataclasses.replace(recipe, mesh=mesh, data=batch, model=model)


def divisors(number: int) -> list[int]:
    """In rising order."""
    return [divisor for divisor in range(1, number + 1) if number % divisor == 0]


def _estimates(planner: Planner, recipe: Recipe) -> Iterator[Plan]:
    refusal: Any = None
    count = 0
    for tried in candidates(recipe, planner.topology.chips, planner.topology.fast):
        try:
            plan = planner.plan(tried, estimate=True)
        except UserError as error:  # an axis that does not divide the model
            refusal = error
            continue
        count += 1
        yield plan
    if not count:
        raise refusal or UserError("--search: there is no mesh to try on this topology")


def _speed(plan: Plan) -> tuple[float, ...]:
    """Seconds a sample at the bound; of equals, where nothing overlaps; then the plainer policy, and less memory."""
    size, remat = plan.recipe.data.batch_size, plan.recipe.model["decoder"].get("remat", Remat.NONE)
    least, most = (plan.bound.step, plan.bound.in_turn) if plan.bound else (plan.hardware_flops, 0)
    return round(least / size, 9), round(most / size, 9), list(Remat).index(Remat(remat)), plan.memory.total
