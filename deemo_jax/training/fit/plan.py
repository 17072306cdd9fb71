"""One recipe on one mesh of one topology: memory, collectives, FLOPs, and the bounds of its step."""

import dataclasses
from collections.abc import Mapping
from typing import Any

from deemo_jax.core.recipe import MeshRecipe, Recipe
from deemo_jax.models import mesh as mesh_lib
from deemo_jax.training.fit.alive import peak_bytes
from deemo_jax.training.fit.collectives import Collective
from deemo_jax.training.fit.compile_step import compile_step
from deemo_jax.training.fit.expected import expected
from deemo_jax.training.fit.flops import PartFlops, by_part
from deemo_jax.training.fit.memory import Memory, estimated
from deemo_jax.training.fit.products import Product, products
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
    """Makes plans on one topology. Tracing takes seconds at full width, so each share is traced once."""

    def __init__(self, topology: Topology):
        """For these chips."""
        self.topology = topology
        self._shares: dict[str, Share] = {}

    def plan(self, recipe: Recipe, *, compiles: bool) -> Plan:
        """The plan of a recipe.

        Args:
            recipe: model, mesh and batch; its data and weights need not be there.
            compiles: whether the step is compiled; else, and where a topology cannot be compiled for here, memory and
                collectives are estimated.

        Raises:
            UserError: the recipe, the mesh and the topology do not go together, or there is no compiler.
        """
        topology = self.topology
        compiles = compiles and topology.compiles
        sizes = mesh_lib.mesh_sizes(recipe.mesh, topology.chips)
        known = dict(zip(mesh_lib.AXES, sizes, strict=True))
        recipe = dataclasses.replace(recipe, mesh=dataclasses.replace(recipe.mesh, **known))
        mesh: Any = mesh_lib.abstract_mesh(recipe.mesh, topology.chips)
        if compiles:
            mesh = mesh_lib.make_mesh(recipe.mesh, topology.devices())
        step = step_shapes(recipe, mesh)
        share = self._share(step)
        memory, sent, seconds = estimated(step, share.alive), tuple(expected(step, share.products)), None
        fits = memory.total <= topology.memory
        if compiles:
            made = compile_step(step)
            memory, sent, seconds = made.memory or memory, made.sent or sent, made.seconds
            fits = made.fits and memory.total <= topology.memory
        return self._joined(recipe, known, memory, fits, sent, share, step.shares, seconds)

    def _joined(
        self,
        recipe: Recipe,
        mesh: Mapping[str, int],
        memory: Memory,
        fits: bool,
        sent: tuple[Collective, ...],
        share: Share,
        shares: int,
        seconds: float | None,
    ) -> Plan:
        parts, chip, bound = tuple(by_part(share.products, shares)), self.topology.chip, None
        if chip:
            flops = sum(part.model for part in parts)
            bound = roofline(self.topology, chip, mesh, share.products, sent, flops)
        return Plan(recipe, self.topology, mesh, memory, fits, sent, parts, bound, seconds)

    def _share(self, step: StepShapes) -> Share:
        recipe, rows = step.recipe, step.recipe.data.batch_size // step.shares
        data = dataclasses.replace(recipe.data, batch_size=rows)
        key = f"{step.model} {dataclasses.replace(recipe, data=data, mesh=MeshRecipe())}"
        if key not in self._shares:
            traced = step.trace_share()
            self._shares[key] = Share(tuple(products(traced)), peak_bytes(traced.jaxpr, returned=False))
        return self._shares[key]
