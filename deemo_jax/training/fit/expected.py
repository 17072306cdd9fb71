"""The collectives that a mesh must bring with it, by the rules of sharding: for topologies that are not compiled for.

Parameters that 'fsdp' splits are gathered where they are used: once where nothing passes back through them, else twice.
Gradients are summed over the shares of the batch. Both happen for each part of an accumulated batch. Behind each pair
of products that 'tensor' splits, the activations are summed over it, and so are gradients on their way back.
"""

import math
from collections.abc import Collection, Iterable
from typing import Any

import jax
import jax.numpy as jnp

from deemo_jax.training.fit.program.collectives import Collective, sent_bytes
from deemo_jax.training.fit.program.flops import part_of, pass_of
from deemo_jax.training.fit.program.products import Product
from deemo_jax.training.fit.step_shapes import StepShapes


def expected(step: StepShapes, share: Iterable[Product]) -> list[Collective]:
    """The collectives of a step.

    Args:
        step: shapes and shardings.
        share: products of one share of the batch.
    """
    share = list(share)
    passed_back = {part_of(one.name) for one in share if pass_of(one.name) == "backward"}
    width, runs = jnp.dtype(step.model.config.dtype.value).itemsize, step.recipe.optimizer.accumulate
    found: list[Collective] = []
    for learns, tree in ((False, step.frozen), (True, step.state.trainable)):
        for path, leaf in jax.tree_util.tree_leaves_with_path(tree):
            name = "/" + "/".join(str(key.key) for key in path)
            part = math.prod(leaf.sharding.shard_shape(leaf.shape))
            fsdp = _split_by(leaf, "fsdp")
            if fsdp > 1:
                times = runs * (2 if part_of(name) in passed_back else 1)
                held = part * min(width, leaf.dtype.itemsize)
                found.append(_one("all-gather", ("fsdp",), fsdp, held, times, name))
            if learns:
                found += _gradients(step, name, part * 4, fsdp)
    return [*found, *_summed_activations(step, share, passed_back)]


def _gradients(step: StepShapes, name: str, held: int, fsdp: int) -> list[Collective]:
    data, whole, runs = step.mesh.shape["data"], step.mesh.shape["fsdp"], step.recipe.optimizer.accumulate
    if fsdp > 1:
        scattered = [_one("reduce-scatter", ("fsdp",), fsdp, held * fsdp, runs, name)]
        return scattered + ([_one("all-reduce", ("data",), data, held, runs, name)] if data > 1 else [])
    axes = tuple(axis for axis, size in (("data", data), ("fsdp", whole)) if size > 1)
    return [_one("all-reduce", axes, data * whole, held, runs, name)] if axes else []


def _summed_activations(step: StepShapes, share: Iterable[Product], passed_back: Collection[str]) -> list[Collective]:
    size, found = step.mesh.shape["tensor"], []
    for one in share if size > 1 else ():
        part = part_of(one.name)
        heads = part in ("decoder", "video/encoder")  # of the other towers 'tensor' splits the MLPs only
        if pass_of(one.name) == "backward" or not one.name.endswith(("/out", "/down") if heads else "/down"):
            continue
        # On the way back the gradient of a block's input is summed where the result was on the way there.
        forward = pass_of(one.name) == "forward"
        passes = 2 if forward and part in passed_back else 1
        found.append(_one("all-reduce", ("tensor",), size, one.made, one.times * passes, one.name))
    return found


def _one(kind: str, axes: tuple[str, ...], group: int, held: int, times: int, name: str) -> Collective:
    return Collective(kind, axes, group, "", sent_bytes(kind, held, group), times, 0, name, True)


def _split_by(leaf: Any, axis: str) -> int:
    """In how many parts a mesh axis splits an array."""
    used = {name for names in leaf.sharding.spec if names for name in (names if isinstance(names, tuple) else (names,))}
    return int(leaf.sharding.mesh.shape[axis]) if axis in used else 1
