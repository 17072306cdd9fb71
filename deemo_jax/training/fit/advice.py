"""What to change where a recipe does not fit: the flags that bring it below a chip's memory, tried one by one."""

import dataclasses
from collections.abc import Iterator

from deemo_jax.core.errors import UserError
from deemo_jax.core.recipe import Recipe
from deemo_jax.models.parts.layers import Remat
from deemo_jax.training.fit.memory import Memory
from deemo_jax.training.fit.plan import Plan, Planner


def advice(planner: Planner, plan: Plan) -> list[str]:
    """A line for each change after which it is estimated to fit; else what takes the most, and how many chips would do.

    Args:
        planner: of the topology.
        plan: that does not fit.
    """
    lines = []
    for flags, recipe in changes(plan):
        try:
            changed = planner.plan(recipe, estimate=True)
        except UserError:
            continue
        if changed.fits:
            lines.append(f"{flags} (estimated at {changed.memory.total / 2**30:.2f} GiB a chip)")
    return lines or [_hopeless(plan)]


def changes(plan: Plan) -> Iterator[tuple[str, Recipe]]:
    """(flags, the recipe with them), the least intrusive first."""
    recipe, chips = plan.recipe, plan.topology.chips
    fast = min(plan.topology.fast, chips)
    if plan.mesh["fsdp"] * plan.mesh["tensor"] < fast:
        size = fast // plan.mesh["tensor"]
        mesh = dataclasses.replace(recipe.mesh, data=chips // (size * plan.mesh["tensor"]), fsdp=size)
        yield f"--config.mesh.data={mesh.data} --config.mesh.fsdp={size}", dataclasses.replace(recipe, mesh=mesh)
    decoder = recipe.model["decoder"]
    if decoder.get("remat", Remat.NONE) != Remat.BLOCK:
        model = {**recipe.model, "decoder": {**decoder, "remat": Remat.BLOCK.value}}
        yield "--config.model.decoder.remat=block", dataclasses.replace(recipe, model=model)
    rows = plan.rows
    while rows > 1:
        rows //= 2
        size = rows * plan.mesh["data"] * plan.mesh["fsdp"]
        data = dataclasses.replace(recipe.data, batch_size=size)
        yield f"--config.data.batch_size={size}", dataclasses.replace(recipe, data=data)
    if recipe.frozen_dtype == "float32":
        yield "--config.frozen_dtype=bfloat16", dataclasses.replace(recipe, frozen_dtype="bfloat16")


def _hopeless(plan: Plan) -> str:
    kinds = {field.name: getattr(plan.memory, field.name) for field in dataclasses.fields(Memory)}
    largest = max(kinds, key=lambda kind: kinds[kind])
    return (
        f"no change of mesh, batch or remat is enough: {largest} takes {kinds[largest] / 2**30:.2f} GiB of the "
        f"{plan.topology.memory / 2**30:.2f} GiB of a chip; take more chips, or chips with more memory"
    )
