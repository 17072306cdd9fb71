"""One tensor of a public file that can be read, whatever kind of file it is."""

import dataclasses
from collections.abc import Callable
from pathlib import Path

import numpy as np

from deemo_jax.conversion.tables.transforms import Shape


@dataclasses.dataclass(frozen=True)
class Entry:
    """One tensor that can be read.

    Attributes:
        file: that holds it.
        shape: of it.
        dtype: the file's name of its dtype; with 'sparse', 'meta' or 'quantized' in front where it is no plain tensor.
        read: from its key to its values.
    """

    file: Path
    shape: Shape
    dtype: str
    read: Callable[[str], np.ndarray]
