"""The greatest magnitude in an array of floats, and whether another dtype can hold it."""

from collections.abc import Iterable

import ml_dtypes
import numpy as np

# Numbers that are examined at a time, so that no mask as large as a tensor is held in memory.
CHUNK = 1 << 20


def greatest_magnitude(array: np.ndarray) -> np.generic:
    """The greatest absolute value, in the dtype of the array; infinity or NaN where a value is not finite.

    Args:
        array: IEEE floats or bfloat16, of any shape; without values, 0 is the greatest.
    """
    # The bits of IEEE floats without the sign, read as integers, are ordered as the floats are; NaN comes last.
    kind = np.dtype(f"u{array.dtype.itemsize}")
    unsigned = kind.type(np.iinfo(kind).max >> 1)
    bits = array.reshape(-1).view(kind)
    parts = (bits[start : start + CHUNK] & unsigned for start in range(0, bits.size, CHUNK))
    return np.array([max((part.max() for part in parts), default=0)], kind).view(array.dtype)[0]


def too_narrow(number: np.generic, dtypes: Iterable[np.dtype]) -> list[str]:
    """The names of those dtypes as which a finite number would be infinite."""
    with np.errstate(over="ignore"):
        return [str(dtype) for dtype in dtypes if not np.isfinite(number.astype(dtype))]


def is_float(dtype: np.dtype) -> bool:
    """Whether a dtype is one of NumPy's floats, or bfloat16."""
    return bool(np.issubdtype(dtype, np.floating)) or dtype == ml_dtypes.bfloat16
