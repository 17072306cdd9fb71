"""What every part of the toy gives: `python -m tests.models.toy_values` writes it, when test_golden.py has passed."""

from pathlib import Path

import jax
import numpy as np

from tests.models import tiny

FILE = Path(__file__).parents[1] / "golden" / "toy_seed0.npz"
# Of the norm. Compilers differ by 6e-7; an eps of 1e-6 in place of 1e-5 shows at 1e-4 or more with faint weights.
TOLERANCE = 2e-6
# With faint weights little varies before a norm, so that its eps shows; with whole ones attention is not uniform.
SCALES = {"whole": 1.0, "faint": 0.02}


def values() -> dict[str, np.ndarray]:
    """What encoders, connectors and the decoder give."""
    (model, params), (_, seeing) = tiny.built(), tiny.part("audio")
    batch, found = tiny.batch(*tiny.ROWS), {}
    for scale, factor in SCALES.items():
        scaled, joint = (jax.tree.map(lambda leaf, f=factor: leaf * f, tree) for tree in (params, seeing))
        _, tokens, encoded = tiny.embedded(scaled, batch)
        _, joined, _ = tiny.embedded(joint, tiny.batch(*tiny.SEEN))
        parts = {"imagebind": encoded["audio"], "vit": encoded["video"], "clips": tokens["audio"]}
        parts |= {"per_frame": tokens["video"], "joint": joined["video"]}
        parts["decoder"] = tiny.jitted(model)(scaled, batch)[batch.valid]
        found |= {f"{scale} {name}": np.asarray(value) for name, value in parts.items()}
    return found


if __name__ == "__main__":
    np.savez(FILE, **values())
