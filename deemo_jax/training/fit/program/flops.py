"""FLOPs of a step by part of the model, frozen-aware, counted in the program that JAX differentiates.

It knows what is frozen: of N parameters that D tokens pass, a frozen encoder costs 2ND (forward), a frozen decoder 4ND
(forward, and the gradient of its inputs), what is trained 6ND, less where nothing before it learns. Attention's own
products come on top, as its backend computes them: masks save none. The loss counts as if each position were a target.
"""

import dataclasses
import re
from collections.abc import Iterable

from deemo_jax.training.fit.program.products import Product

# How JAX names what the backward pass does, and what it computes a second time.
BACKWARD = "transpose("
AGAIN = "rematted_computation"
# What Flax writes into names where a module calls a method of its own: 'video.encode'.
METHODS = re.compile(r"/\w+\.\w+(?=/)")
PARTS = re.compile(r"/(audio|video)/(encoder|projector|connector)(?:/([a-z]+_qformer|qformer))?")


@dataclasses.dataclass(frozen=True)
class PartFlops:
    """FLOPs of a part of the model in one step, over all chips.

    Attributes:
        part: 'video/encoder', 'decoder', 'loss', ...
        forward: of the forward pass.
        backward: of the gradients.
        again: of what the backward pass computes a second time instead of keeping it (remat).
    """

    part: str
    forward: int = 0
    backward: int = 0
    again: int = 0

    @property
    def model(self) -> int:
        """What the model needs, which MFU counts."""
        return self.forward + self.backward

    @property
    def hardware(self) -> int:
        """What the chips do."""
        return self.forward + self.backward + self.again


def by_part(found: Iterable[Product], shares: int = 1) -> list[PartFlops]:
    """FLOPs by part, the largest first.

    Args:
        found: the products of a step.
        shares: how often that step runs side by side, on rows of its own.
    """
    sums: dict[str, dict[str, int]] = {}
    for one in found:
        row = sums.setdefault(part_of(one.name), {"forward": 0, "backward": 0, "again": 0})
        row[pass_of(one.name)] += shares * one.flops * one.times
    return sorted((PartFlops(part, **row) for part, row in sums.items()), key=lambda one: -one.hardware)


def part_of(name: str) -> str:
    """The part of the model in which a product of this name stands."""
    name = METHODS.sub("", name)
    if found := PARTS.search(name):
        return "/".join(filter(None, found.groups()))
    return "decoder" if "/decoder" in name else "loss"


def pass_of(name: str) -> str:
    """'forward', 'backward' or 'again'."""
    return "again" if AGAIN in name else "backward" if BACKWARD in name else "forward"
