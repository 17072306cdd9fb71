"""One tensor of a public file, of any kind of file."""

import dataclasses
from collections.abc import Callable
from pathlib import Path

import numpy as np

from deemo_jax.conversion.tables.transforms import Shape


@dataclasses.dataclass(frozen=True)
class Entry:
    """A tensor that is read when it is asked for.

    Attributes:
        file: the file that holds it.
        shape: of the tensor.
        dtype: the file's name of the dtype, with 'sparse', 'meta' or 'quantized' in front where it is no plain tensor.
        read: gives the values for the tensor's key.
    """

    file: Path
    shape: Shape
    dtype: str
    read: Callable[[str], np.ndarray]
