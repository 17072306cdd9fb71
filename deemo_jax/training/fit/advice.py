"""What to change where a recipe does not fit: the flags that bring it below a chip's memory, tried one by one."""

import dataclasses
from collections.abc import Callable, Sequence

from deemo_jax.core.errors import UserError
from deemo_jax.core.recipe import MeshRecipe, Recipe
from deemo_jax.models.parts.layers import Remat
from deemo_jax.training.fit.plan import Plan, Planner


@dataclasses.dataclass(frozen=True)
class Change:
    """Of a recipe.

    Attributes:
        flags: that make it.
        apply: to a recipe.
    """

    flags: str
    apply: Callable[[Recipe], Recipe]


def advice(planner: Planner, plan: Plan) -> list[str]:
    """Lines: of each kind of change the mildest after which it is estimated to fit, if need be all of them together;
    else what takes the most memory.

    Args:
        planner: of the topology.
        plan: that does not fit.
    """
    kinds = changes(plan)
    lines = [line for kind in kinds for line in _first_that_fits(planner, plan, kind)]
    strongest = [kind[-1] for kind in kinds]
    return lines or _first_that_fits(planner, plan, [_together(strongest)]) or [_hopeless(plan)]


def changes(plan: Plan) -> list[list[Change]]:
    """Of each kind of change that the plan leaves open, all there are, the mildest first."""
    recipe, tensor = plan.recipe, plan.mesh["tensor"]
    kinds = []
    fsdp = plan.topology.fast // tensor
    if plan.mesh["fsdp"] < fsdp:
        data = plan.topology.chips // (fsdp * tensor)
        kinds.append([_mesh(dataclasses.replace(recipe.mesh, data=data, fsdp=fsdp))])
    remat = Remat(recipe.model["decoder"].get("remat", Remat.NONE))
    if remat in (Remat.NONE, Remat.DOTS):
        kinds.append([_remat(Remat.BLOCK)])
    frozen = {"float32": ["bfloat16", "int8"], "bfloat16": ["int8"]}.get(recipe.frozen_dtype)
    if frozen:
        kinds.append([_frozen_dtype(dtype) for dtype in frozen])
    parts = [2**power for power in range(1, plan.rows.bit_length()) if plan.rows % 2**power == 0]
    if parts and recipe.optimizer.accumulate == 1:
        kinds.append([_accumulate(count) for count in parts])
    return kinds


def _first_that_fits(planner: Planner, plan: Plan, kind: Sequence[Change]) -> list[str]:
    for change in kind:
        try:
            changed = planner.plan(change.apply(plan.recipe), estimate=True)
        except UserError:  # a batch or a model that does not go with it
            continue
        if changed.fits:
            return [f"{change.flags} (estimated at {changed.memory.total / 2**30:.2f} GiB a chip)"]
    return []


def _together(changed: Sequence[Change]) -> Change:
    def apply(recipe: Recipe) -> Recipe:
        for change in changed:
            recipe = change.apply(recipe)
        return recipe

    return Change(" ".join(change.flags for change in changed), apply)


def _mesh(mesh: MeshRecipe) -> Change:
    flags = f"--config.mesh.data={mesh.data} --config.mesh.fsdp={mesh.fsdp}"
    return Change(flags, lambda recipe: dataclasses.replace(recipe, mesh=mesh))


def _remat(remat: Remat) -> Change:
    def apply(recipe: Recipe) -> Recipe:
        decoder = {**recipe.model["decoder"], "remat": remat.value}
        return dataclasses.replace(recipe, model={**recipe.model, "decoder": decoder})

    return Change(f"--config.model.decoder.remat={remat}", apply)


def _frozen_dtype(dtype: str) -> Change:
    return Change(f"--config.frozen_dtype={dtype}", lambda recipe: dataclasses.replace(recipe, frozen_dtype=dtype))


def _accumulate(parts: int) -> Change:
    def apply(recipe: Recipe) -> Recipe:
        return dataclasses.replace(recipe, optimizer=dataclasses.replace(recipe.optimizer, accumulate=parts))

    return Change(f"--config.optimizer.accumulate={parts}", apply)


def _hopeless(plan: Plan) -> str:
    kinds = dataclasses.asdict(plan.memory)
    largest = max(kinds, key=lambda kind: kinds[kind])
    return (
        f"no change of mesh, remat, frozen_dtype and accumulate is enough: {largest} takes "
        f"{kinds[largest] / 2**30:.2f} GiB of the {plan.topology.memory / 2**30:.2f} GiB of a chip; take a smaller "
        "batch, more chips, or chips with more memory"
    )
