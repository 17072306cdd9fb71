"""Reads PyTorch's pickles: zip archives with `torch.load(weights_only=True)`, the older format with `old_pickles`.

Both refuse the code that a pickle can hold. PyTorch's own message on a refusal advises to switch that off, so another
one is given.
"""

import pickle
import re
import warnings
import zipfile
import zlib
from pathlib import Path
from typing import Any

import ml_dtypes
import numpy as np

from deemo_jax.conversion.io.old_pickles import WRAPPERS, NotReadError, read_old_form
from deemo_jax.conversion.io.tensor_entry import Entry
from deemo_jax.core.errors import UserError

# First bytes of PyTorch's two formats: a zip archive, and before version 1.6 a bare pickle.
ZIP, PICKLE = b"PK\x03\x04", b"\x80"
# The class or function that PyTorch refused, in its message.
_GLOBAL = re.compile(r"GLOBAL ([\w.]+)")


def open_pickle(path: Path) -> dict[str, Entry]:
    """The tensors of a file; of a zip archive they are mapped and not read yet, a bare pickle is read whole.

    Raises:
        UserError: no PyTorch file, a damaged one, one with more than tensors in it, or a zip archive without PyTorch
            installed.
    """
    with open(path, "rb") as handle:
        start = handle.read(len(ZIP))
    if start.startswith(PICKLE):
        return _old_form(path)
    if start != ZIP:
        raise UserError(f"{path}: not a PyTorch file; is the download complete?")
    try:
        import torch
    except ImportError as error:
        raise UserError(f"{path}: reading it needs PyTorch; make setup EXTRAS=convert") from error
    try:
        with warnings.catch_warnings(action="ignore"):
            state = torch.load(path, map_location="cpu", weights_only=True, mmap=True)
    except pickle.UnpicklingError as error:
        raise UserError(f"{path}: {_refusal(str(error))}") from error
    # Damaged bytes make PyTorch raise exceptions of many types.
    except Exception as error:
        raise UserError(f"{path}: not a whole PyTorch file{_reason(error)}; is the download complete?") from error
    for wrapper in WRAPPERS:
        if isinstance(state, dict) and isinstance(state.get(wrapper), dict):
            state = state[wrapper]
    named = isinstance(state, dict) and all(isinstance(key, str) for key in state)
    if not named or not all(isinstance(value, torch.Tensor) for value in state.values()):
        raise UserError(f"{path}: holds no state dict, which has names and tensors only; give the file of the weights")

    def read(key: str) -> np.ndarray:
        return _numpy(state[key])

    return {key: Entry(path, tuple(value.shape), _dtype(value), read) for key, value in state.items()}


def _old_form(path: Path) -> dict[str, Entry]:
    try:
        with open(path, "rb") as handle:
            values = read_old_form(handle)
    except NotReadError as error:
        raise UserError(f"{path}: {error}") from error
    except ValueError as error:
        raise UserError(f"{path}: {error}; is the download complete?") from error
    return {key: Entry(path, value.shape, value.dtype.name, values.__getitem__) for key, value in values.items()}


def verify_pickle(path: Path) -> None:
    """Compares the parts of a zip archive with their checksums, which PyTorch does not do.

    Raises:
        UserError: a part is damaged.
    """
    if not zipfile.is_zipfile(path):
        return
    try:
        with zipfile.ZipFile(path) as archive:
            damaged = archive.testzip()
    except (zipfile.BadZipFile, zlib.error, OSError, EOFError, ValueError, RuntimeError) as error:
        raise UserError(f"{path}: not a whole PyTorch file ({error}); is the download complete?") from error
    if damaged:
        raise UserError(f"{path}: its part {damaged} is damaged (the checksum differs); download the file again")


def _refusal(said: str) -> str:
    found = _GLOBAL.search(said)
    if found:
        return (
            f"holds more than tensors ({found[1]}) and was not loaded, since a pickle can run code; "
            "get the weights as .safetensors"
        )
    return (
        "was not loaded: it is damaged, or holds more than tensors, and a pickle can run code; "
        "download it again, or get the weights as .safetensors"
    )


def _reason(error: Exception) -> str:
    said = str(error).splitlines()
    return f" ({said[0]})" if said and "weights_only" not in said[0] else ""


def _dtype(tensor: Any) -> str:
    import torch

    name = str(tensor.dtype).removeprefix("torch.")
    if tensor.layout != torch.strided:
        return f"sparse {name}"
    if tensor.is_quantized:
        return f"quantized {name}"
    return name if tensor.device.type == "cpu" else f"{tensor.device.type} {name}"


def _numpy(tensor: Any) -> np.ndarray:
    import torch

    # `nn.Parameter`s require a gradient, and PyTorch does not convert those to NumPy.
    tensor = tensor.detach()
    if tensor.dtype == torch.bfloat16:
        return tensor.contiguous().view(torch.int16).numpy().view(ml_dtypes.bfloat16)
    return tensor.numpy()
