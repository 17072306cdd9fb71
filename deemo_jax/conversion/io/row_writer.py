"""Writes a safetensors file row by row. The safetensors library writes all tensors at once, from memory."""

import json
import math
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType

import numpy as np

from deemo_jax.conversion.tables.transforms import Shape
from deemo_jax.models.weights import DTYPES

# NumPy's dtype -> its name in the format.
CODES = {np.dtype(dtype): code for code, dtype in DTYPES.items()}
# Bytes to a multiple of which the header is padded, so that tensors begin aligned; also the size of its length.
ALIGN = 8


class RowWriter:
    """Writes tensors, or rows of their leading axis, in any order, each directly to its place in the file."""

    def __init__(self, path: Path, tensors: Mapping[str, tuple[Shape, np.dtype]], metadata: Mapping[str, str]):
        """Writes the header and makes room for the tensors.

        Args:
            path: of the file, which is overwritten.
            tensors: name -> shape and dtype.
            metadata: strings that are kept beside the tensors.
        """
        header: dict[str, object] = {"__metadata__": dict(metadata)}
        self._tensors, self._offsets, end = dict(tensors), {}, 0
        # Without gaps, as the library demands, and sorted by name, so that equal trees give equal files.
        for name, (shape, dtype) in sorted(tensors.items()):
            size = math.prod(shape) * dtype.itemsize
            header[name] = {"dtype": CODES[dtype], "shape": list(shape), "data_offsets": [end, end + size]}
            self._offsets[name] = end
            end += size
        text = json.dumps(header).encode()
        text += b" " * (-len(text) % ALIGN)
        self._start = ALIGN + len(text)
        self._file = open(path, "wb")  # noqa: SIM115 - closed by __exit__
        self._file.write(len(text).to_bytes(ALIGN, "little") + text)
        self._file.truncate(self._start + end)

    def write(self, name: str, row: int | None, values: np.ndarray) -> None:
        """Writes a whole tensor (`row` None) or one row of its leading axis, converted to the tensor's dtype.

        Raises:
            ValueError: the values have another shape.
        """
        shape, dtype = self._tensors[name]
        part = shape if row is None else shape[1:]
        if values.shape != part:
            raise ValueError(f"{name}: {values.shape} where {part} belongs")
        data = np.ascontiguousarray(values).astype(dtype, copy=False)
        self._file.seek(self._start + self._offsets[name] + (row or 0) * data.nbytes)
        self._file.write(data.view(np.uint8).data if data.ndim and data.size else data.tobytes())

    def __enter__(self) -> "RowWriter":
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None):
        self._file.close()
