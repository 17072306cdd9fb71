"""One recipe on one mesh of one topology: memory, collectives, FLOPs, and the bounds of its step."""

import dataclasses
from collections.abc import Mapping
from typing import Any

from deemo_jax.core.recipe import MeshRecipe, Recipe
from deemo_jax.models import mesh as mesh_lib
from deemo_jax.models.from_recipe import check_shapes
from deemo_jax.training.fit.compile_step import compile_step
from deemo_jax.training.fit.expected import expected
from deemo_jax.training.fit.memory import Memory, estimated
from deemo_jax.training.fit.program.alive import peak_bytes
from deemo_jax.training.fit.program.collectives import Collective
from deemo_jax.training.fit.program.flops import PartFlops, by_part
from deemo_jax.training.fit.program.products import Product, products
from deemo_jax.training.fit.roofline import Roofline, roofline
from deemo_jax.training.fit.step_shapes import StepShapes, step_shapes
from deemo_jax.training.fit.topology import Topology


@dataclasses.dataclass(frozen=True)
class Plan:
    """What is known of a recipe on a topology.

    Attributes:
        recipe: with the sizes of the mesh written out.
        topology: the chips.
        mesh: axis -> size.
        memory: of a chip.
        fits: whether that is no more than a chip has.
        sent: the collectives of a step.
        parts: FLOPs by part of the model.
        bound: the least time of a step; None where the chip's figures are not known.
        seconds: that compiling took; None where memory and collectives are estimates.
    """

    recipe: Recipe
    topology: Topology
    mesh: Mapping[str, int]
    memory: Memory
    fits: bool
    sent: tuple[Collective, ...]
    parts: tuple[PartFlops, ...]
    bound: Roofline | None
    seconds: float | None

    @property
    def model_flops(self) -> int:
        """Of a step over all chips, without what is computed a second time."""
        return sum(part.model for part in self.parts)

    @property
    def hardware_flops(self) -> int:
        """The same with it."""
        return sum(part.hardware for part in self.parts)

    @property
    def rows(self) -> int:
        """Rows of the batch in each of its shares."""
        return self.recipe.data.batch_size // (self.mesh["data"] * self.mesh["fsdp"])


@dataclasses.dataclass(frozen=True)
class Share:
    """One share of the batch, as the traced step computes it.

    Attributes:
        products: matrix products and convolutions.
        alive: bytes of the values that are alive at once.
    """

    products: tuple[Product, ...]
    alive: int


class Planner:
    """Makes plans on one topology. Tracing takes seconds at full width, so what plans share is traced once.

    Attributes:
        topology: the chips.
        compiles: whether steps are compiled for them; else memory and collectives are estimated.
    """

    def __init__(self, topology: Topology, *, compiles: bool):
        """
        Args:
            topology: the chips.
            compiles: whether steps are to be compiled, where the topology can be compiled for here.

        Raises:
            UserError: there is no compiler for it.
        """
        self.topology = topology
        self.compiles = compiles and topology.compiles
        self._devices = topology.devices() if self.compiles else None
        self._shares: dict[str, Share] = {}
        self._steps: dict[str, StepShapes] = {}

    def plan(self, recipe: Recipe, *, estimate: bool = False) -> Plan:
        """The plan of a recipe.

        Args:
            recipe: model, mesh and batch; its data and weights need not be there.
            estimate: whether it is not compiled although it could be.

        Raises:
            UserError: the recipe, the mesh and the topology do not go together.
        """
        topology = self.topology
        sizes = mesh_lib.mesh_sizes(recipe.mesh, topology.chips)
        known = dict(zip(mesh_lib.AXES, sizes, strict=True))
        recipe = dataclasses.replace(recipe, mesh=dataclasses.replace(recipe.mesh, **known))
        compiles = self.compiles and not estimate
        step = step_shapes(recipe, mesh_lib.make_mesh(recipe.mesh, self._devices)) if compiles else self._step(recipe)
        share = self._share(step)
        memory, sent, seconds = estimated(step, share.alive), tuple(expected(step, share.products)), None
        fits = memory.total <= topology.memory
        if compiles:
            made = compile_step(step)
            memory, sent, seconds = made.memory or memory, made.sent or sent, made.seconds
            fits = made.fits and memory.total <= topology.memory
        parts, chip, bound = tuple(by_part(share.products, step.shares)), topology.chip, None
        if chip:
            bound = roofline(topology, chip, known, share.products, sent, sum(part.model for part in parts))
        return Plan(recipe, topology, known, memory, fits, sent, parts, bound, seconds)

    def _step(self, recipe: Recipe) -> StepShapes:
        """Shapes on a mesh without devices."""
        data = dataclasses.replace(recipe.data, batch_size=0)
        model = {**recipe.model, "decoder": {**recipe.model["decoder"], "remat": ""}}
        key = str(dataclasses.replace(recipe, data=data, model=model))
        if key not in self._steps:
            mesh: Any = mesh_lib.abstract_mesh(recipe.mesh, self.topology.networks)
            self._steps[key] = step_shapes(recipe, mesh)
        return self._steps[key].changed(recipe)

    def _share(self, step: StepShapes) -> Share:
        recipe, rows = step.recipe, step.recipe.data.batch_size // step.shares
        data = dataclasses.replace(recipe.data, batch_size=rows)
        key = f"{step.model} {dataclasses.replace(recipe, data=data, mesh=MeshRecipe())}"
        if key not in self._shares:
            if not self._shares:  # later recipes differ in mesh, batch and remat only
                check_shapes(step.model, recipe)
            traced = step.trace_share()
            self._shares[key] = Share(tuple(products(traced)), peak_bytes(traced.jaxpr, returned=False))
        return self._shares[key]
