"""Bytes on a chip by kind: of arguments from their shardings, of the rest from the compiler, or estimated."""

import dataclasses
import math
from typing import Any

import jax

from deemo_jax.training.fit.program.products import bytes_of
from deemo_jax.training.fit.step_shapes import StepShapes


@dataclasses.dataclass(frozen=True)
class Memory:
    """Bytes on one chip while a step runs.

    Attributes:
        frozen: parameters that do not learn.
        trainable: parameters that learn, float32.
        optimizer: Adam's moments, and the few scalars of the state.
        batch: the chip's rows.
        padding: what the compiler adds to the above to lay them out in tiles.
        working: activations, gradients, gathered layers, and the program itself.
    """

    frozen: int
    trainable: int
    optimizer: int
    batch: int
    padding: int
    working: int

    @property
    def total(self) -> int:
        """All of it."""
        return sum(dataclasses.astuple(self))


def arguments(step: StepShapes) -> Memory:
    """What the step's arguments take, without working memory."""
    everything = held(step.state)
    trainable = held(step.state.trainable)
    return Memory(held(step.frozen), trainable, everything - trainable, held(step.batch), 0, 0)


def held(tree: Any) -> int:
    """Bytes on a chip of arrays, or `jax.ShapeDtypeStruct`s, with shardings."""
    return sum(math.prod(leaf.sharding.shard_shape(leaf.shape)) * leaf.dtype.itemsize for leaf in jax.tree.leaves(tree))


def compiled(step: StepShapes, analysis: Any) -> Memory:
    """What the compiler planned.

    Args:
        step: that was compiled.
        analysis: `memory_analysis()` of the compiled step. Outputs that lie where the state lay take nothing more.
    """
    known = arguments(step)
    new = analysis.output_size_in_bytes - analysis.alias_size_in_bytes
    working = analysis.temp_size_in_bytes + analysis.generated_code_size_in_bytes + max(new, 0)
    padding = max(analysis.argument_size_in_bytes - known.total, 0)
    return dataclasses.replace(known, padding=padding, working=working)


def estimated(step: StepShapes, alive: int) -> Memory:
    """The same without a compiler.

    Working memory is what is alive at once in one share of the batch, and of the parameters of which a chip holds a
    part only, the largest layer, whole.

    Args:
        step: shapes and shardings.
        alive: bytes; `deemo_jax.training.fit.program.alive.peak_bytes` of `step.trace_share()`.
    """
    return dataclasses.replace(arguments(step), working=alive + _largest_layer(step))


def _largest_layer(step: StepShapes) -> int:
    """Bytes of the largest layer's gathered parameters, twice: the next layer is gathered while one is used."""
    layers: dict[str, int] = {}
    for path, leaf in jax.tree_util.tree_leaves_with_path((step.frozen, step.state.trainable)):
        keys = [str(getattr(key, "key", "")) for key in path]
        if math.prod(leaf.sharding.shard_shape(leaf.shape)) == math.prod(leaf.shape):
            continue
        stacked = "blocks" in keys or "groups" in keys
        size = bytes_of(leaf) // (leaf.shape[0] if stacked else 1) // step.mesh.shape["tensor"]
        name = "/".join(keys[:3] if stacked else keys)
        layers[name] = layers.get(name, 0) + size
    return 2 * max(layers.values(), default=0)
