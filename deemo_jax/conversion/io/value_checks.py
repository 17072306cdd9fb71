"""Checks the numbers of public tensors: they must be plain floats, finite, and not all zero where weights belong."""

import re
from collections.abc import Set

import numpy as np

from deemo_jax.conversion.tables.rules import Fill
from deemo_jax.core.errors import UserError
from deemo_jax.models.float_range import greatest_magnitude, too_narrow

# Names of accepted dtypes, in safetensors and in PyTorch.
FLOATS = frozenset(("F64", "F32", "F16", "BF16", "float64", "float32", "float16", "bfloat16"))
# Paths whose matrices are never all zero: those of the frozen encoders and decoder. Parts that are trained may start at
# zero, as may biases and norms.
NEVER_BLANK = re.compile(r"decoder/.*|[^/]+/encoder/.*")


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
    greatest = greatest_magnitude(public)
    if not np.isfinite(greatest):
        raise UserError(f"{where}: {fill.key} has values that are not finite; it is damaged, download it again")
    if beyond := too_narrow(greatest, stored):
        raise UserError(
            f"{where}: {fill.key} has the number {float(greatest):.4g}, which {beyond[0]} cannot hold; it is damaged, "
            "or choose float32 (config.frozen_dtype, or the recipe's precision)"
        )
    matrix = sum(size > 1 for size in public.shape) > 1
    if greatest == 0 and matrix and any(NEVER_BLANK.fullmatch(path) for path, _ in fill.targets):
        raise UserError(f"{where}: {fill.key} holds nothing but zeros; is the download complete?")
