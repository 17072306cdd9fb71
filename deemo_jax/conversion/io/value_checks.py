"""What a public tensor must be like before its numbers become weights: plain floats, finite, and not a blank."""

import re

import ml_dtypes
import numpy as np

from deemo_jax.conversion.tables.rules import Fill
from deemo_jax.core.errors import UserError

# As safetensors and as PyTorch call them.
FLOATS = frozenset(("F64", "F32", "F16", "BF16", "float64", "float32", "float16", "bfloat16"))
# Matrices of the frozen towers: a blank one is no weight, while biases, norms and what is trained may start at zero.
NEVER_BLANK = re.compile(r"decoder/.*|[^/]+/encoder/.*")
# Looked at so many numbers at a time: a mask of a whole tensor would be another tensor in memory.
CHUNK = 1 << 20


def dtype_problem(key: str, dtype: str) -> str | None:
    """What is wrong with a tensor's dtype, in words."""
    if dtype in FLOATS:
        return None
    return f"{key} is of {dtype}, and only plain floats of 16 bits or more are weights; get them in that form"


def check(public: np.ndarray, fill: Fill, where: object) -> None:
    """Looks at a public tensor's numbers.

    Args:
        public: as read.
        fill: what it will become.
        where: its file, for the message.

    Raises:
        UserError: not finite, or nothing but zeros where a matrix of a frozen tower belongs.
    """
    greatest, infinite = _greatest(public)
    if greatest >= infinite:
        raise UserError(f"{where}: {fill.key} has values that are not finite; it is damaged, download it again")
    matrix = sum(size > 1 for size in public.shape) > 1
    if greatest == 0 and matrix and any(NEVER_BLANK.fullmatch(path) for path, _ in fill.targets):
        raise UserError(f"{where}: {fill.key} holds nothing but zeros; is the download complete?")


def _greatest(array: np.ndarray) -> tuple[int, int]:
    """The greatest magnitude as bits, and infinity as bits: IEEE floats without their sign sort like integers."""
    kind = np.dtype(f"u{array.dtype.itemsize}")
    unsigned = kind.type(np.iinfo(kind).max >> 1)
    number = ml_dtypes.bfloat16 if array.dtype == ml_dtypes.bfloat16 else array.dtype.type
    infinite = int(np.array([np.inf], number).view(kind)[0])
    bits = array.reshape(-1).view(kind)
    parts = (bits[start : start + CHUNK] & unsigned for start in range(0, bits.size, CHUNK))
    return max((int(part.max()) for part in parts), default=0), infinite
