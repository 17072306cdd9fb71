"""Parameter trees as safetensors files, whose keys are paths such as 'video/encoder/patch/kernel'."""

import os
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import flax.traverse_util
import ml_dtypes
import numpy as np
import safetensors
import safetensors.numpy
from absl import logging

from deemo_jax.core.errors import UserError
from deemo_jax.core.files import atomic
from deemo_jax.models.float_range import greatest_magnitude, is_float, too_narrow

# The files in the folder of a converted checkpoint.
WEIGHTS = "weights.safetensors"
CONVERSION = "checkpoint.json"
# Larger than float32 files of the largest supported models; a larger file is taken for a mistake.
MAX_FILE_BYTES = 64 << 30
# Names of dtypes in the format.
DTYPES = {
    "F64": "float64",
    "F32": "float32",
    "F16": "float16",
    "BF16": ml_dtypes.bfloat16,
    "I32": "int32",
    "I64": "int64",
}
# More tensors, or longer paths, than any model has.
MAX_TENSORS = 100_000
MAX_DEPTH = 16
# Paths of connectors and projectors: they are trained here, so a file of pre-trained towers may lack them.
TRAINED_PARTS = r"[^/]+/(connector|projector)/.*"
# Paths of LoRA's kernels, which begin as random ones where a file lacks them, and change nothing then.
LORA_PARTS = r"decoder/.*/lora_[ab]"
OPTIONAL_PARTS = f"{TRAINED_PARTS}|{LORA_PARTS}"


def save_tree(path: str | os.PathLike[str], tree: Mapping[str, Any], metadata: Mapping[str, str] | None = None) -> None:
    """Writes a nested dict of arrays, atomically.

    Args:
        path: of the file.
        tree: nested dicts with arrays as leaves; keys without '/'.
        metadata: strings that are kept beside the tensors.

    Raises:
        UserError: the file cannot be written.
    """
    flat = flatten(tree)
    # safetensors writes memory as it is, so a transposed view must be copied into order first.
    arrays = {key: np.ascontiguousarray(np.asarray(value)) for key, value in flat.items()}
    with atomic(path) as temporary:
        safetensors.numpy.save_file(arrays, temporary, dict(metadata or {}))


class Stored:
    """A tensor in a file; indexing it reads the part that is asked for.

    Args:
        name: of the tensor and its file, for messages.
        read: gives a part of it, as it lies in the file.
        shape: of the whole tensor.
        dtype: of what is read.

    Attributes:
        shape, dtype: as given.
    """

    def __init__(self, name: str, read: Callable[[Any], np.ndarray], shape: tuple[int, ...], dtype: np.dtype):
        self.shape, self.dtype = shape, dtype
        self._name, self._read = name, read

    def __getitem__(self, index: Any) -> np.ndarray:
        """A part of the tensor.

        Raises:
            UserError: floats in it are not finite, or would not be in `dtype`.
        """
        part = np.asarray(self._read(index))
        if is_float(part.dtype):
            self._check(greatest_magnitude(part))
        return part.astype(self.dtype, copy=False)

    def astype(self, dtype: Any) -> "Stored":
        """The same tensor, read as another dtype."""
        return Stored(self._name, self._read, self.shape, np.dtype(dtype))

    def _check(self, greatest: np.generic) -> None:
        if not np.isfinite(greatest):
            raise UserError(f"{self._name} has values that are not finite; it is damaged, get the file again")
        if too_narrow(greatest, [self.dtype]):
            raise UserError(
                f"{self._name} has the number {float(greatest):.4g}, which {self.dtype} cannot hold; it is damaged, or "
                "choose float32 (config.frozen_dtype)"
            )


def open_tensors(path: str | os.PathLike[str]) -> dict[str, Stored]:
    """The tensors of a file of `save_tree`, or of the weights in the folder of a converted checkpoint; nothing is read.

    Raises:
        UserError: missing, too large, no safetensors file, or keys that are no paths of a tree.
    """
    path = Path(path)
    if path.is_dir():
        path = path / WEIGHTS
    if not path.is_file():
        raise UserError(f"{path}: there is no such file; give the path of a .safetensors file or of a checkpoint")
    if path.stat().st_size > MAX_FILE_BYTES:
        raise UserError(f"{path}: larger than {MAX_FILE_BYTES >> 30} GiB, which no such file should be")
    try:
        handle = safetensors.safe_open(path, framework="numpy")
        keys = list(handle.keys())
        _check_keys(keys, path)
        return {key: _stored(handle, key, path) for key in keys}
    except (safetensors.SafetensorError, OSError, TypeError, AttributeError, KeyError) as error:
        raise UserError(f"{path}: not a readable safetensors file ({error}); is the download complete?") from error


def _stored(handle: Any, key: str, path: Path) -> Stored:
    part = handle.get_slice(key)
    shape = tuple(part.get_shape())
    # safetensors cannot slice a scalar, so that is read whole.
    read = part.__getitem__ if shape else (lambda index: handle.get_tensor(key)[index])
    return Stored(f"{path}: {key}", read, shape, np.dtype(DTYPES[part.get_dtype()]))


def load_tree(path: str | os.PathLike[str]) -> dict[str, Any]:
    """Reads all of `open_tensors` into nested dicts of NumPy arrays.

    Raises:
        UserError: see there.
    """
    flat = {key: stored[...] for key, stored in open_tensors(path).items()}
    return unflatten(flat)


def overlay(params: Mapping[str, Any], loaded: Mapping[str, Any], *, optional: str = OPTIONAL_PARTS) -> dict[str, Any]:
    """`params` with the values of `loaded` in place of its own, in the dtypes of `params`.

    Args:
        params: a tree of arrays, or of `jax.ShapeDtypeStruct`.
        loaded: a tree of arrays, or of `Stored` ones; each must be in `params` too, with the same shape.
        optional: regular expression; parameters whose whole path it matches may be missing from `loaded` and keep their
            values. The number of those is logged.

    Raises:
        UserError: parameters are missing, unknown or of another shape; it names all of them.
    """
    ours, theirs = flatten(params), flatten(loaded)
    missing = [key for key in ours if key not in theirs]
    required = [key for key in missing if not re.fullmatch(optional, key)]
    complaints = [f"{key} is missing" for key in required]
    complaints += [f"{key} is not a parameter of this model" for key in theirs if key not in ours]
    complaints += [
        f"{key} has shape {tuple(theirs[key].shape)} where the model needs {tuple(ours[key].shape)}"
        for key in ours
        if key in theirs and tuple(theirs[key].shape) != tuple(ours[key].shape)
    ]
    if complaints:
        raise UserError(
            f"the weights do not fit the model: {'; '.join(sorted(complaints))}; use the recipe they belong to"
        )
    if missing:
        logging.info("%d of %d parameters are not in the file and keep their initial values", len(missing), len(ours))
    merged = {key: theirs[key].astype(value.dtype) if key in theirs else value for key, value in ours.items()}
    return unflatten(merged)


def flatten(tree: Mapping[str, Any]) -> dict[str, Any]:
    """Nested dicts to {'a/b/c': leaf}."""
    return flax.traverse_util.flatten_dict(dict(tree), sep="/")


def unflatten(flat: Mapping[str, Any]) -> dict[str, Any]:
    """The inverse of `flatten`."""
    return flax.traverse_util.unflatten_dict(dict(flat), sep="/")


def _check_keys(keys: list[str], path: Path) -> None:
    """Whether keys are the paths of a tree.

    Raises:
        UserError: they are not.
    """
    if not keys or len(keys) > MAX_TENSORS:
        raise UserError(f"{path}: {len(keys)} tensors; a model has between 1 and {MAX_TENSORS}")
    known = set(keys)
    for key in keys:
        parts = key.split("/")
        if not all(parts) or len(parts) > MAX_DEPTH:
            raise UserError(f"{path}: the key {key!r} is not a path of a parameter tree")
        if any("/".join(parts[:depth]) in known for depth in range(1, len(parts))):
            raise UserError(f"{path}: the key {key!r} lies under another tensor")
