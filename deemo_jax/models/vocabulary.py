"""Rows of the vocabulary as files have them: without the zeros that let devices share them evenly.

`deemo_jax.models.parts.llama.Storage` says how many rows there are in memory.
"""

from typing import Any

import jax
import jax.numpy as jnp
from jax.sharding import NamedSharding
from jax.sharding import PartitionSpec as P

# The decoder's parameters with rows for tokens, and the axis of these.
ROWS = {"embedding": 0, "head": 1}


def cut_rows(tree: Any, vocab: int) -> Any:
    """The tree without padding: what a checkpoint holds, and what hashes are taken of.

    Args:
        tree: parameters, or a state that holds trees of them, as arrays on a mesh or `jax.ShapeDtypeStruct`s with
            shardings.
        vocab: the true rows.
    """

    def one(path: Any, leaf: Any) -> Any:
        axis = _axis(path)
        if axis is None or leaf.shape[axis] == vocab:
            return leaf
        place = _whole_rows(leaf.sharding, axis)
        shape = (*leaf.shape[:axis], vocab, *leaf.shape[axis + 1 :])
        if isinstance(leaf, jax.ShapeDtypeStruct):
            return jax.ShapeDtypeStruct(shape, leaf.dtype, sharding=place)
        return jax.jit(lambda x: jax.lax.slice(x, (0, 0), shape), out_shardings=place)(leaf)

    return jax.tree_util.tree_map_with_path(one, tree)


def pad_rows(tree: Any, like: Any) -> Any:
    """The inverse of `cut_rows`.

    Args:
        tree: arrays without padding.
        like: the same tree, with the shapes and shardings in memory.
    """

    def one(leaf: Any, whole: Any) -> Any:
        if leaf.shape == whole.shape:
            return leaf
        behind = [(0, b - a) for a, b in zip(leaf.shape, whole.shape, strict=True)]
        return jax.jit(lambda x: jnp.pad(x, behind), out_shardings=whole.sharding)(leaf)

    return jax.tree.map(one, tree, like)


def _axis(path: Any) -> int | None:
    """The axis of the rows of the parameter at this path, or of a moment of it; None where it has none."""
    names = [getattr(key, "key", "") for key in path[-2:]]
    return ROWS.get(names[1]) if len(names) == 2 and names[0] == "decoder" else None


def _whole_rows(place: NamedSharding, axis: int) -> NamedSharding:
    """The same place, with all rows on every device: their true number need not divide."""
    spec = list(place.spec)
    spec[axis : axis + 1] = [None] if axis < len(spec) else []
    return NamedSharding(place.mesh, P(*spec))
