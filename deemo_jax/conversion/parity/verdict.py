"""Whether a checkpoint computes what PyTorch computes from the files that it was made of, stage by stage.

Both sides start from the same random input and continue from their own outputs, so that the last row of a tower shows
the error of all of it. The decoder is run block by block, so that 7B need the memory of one block.
"""

import dataclasses
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import jax.numpy as jnp
import numpy as np

from deemo_jax.conversion.engine import reopened, stored_weights
from deemo_jax.conversion.io.public_file import PublicFile
from deemo_jax.conversion.parity.our_outputs import Tensors
from deemo_jax.core import tables
from deemo_jax.core.errors import UserError
from deemo_jax.core.recipe import Recipe
from deemo_jax.models.deemo_llama import DeemoLlamaConfig

# The greatest accepted difference, as a share of the norm of PyTorch's output, by our compute dtype. In float32 towers
# differ by a few 1e-6 after tens of blocks; bfloat16 has 8 significant bits, and a layer loses about half of the last.
BOUNDS = {"float32": 1e-4, "bfloat16": 5e-2}

Files = Mapping[str, PublicFile]


@dataclasses.dataclass(frozen=True)
class Row:
    """One comparison.

    Attributes:
        name: of the output.
        max_abs: greatest absolute difference.
        relative: norm of the difference, divided by the norm of PyTorch's output.
        bound: the greatest `relative` that is accepted.
    """

    name: str
    max_abs: float
    relative: float
    bound: float

    @property
    def passed(self) -> bool:
        """Whether the difference is within the bound."""
        return self.relative <= self.bound


def compare(
    recipe: Recipe,
    out: Path,
    sources: Mapping[str, str],
    layers: int = 0,
    *,
    allow_extra: str | None = None,
    seed: int = 0,
) -> list[Row]:
    """Compares every part whose source is given.

    Args:
        recipe: of the conversion; `config.model.dtype` is our compute dtype.
        out: the checkpoint.
        sources: name -> path, as for the conversion, all or some of them.
        layers: blocks of each tower that are compared; 0 for all.
        allow_extra: as for the conversion.
        seed: of the inputs.

    Raises:
        UserError: no source to compare with, PyTorch is not installed, or see `reopened`.
    """
    plan = reopened(out, recipe, sources, allow_extra)[1]
    files = {source.name: source.file for source in plan.sources}
    return rows(DeemoLlamaConfig.from_config(recipe.model), stored_weights(out, plan), files, layers, seed)


def rows(config: DeemoLlamaConfig, stored: Tensors, files: Files, layers: int = 0, seed: int = 0) -> list[Row]:
    """The comparisons of `compare`, for opened files and a checkpoint that belong together.

    Raises:
        UserError: no source to compare with, or PyTorch is not installed.
    """
    from deemo_jax.conversion.parity import comparisons  # imports PyTorch, which verdicts alone do not need

    dtype, rng = jnp.dtype(config.dtype.value), np.random.default_rng(seed)
    found = [
        compared(f"{name}: {stage}", ours, theirs, BOUNDS[dtype.name])
        for name, theirs_all, ours_all in comparisons.comparisons(config, stored, files, layers, dtype, rng)
        for (stage, theirs), ours in zip(theirs_all, ours_all, strict=True)
    ]
    if not found:
        raise UserError("nothing to compare: name the sources that the checkpoint was made of")
    return found


def table(rows: list[Row]) -> str:
    """The rows as text."""
    header = ("output", "max abs", "relative", "bound", "verdict")
    lines = [
        (r.name, f"{r.max_abs:.2e}", f"{r.relative:.2e}", f"{r.bound:.0e}", "same" if r.passed else "DIFFERENT")
        for r in rows
    ]
    return tables.aligned([header, *lines], right=(1, 2, 3))


def compared(name: str, ours: Any, theirs: np.ndarray, bound: float) -> Row:
    """Compares two arrays of one size; a difference that is no number counts as infinite."""
    wanted = theirs.astype(np.float64)
    with np.errstate(invalid="ignore"):  # infinity less infinity
        difference = np.asarray(ours).astype(np.float64).reshape(wanted.shape) - wanted
        relative = np.linalg.norm(difference) / max(float(np.linalg.norm(wanted)), 1e-30)
    return Row(name, float(np.abs(difference).max()), float(np.nan_to_num(relative, nan=np.inf)), bound)
