"""Random generators named by words, so that a value never depends on the order in which things are drawn."""

import hashlib

import numpy as np


def generator(*name: object) -> np.random.Generator:
    """A generator seeded by a hash of its name, e.g. `generator("clip", seed, index)`; the same on every machine."""
    digest = hashlib.sha256("/".join(str(part) for part in name).encode()).digest()
    return np.random.default_rng(int.from_bytes(digest[:16], "big"))
