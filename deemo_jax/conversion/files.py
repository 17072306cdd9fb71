"""Public weight files, read one tensor at a time: safetensors without PyTorch, pickles through PyTorch's safe loader.

A pickle can hold code. `torch.load(weights_only=True)` refuses it, and nothing here loads one in another way.
"""

import dataclasses
import pickle
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import ml_dtypes
import numpy as np
import safetensors

from deemo_jax.conversion.transforms import Shape
from deemo_jax.errors import UserError
from deemo_jax.files import read_json

PICKLES = (".pth", ".pt", ".bin")
INDICES = ("model.safetensors.index.json", "pytorch_model.bin.index.json")
SINGLES = ("model.safetensors", "pytorch_model.bin")
# What training frameworks nest a state dict under.
WRAPPERS = ("model", "state_dict")
MAX_TENSORS = 100_000


@dataclasses.dataclass(frozen=True)
class Entry:
    """One tensor that can be read."""

    shape: Shape
    dtype: str
    read: Callable[[str], np.ndarray]


class PublicFile:
    """Named tensors in one file or many shards.

    Attributes:
        path: as named by a person: a file, or a folder in Hugging Face's layout.
        files: every file that holds tensors.
        shapes: public key -> shape; nothing is read yet.
        dtypes: public key -> the file's name of its dtype.
    """

    def __init__(self, path: Path, files: tuple[Path, ...], tensors: Mapping[str, Entry]):
        self.path, self.files = path, files
        self.shapes = {key: entry.shape for key, entry in tensors.items()}
        self.dtypes = {key: entry.dtype for key, entry in tensors.items()}
        self._tensors = tensors

    def read(self, key: str) -> np.ndarray:
        """One tensor, in the file's dtype (bfloat16 as ml_dtypes').

        Raises:
            UserError: it cannot be read.
        """
        try:
            return self._tensors[key].read(key)
        except (safetensors.SafetensorError, OSError, RuntimeError, ValueError) as error:
            raise UserError(f"{self.path}: {key} cannot be read ({error}); is the download complete?") from error


def open_public(path: str | Path) -> PublicFile:
    """Opens a weight file, or a folder of shards, far enough to know every key and shape.

    Raises:
        UserError: missing, truncated, of an unknown kind, a pickle with more than tensors in it, or shards that
            disagree with their index.
    """
    path = Path(path)
    shards, index = _shards(path)
    tensors: dict[str, Entry] = {}
    for shard in shards:
        opened = _open_pickle(shard) if shard.suffix in PICKLES else _open_safetensors(shard)
        for key in opened.keys() & tensors.keys():
            raise UserError(f"{shard}: holds {key}, which another shard holds as well")
        tensors |= opened
    if not tensors or len(tensors) > MAX_TENSORS:
        raise UserError(f"{path}: holds {len(tensors)} tensors; a model has between 1 and {MAX_TENSORS}")
    for key, shard in index.items():
        if key not in tensors:
            raise UserError(f"{shard}: lacks {key}, which the folder's index promises; is the download complete?")
    return PublicFile(path, shards, tensors)


def _shards(path: Path) -> tuple[tuple[Path, ...], dict[str, Path]]:
    """The files that hold tensors, and key -> file where there is an index."""
    if path.is_file():
        if path.suffix not in (*PICKLES, ".safetensors"):
            raise UserError(f"{path}: not a weight file; expected {', '.join(PICKLES)} or .safetensors")
        return (path,), {}
    if not path.is_dir():
        raise UserError(f"{path}: there is no such file or folder; give the path of the public weights")
    for name in INDICES:
        if (path / name).is_file():
            return _from_index(path / name)
    for name in SINGLES:
        if (path / name).is_file():
            return (path / name,), {}
    raise UserError(f"{path}: holds none of {', '.join((*INDICES, *SINGLES))}; give the folder of the weights")


def _from_index(path: Path) -> tuple[tuple[Path, ...], dict[str, Path]]:
    content = read_json(path)
    weights = content.get("weight_map") if isinstance(content, dict) else None
    if not isinstance(weights, dict) or not all(isinstance(name, str) for name in weights.values()):
        raise UserError(f"{path}: no index of shards (it lacks 'weight_map')")
    if any(Path(name).name != name for name in weights.values()):
        raise UserError(f"{path}: names shards outside its folder")
    index = {key: path.parent / name for key, name in weights.items()}
    shards = tuple(dict.fromkeys(index.values()))
    for shard in shards:
        if not shard.is_file():
            raise UserError(f"{shard}: is missing, though {path.name} names it; is the download complete?")
    return shards, index


def _open_safetensors(path: Path) -> dict[str, Entry]:
    def read(key: str) -> np.ndarray:
        # Opened for each tensor: the library maps the file, and pages of a mapping count as memory while it lasts.
        with safetensors.safe_open(path, framework="numpy") as handle:
            return handle.get_tensor(key)

    try:
        with safetensors.safe_open(path, framework="numpy") as handle:
            parts = {key: handle.get_slice(key) for key in handle.keys()}  # noqa: SIM118 - the handle is no dict
            return {key: Entry(tuple(part.get_shape()), part.get_dtype(), read) for key, part in parts.items()}
    except (safetensors.SafetensorError, OSError) as error:
        raise UserError(f"{path}: not a whole safetensors file ({error}); is the download complete?") from error


def _open_pickle(path: Path) -> dict[str, Entry]:
    try:
        import torch
    except ImportError as error:
        raise UserError(f"{path}: reading it needs PyTorch; make setup EXTRAS=convert") from error
    try:
        # Files older than the zip form cannot be mapped and are read whole.
        state = torch.load(path, map_location="cpu", weights_only=True, mmap=zipfile.is_zipfile(path))
    except pickle.UnpicklingError as error:
        raise UserError(
            f"{path}: holds more than tensors and was not loaded, since a pickle can run code "
            f"({str(error).splitlines()[0]}); get the weights as .safetensors"
        ) from error
    except (RuntimeError, OSError, EOFError, ValueError, KeyError) as error:
        raise UserError(f"{path}: not a whole PyTorch file ({error}); is the download complete?") from error
    for wrapper in WRAPPERS:
        if isinstance(state, dict) and isinstance(state.get(wrapper), dict):
            state = state[wrapper]
    if not isinstance(state, dict) or not all(isinstance(value, torch.Tensor) for value in state.values()):
        raise UserError(f"{path}: holds no state dict of tensors")

    def read(key: str) -> np.ndarray:
        return _numpy(state[key])

    return {
        key: Entry(tuple(value.shape), str(value.dtype).removeprefix("torch."), read) for key, value in state.items()
    }


def _numpy(tensor: Any) -> np.ndarray:
    import torch

    if tensor.dtype == torch.bfloat16:
        return tensor.contiguous().view(torch.int16).numpy().view(ml_dtypes.bfloat16)
    return tensor.numpy()
