"""Checks the numbers of public tensors: they must be plain floats, finite, and not all zero where weights belong."""

import re
from collections.abc import Set

import ml_dtypes
import numpy as np

from deemo_jax.conversion.tables.rules import Fill
from deemo_jax.core.errors import UserError

# Names of accepted dtypes, in safetensors and in PyTorch.
FLOATS = frozenset(("F64", "F32", "F16", "BF16", "float64", "float32", "float16", "bfloat16"))
# Paths whose matrices are never all zero: those of the frozen encoders and decoder. Parts that are trained may start at
# zero, as may biases and norms.
NEVER_BLANK = re.compile(r"decoder/.*|[^/]+/encoder/.*")
# Numbers that are examined at a time, so that no mask as large as a tensor is held in memory.
CHUNK = 1 << 20


def dtype_problem(key: str, dtype: str) -> str | None:
    """A sentence on what is wrong with a tensor's dtype; None where it is one of `FLOATS`."""
    if dtype in FLOATS:
        return None
    return f"{key} is of {dtype}, and only plain floats of 16 bits or more are weights; get them in that form"


def check(public: np.ndarray, fill: Fill, where: object, stored: Set[np.dtype]) -> None:
    """Checks a public tensor's numbers.

    Args:
        public: the tensor, as read.
        fill: the parameters that it fills.
        where: its file, for the message.
        stored: the dtypes that its numbers are stored as.

    Raises:
        UserError: a number is not finite, or would not be as one of `stored`; or all are zero in a matrix of a frozen
            tower.
    """
    greatest, infinite = _greatest(public)
    if greatest >= infinite:
        raise UserError(f"{where}: {fill.key} has values that are not finite; it is damaged, download it again")
    number = np.array(greatest, f"u{public.dtype.itemsize}").view(public.dtype)
    with np.errstate(over="ignore"):
        beyond = [str(dtype) for dtype in stored if not np.isfinite(number.astype(dtype))]
    if beyond:
        raise UserError(
            f"{where}: {fill.key} has the number {float(number):.4g}, which {beyond[0]} cannot hold; it is damaged, or "
            "choose float32 (config.frozen_dtype, or the recipe's precision)"
        )
    matrix = sum(size > 1 for size in public.shape) > 1
    if greatest == 0 and matrix and any(NEVER_BLANK.fullmatch(path) for path, _ in fill.targets):
        raise UserError(f"{where}: {fill.key} holds nothing but zeros; is the download complete?")


def _greatest(array: np.ndarray) -> tuple[int, int]:
    """The greatest magnitude, and infinity, as integers: the bits of IEEE floats without the sign are ordered alike."""
    kind = np.dtype(f"u{array.dtype.itemsize}")
    unsigned = kind.type(np.iinfo(kind).max >> 1)
    number = ml_dtypes.bfloat16 if array.dtype == ml_dtypes.bfloat16 else array.dtype.type
    infinite = int(np.array([np.inf], number).view(kind)[0])
    bits = array.reshape(-1).view(kind)
    parts = (bits[start : start + CHUNK] & unsigned for start in range(0, bits.size, CHUNK))
    return max((int(part.max()) for part in parts), default=0), infinite
