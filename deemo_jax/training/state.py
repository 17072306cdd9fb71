"""What a training step changes and a checkpoint holds, and a table of the parameters that learn."""

from collections.abc import Collection, Mapping
from typing import Any

import flax.struct
import jax.numpy as jnp
import numpy as np

from deemo_jax.core import tables
from deemo_jax.models.weights import flatten


@flax.struct.dataclass
class TrainState:
    """Everything that a step changes.

    Attributes:
        step: Int32[], number of steps, skipped ones included; also the position in the data.
        trainable: float32 parameters that learn, nested by path.
        opt_state: optax's state for them.
        rng: UInt32[K], data of the dropout key; each step folds its number in.
        skipped_in_row: Int32[], skipped steps since the last one that was not.
    """

    step: Any
    trainable: Any
    opt_state: Any
    rng: Any
    skipped_in_row: Any

    def parts(self) -> dict[str, Any]:
        """The state in the parts of a checkpoint, `deemo_jax.core.run_folder.checkpoint.PARTS`."""
        loop = {name: getattr(self, name) for name in ("step", "rng", "skipped_in_row")}
        return {"trainable": self.trainable, "opt_state": self.opt_state, "loop": loop}

    @classmethod
    def of(cls, parts: Mapping[str, Any]) -> "TrainState":
        """The inverse of `parts`."""
        return cls(trainable=parts["trainable"], opt_state=parts["opt_state"], **parts["loop"])


def table(trainable: Mapping[str, Any], frozen: Mapping[str, Any], resting: Collection[str] = ()) -> str:
    """A table of parameter counts: a row for each part of the model ('video/connector'), state and dtype, and totals.

    Args:
        trainable: parameters that the recipe lets learn.
        frozen: the other parameters.
        resting: branches of the model that the data never shows, whose parameters do not learn.
    """
    rows: dict[tuple[str, str, str], int] = {}
    for half, tree in (("trainable", trainable), ("frozen", frozen)):
        for path, leaf in flatten(tree).items():
            state = "not shown" if half == "trainable" and path.split("/")[0] in resting else half
            key = "/".join(path.split("/")[:-1][:2]) or path, state, str(jnp.dtype(leaf.dtype))
            rows[key] = rows.get(key, 0) + int(np.prod(leaf.shape))
    cells = [("part", "state", "dtype", "parameters")]
    cells += [(*key, f"{count:,}") for key, count in sorted(rows.items())]
    for half in ("trainable", "frozen", "not shown") if resting else ("trainable", "frozen"):
        cells.append(("total", half, "", f"{sum(count for key, count in rows.items() if key[1] == half):,}"))
    return tables.aligned(cells, right=(3,))
