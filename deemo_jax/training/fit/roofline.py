"""The least time of a step: what its products, its memory and its links allow, when all of them overlap perfectly."""

import dataclasses
from collections.abc import Iterable, Mapping

from deemo_jax.training.fit.chips import Chip
from deemo_jax.training.fit.program.collectives import Collective
from deemo_jax.training.fit.program.products import Product
from deemo_jax.training.fit.topology import Topology


@dataclasses.dataclass(frozen=True)
class Roofline:
    """Seconds of a step, each a bound from below.

    Attributes:
        arithmetic: all products at the chip's peak.
        products: each product at the peak or at the memory's rate, whichever is slower; operands and result move once.
        links: what chips send over their fast links.
        network: what they send beyond them.
        mfu: model FLOPs at this bound, as a share of the peak: the most that can be reached.
    """

    arithmetic: float
    products: float
    links: float
    network: float
    mfu: float

    @property
    def step(self) -> float:
        """Seconds of a step at least."""
        return max(self.products, self.links, self.network)

    @property
    def in_turn(self) -> float:
        """Seconds of a step where nothing overlaps."""
        return self.products + self.links + self.network

    @property
    def bound_by(self) -> str:
        """What takes that long."""
        slowest = max(("links", self.links), ("network", self.network), ("products", self.products), key=lambda x: x[1])
        if slowest[0] != "products":
            return slowest[0]
        return "arithmetic" if self.arithmetic > 0.9 * self.products else "memory"

    def json(self) -> dict[str, float | str]:
        """All of it, for a program."""
        return {**dataclasses.asdict(self), "step": self.step, "bound_by": self.bound_by}


def roofline(
    topology: Topology,
    chip: Chip,
    mesh: Mapping[str, int],
    share: Iterable[Product],
    sent: Iterable[Collective],
    model_flops: int,
) -> Roofline:
    """The bounds of a step.

    Args:
        topology: how the chips are connected.
        chip: each of them.
        mesh: axis -> size, in the mesh's order.
        share: products of one share of the batch; the chips of 'tensor' divide them evenly.
        sent: the collectives.
        model_flops: of the step over all chips, without what is computed a second time.
    """
    split, share = mesh["tensor"], list(share)
    arithmetic = sum(one.times * one.flops for one in share) / chip.flops / split
    products = sum(one.times * max(one.flops / chip.flops, one.moved / chip.memory_rate) for one in share) / split
    links = network = 0.0
    for one in sent:
        inside = neighbours(one.axes, mesh, topology.fast)
        if inside > 1:
            links += one.per_step / chip.link_rate
        if inside < one.group:
            # The chips of a host share what comes from other hosts.
            network += one.per_step / inside / chip.network_rate
    bound = Roofline(arithmetic, products, links, network, 0.0)
    return dataclasses.replace(bound, mfu=model_flops / (bound.step * chip.flops * topology.chips))


def neighbours(axes: Iterable[str], mesh: Mapping[str, int], fast: int) -> int:
    """How many of the chips along these axes the fast links connect; the last axis of the mesh is the innermost."""
    count, stride = 1, 1
    for axis, size in reversed(list(mesh.items())):
        if axis in axes:
            count *= max(min(size, fast // stride), 1)
        stride *= size
    return count
