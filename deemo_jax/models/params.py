"""The two halves of a model's parameters: those that learn, chosen by the patterns of a recipe, and the frozen ones."""

import hashlib
import re
from collections.abc import Collection, Mapping, Sequence
from typing import Any

import jax
import numpy as np

from deemo_jax.core.errors import UserError
from deemo_jax.core.trainable_sets import TRAINABLE_SETS
from deemo_jax.models.weights import flatten, unflatten

Tree = dict[str, Any]


def is_trainable(path: str, patterns: Sequence[str]) -> bool:
    """Whether a parameter learns.

    Args:
        path: of the parameter, e.g. 'video/connector/qformer/queries'.
        patterns: regular expressions for whole paths; the first that matches decides. One with a leading '!' freezes
            what it matches; a path that none matches is frozen.

    Raises:
        UserError: a pattern is no regular expression.
    """
    for pattern in patterns:
        if _matches(pattern, path):
            return not pattern.startswith("!")
    return False


def _matches(pattern: str, path: str) -> bool:
    try:
        return re.fullmatch(pattern.removeprefix("!"), path) is not None
    except re.error as error:
        raise UserError(f"config.trainable: {pattern!r} is no regular expression ({error})") from error


def trainable_paths(paths: Collection[str], patterns: Sequence[str]) -> frozenset[str]:
    """The paths that learn.

    Raises:
        UserError: a pattern is no regular expression or matches nothing, or nothing is left to learn.
    """
    for pattern in patterns:
        if not any(_matches(pattern, path) for path in paths):
            if "lora_" in pattern:
                raise UserError(
                    f"config.trainable: {pattern!r} matches no parameter, as the decoder has no LoRA; set "
                    "config.model.decoder.lora, as the recipe's argument trainable=lora does"
                )
            heads = ", ".join(sorted({"/".join(path.split("/")[:2]) for path in paths}))
            raise UserError(
                f"config.trainable: {pattern!r} matches no parameter; they begin with {heads}; sets of them are "
                f"{', '.join(TRAINABLE_SETS)}"
            )
    chosen = frozenset(path for path in paths if is_trainable(path, patterns))
    if not chosen:
        raise UserError("config.trainable: nothing is left to learn; name parameters such as 'video/projector/.*'")
    return chosen


def split(params: Mapping[str, Any], chosen: Collection[str]) -> tuple[Tree, Tree]:
    """(trainable, frozen): the parameters whose path is in `chosen`, and the others."""
    flat = flatten(params)
    trainable = {path: leaf for path, leaf in flat.items() if path in chosen}
    return unflatten(trainable), unflatten({path: leaf for path, leaf in flat.items() if path not in chosen})


def merge(trainable: Mapping[str, Any], frozen: Mapping[str, Any]) -> Tree:
    """The inverse of `split`: all parameters, as the model's `apply` takes them."""
    return unflatten({**flatten(frozen), **flatten(trainable)})


def content_hash(tree: Mapping[str, Any]) -> str:
    """SHA-256 of paths, dtypes, shapes and values; one parameter at a time is copied to the host."""
    digest = hashlib.sha256()
    for path, leaf in sorted(flatten(tree).items()):
        array = np.ascontiguousarray(_on_host(leaf))
        digest.update(f"{path} {array.dtype} {array.shape}\n".encode())
        digest.update(array.view(np.uint8).data if array.size and array.ndim else array.tobytes())
    return digest.hexdigest()


def _on_host(leaf: Any) -> np.ndarray:
    if isinstance(leaf, jax.Array) and not leaf.is_fully_addressable:
        from jax.experimental import multihost_utils

        return np.asarray(multihost_utils.process_allgather(leaf, tiled=True))
    return np.asarray(leaf)
