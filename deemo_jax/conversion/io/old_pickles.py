"""PyTorch's files without PyTorch: of the older form, bare pickles in a row, then the numbers of every storage; and of
the later form, a zip archive of one pickle and a file for every storage.

A pickle can hold code. Before one is loaded its opcodes are checked against the few that PyTorch writes, and the only
names that it may call make an ordered dict or note where a tensor lies.
"""

import io
import math
import pickle
import pickletools
import re
import zipfile
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from typing import Any, BinaryIO, NamedTuple

import ml_dtypes
import numpy as np

# What training frameworks nest a state dict under.
WRAPPERS = ("model", "state_dict", "model_state")
# The first pickle of such a file.
MAGIC = 0x1950A86A20F9469CFC6C
# PyTorch's name of a storage -> its numbers, little-endian.
STORAGES: Mapping[str, Any] = {
    "FloatStorage": np.float32,
    "DoubleStorage": np.float64,
    "HalfStorage": np.float16,
    "BFloat16Storage": ml_dtypes.bfloat16,
    "LongStorage": np.int64,
    "IntStorage": np.int32,
    "ShortStorage": np.int16,
    "CharStorage": np.int8,
    "ByteStorage": np.uint8,
    "BoolStorage": np.bool_,
}
# Opcodes of a pickle of plain values, tensors and ordered dicts (protocol 2).
OPCODES = re.compile(
    "PROTO|STOP|MARK|GLOBAL|REDUCE|BUILD|BINPERSID|BINPUT|LONG_BINPUT|BINGET|LONG_BINGET|NONE|NEWTRUE|NEWFALSE|BININT"
    "|BININT1|BININT2|LONG1|BINFLOAT|BINUNICODE|SHORT_BINSTRING|EMPTY_TUPLE|TUPLE|TUPLE1|TUPLE2|TUPLE3|EMPTY_LIST"
    "|APPEND|APPENDS|EMPTY_DICT|SETITEM|SETITEMS"
)

# Of a zip archive: the name of its pickle, and the bytes of that, at most.
PICKLE_NAME = re.compile(r"[^/]+/data\.pkl")
MAX_PICKLE_BYTES = 1 << 26


class NotReadError(ValueError):
    """A file that was not loaded: it holds more than tensors."""


class _Storage(NamedTuple):
    key: str
    kind: str
    size: int


class _Tensor(NamedTuple):
    storage: _Storage
    offset: int
    shape: tuple[int, ...]
    stride: tuple[int, ...]


def read_old_form(file: BinaryIO) -> dict[str, np.ndarray]:
    """The state dict of a file, alone or in one of `WRAPPERS`; no code of the file runs.

    Args:
        file: open at its beginning, and seekable.

    Returns:
        Name -> values, in the file's dtype.

    Raises:
        NotReadError: it holds more than tensors.
        ValueError: it has another form, is damaged, or holds no state dict.
    """
    try:
        if _plain(file, {}) != MAGIC:
            raise NotReadError("was not loaded: it is no PyTorch file")
    except NotReadError:
        raise
    except Exception as error:
        raise NotReadError("was not loaded: it is damaged, or no PyTorch file") from error
    storages: dict[str, _Storage] = {}
    try:
        for _ in range(2):  # the form's version, and sizes of C types
            _plain(file, {})
        state, keys = _state(_plain(file, storages)), _plain(file, {})
        return _filled(file, state, [storages[key] for key in keys])
    except NotReadError:
        raise
    # Damaged bytes send the reader astray in more ways than a list can hold.
    except Exception as error:
        raise ValueError(f"not a whole PyTorch file ({error})") from error


def read_zip_form(file: BinaryIO) -> dict[str, np.ndarray]:
    """The state dict of a zip archive, as `read_old_form` gives it; every tensor is read into memory.

    Raises:
        NotReadError: it holds more than tensors.
        ValueError: it has another form, is damaged, or holds no state dict.
    """
    storages: dict[str, _Storage] = {}
    try:
        with zipfile.ZipFile(file) as archive:
            name = next(name for name in archive.namelist() if PICKLE_NAME.fullmatch(name))
            if archive.getinfo(name).file_size > MAX_PICKLE_BYTES:
                raise ValueError("its list of tensors is too long")
            state = _state(_plain(io.BytesIO(archive.read(name)), storages))
            folder = name.removesuffix("data.pkl")
            values = {key: _numbers(archive, f"{folder}data/{key}", storage) for key, storage in storages.items()}
        return {key: _view(values[tensor.storage.key], tensor) for key, tensor in state.items()}
    except NotReadError:
        raise
    except Exception as error:  # as above
        raise ValueError(f"not a whole PyTorch file ({error})") from error


def _numbers(archive: zipfile.ZipFile, name: str, storage: _Storage) -> np.ndarray:
    dtype = np.dtype(STORAGES[storage.kind])
    # Compared before it is read, since a small archive can hold a great many zeros.
    if archive.getinfo(name).file_size != storage.size * dtype.itemsize or archive.getinfo(name).compress_type:
        raise ValueError("a storage is of another size")
    return np.frombuffer(archive.read(name), dtype)


def _state(found: Any) -> Mapping[str, _Tensor]:
    """The state dict in what a pickle held, alone or in one of `WRAPPERS`."""
    for wrapper in WRAPPERS:
        if isinstance(found, dict) and isinstance(found.get(wrapper), dict):
            found = found[wrapper]
    named = isinstance(found, dict) and all(isinstance(key, str) for key in found)
    if not named or not all(isinstance(value, _Tensor) for value in found.values()):
        raise NotReadError("holds no state dict, which has names and tensors only; give the file of the weights")
    return found


def _plain(file: BinaryIO, storages: dict[str, _Storage]) -> Any:
    """The next pickle of a file, with notes in place of tensors; storages that it names are added to those given."""
    start = file.tell()
    for number, (opcode, argument, _) in enumerate(pickletools.genops(file)):
        if not OPCODES.fullmatch(opcode.name):
            raise NotReadError(f"was not loaded: its opcode {opcode.name} is none that tensors need")
        # A pickler counts what it notes from 0 on; a great number alone would take memory.
        if opcode.name == "LONG_BINPUT" and int(argument or 0) > number:
            raise NotReadError("was not loaded: it is damaged")
    end = file.tell()
    file.seek(start)
    return _Unpickler(io.BytesIO(file.read(end - start)), storages).load()


class _Unpickler(pickle.Unpickler):
    """Names what a pickle may call; what it gets has no attribute that a pickle could set."""

    def __init__(self, file: BinaryIO, storages: dict[str, _Storage]):
        super().__init__(file)
        self._storages = storages

    def find_class(self, module: str, name: str) -> Any:
        if (module, name) in _CALLED:
            return _CALLED[module, name]
        if module == "torch" and name in STORAGES:
            return name
        raise NotReadError(
            f"holds more than tensors ({module}.{name}) and was not loaded, since a pickle can run code; get the"
            " weights as .safetensors"
        )

    def persistent_load(self, pid: Any) -> _Storage:
        _, kind, key, _, count, *view = pid  # the older form alone has a view, which is none
        if view not in ([], [None]) or kind not in STORAGES or not isinstance(key, str) or type(count) is not int:
            raise ValueError("a storage of another kind")
        return self._storages.setdefault(key, _Storage(key, kind, count))


class _Callable:
    """Something that a pickle calls; its state cannot be set from one."""

    __slots__ = ("_parameter",)

    def __init__(self, parameter: bool):
        self._parameter = parameter

    def __setstate__(self, state: Any) -> None:
        raise ValueError("a pickle sets no state here")

    def __call__(self, first: Any, *rest: Any) -> _Tensor:
        if self._parameter:
            if not isinstance(first, _Tensor):
                raise ValueError("a parameter without a tensor")
            return first
        offset, shape, stride = rest[:3]
        return _Tensor(first, offset, shape, stride)


_CALLED: Mapping[tuple[str, str], Any] = {
    ("collections", "OrderedDict"): OrderedDict,
    ("torch._utils", "_rebuild_tensor_v2"): _Callable(parameter=False),
    ("torch._utils", "_rebuild_parameter"): _Callable(parameter=True),
}


def _filled(file: BinaryIO, state: Mapping[str, _Tensor], storages: Sequence[_Storage]) -> dict[str, np.ndarray]:
    """Tensors with their numbers, which follow the pickles: of every storage its length, 8 bytes, and its numbers."""
    begin = file.tell()
    size = file.seek(0, io.SEEK_END)
    file.seek(begin)
    wanted = {tensor.storage.key for tensor in state.values()}
    values: dict[str, np.ndarray] = {}
    for storage in storages:
        dtype = np.dtype(STORAGES[storage.kind])
        count = int.from_bytes(file.read(8), "little")
        if count != storage.size or count * dtype.itemsize > size - file.tell():
            raise ValueError("it ends early")
        if storage.key in wanted:
            values[storage.key] = np.frombuffer(file.read(count * dtype.itemsize), dtype)
        else:
            file.seek(count * dtype.itemsize, io.SEEK_CUR)
    return {name: _view(values[tensor.storage.key], tensor) for name, tensor in state.items()}


def _view(values: np.ndarray, tensor: _Tensor) -> np.ndarray:
    numbers = (tensor.offset, *tensor.shape, *tensor.stride)
    if len(tensor.shape) != len(tensor.stride) or not all(type(x) is int and x >= 0 for x in numbers):
        raise ValueError("a tensor has a strange shape")
    if math.prod(tensor.shape) > values.size:
        raise ValueError("a tensor has more numbers than its storage")
    if math.prod(tensor.shape) == 0:
        return np.zeros(tensor.shape, values.dtype)
    last = tensor.offset + sum((side - 1) * step for side, step in zip(tensor.shape, tensor.stride, strict=True))
    if last >= values.size:
        raise ValueError("a tensor reaches beyond its storage")
    steps = [step * values.itemsize for step in tensor.stride]
    return np.lib.stride_tricks.as_strided(values[tensor.offset :], tensor.shape, steps, writeable=False)
