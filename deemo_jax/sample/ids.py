"""How the clips of the sample corpus are called."""

import re

CLIP_ID = re.compile(r"s\d+_\d{6}")


def clip_id(seed: int, index: int) -> str:
    """The name of a clip: 's3_000017'."""
    return f"s{seed}_{index:06d}"
