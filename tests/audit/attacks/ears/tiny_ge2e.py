"""The file of a GE2E encoder of two small layers with random weights."""

from pathlib import Path

import numpy as np

from tests import old_torch_file

HIDDEN, EMBEDDING = 6, 5


def weights(seed: int = 0) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(seed)
    shapes = {"similarity_weight": (1,), "linear.weight": (EMBEDDING, HIDDEN), "linear.bias": (EMBEDDING,)}
    for layer, width in enumerate((40, HIDDEN)):
        shapes |= {f"lstm.weight_ih_l{layer}": (4 * HIDDEN, width), f"lstm.weight_hh_l{layer}": (4 * HIDDEN, HIDDEN)}
        shapes |= {f"lstm.bias_{kind}_l{layer}": (4 * HIDDEN,) for kind in ("ih", "hh")}
    return {name: rng.normal(0, 0.5, shape).astype(np.float32) for name, shape in shapes.items()}


def write(path: Path, **changed: np.ndarray) -> Path:
    path.write_bytes(old_torch_file.state_file(weights() | changed))
    return path
