"""PyTorch's files, written opcode by opcode: torch is not needed, and damage can be put anywhere."""

import io
import struct
import zipfile
from collections.abc import Mapping

import numpy as np

MAGIC = b"\x80\x02\x8a\x0al\xfc\x9cF\xf9 j\xa8P\x19."
KINDS = {"float32": "FloatStorage", "float16": "HalfStorage", "int64": "LongStorage"}


def name(module: str, of: str) -> bytes:
    """The opcode that asks for a module's name."""
    return f"c{module}\n{of}\n".encode()


def text(value: str) -> bytes:
    data = value.encode()
    return b"X" + struct.pack("<I", len(data)) + data


def number(value: int) -> bytes:
    return b"J" + struct.pack("<i", value)


def row(*items: bytes) -> bytes:
    """A tuple."""
    return b"(" + b"".join(items) + b"t"


def table(items: Mapping[str, bytes]) -> bytes:
    """A dict."""
    return b"}(" + b"".join(text(key) + value for key, value in items.items()) + b"u"


def tensor(
    key: str,
    array: np.ndarray,
    shape: tuple[int, ...] | None = None,
    count: int | None = None,
    view: bytes = b"N",
) -> bytes:
    """A tensor that fills the storage `key`, or that claims another shape, or another count of numbers there."""
    kind = name("torch", KINDS[array.dtype.name])
    storage = row(text("storage"), kind, text(key), text("cpu"), number(array.size if count is None else count), view)
    shape = array.shape if shape is None else shape
    strides = [int(np.prod(shape[i + 1 :])) for i in range(len(shape))]
    sides, steps = (row(*map(number, numbers)) for numbers in (shape, strides))
    hooks = name("collections", "OrderedDict") + b")R"
    return (
        name("torch._utils", "_rebuild_tensor_v2") + row(storage + b"Q", number(0), sides, steps, b"\x89", hooks) + b"R"
    )


def old_file(content: bytes, storages: Mapping[str, np.ndarray]) -> bytes:
    """The file of a pickle that is given without its first and last opcode, and of the storages that it names."""
    keys = b"](" + b"".join(map(text, storages)) + b"e"
    pickles = [MAGIC, *(b"\x80\x02" + body + b"." for body in (number(1001), b"}", content, keys))]
    numbers = [struct.pack("<q", array.size) + array.tobytes() for array in storages.values()]
    return b"".join((*pickles, *numbers))


def state_file(tensors: Mapping[str, np.ndarray], wrapper: str = "model_state") -> bytes:
    """The file of a state dict, beside a number of steps and the tensors of an optimizer."""
    moment = np.full(3, 7, np.float32)
    body = {
        wrapper: table({key: tensor(key, value) for key, value in tensors.items()}),
        "step": number(4),
        "optimizer_state": table({"moment": tensor("0", moment)}),
    }
    return old_file(table(body), {"0": moment, **tensors})


def zip_file(tensors: Mapping[str, np.ndarray], pickled: bytes | None = None) -> bytes:
    """The later form, a zip archive, of a state dict, or of another pickle that is given as for `old_file`."""
    keys = dict(zip(tensors, map(str, range(len(tensors))), strict=True))
    content = pickled or table({key: tensor(keys[key], value, view=b"") for key, value in tensors.items()})
    written = io.BytesIO()
    with zipfile.ZipFile(written, "w") as archive:
        archive.writestr("archive/data.pkl", b"\x80\x02" + content + b".")
        for key, value in tensors.items():
            archive.writestr(f"archive/data/{keys[key]}", value.tobytes())
    return written.getvalue()
