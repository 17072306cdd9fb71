"""Which detections in a covered picture lie beside the covered pixels: they may be faces that were missed.

A detection within covered pixels only shows where a face was.
Axes: N, M faces, H height, W width, n pixels of a row; a face is x0, y0, x1, y1, score.
"""

import math
from collections.abc import Sequence

import numpy as np
from jaxtyping import Bool, Float

# Share of a detection that must lie within covered pixels: boxes are not exact to the pixel, and encoding moves them.
INSIDE = 0.8


def outside(
    faces: Float[np.ndarray, "N 5"], hidden: Bool[np.ndarray, "H W"], inside: float = INSIDE
) -> Float[np.ndarray, "M 5"]:
    """The faces of which less than the share `inside` lies within hidden pixels."""
    return faces[[covered_share(face[:4], hidden) < inside for face in faces]]


def covered_share(box: Sequence[float] | Float[np.ndarray, "4"], hidden: Bool[np.ndarray, "H W"]) -> float:
    """The share of a box that is hidden, exactly.

    Only the part of a box within the picture counts; a box outside of it counts as covered.

    Args:
        box: x0, y0, x1, y1, pixels.
        hidden: the covered pixels.
    """
    x0, y0, x1, y1 = map(float, box)
    rows, heights = _overlap(y0, y1, hidden.shape[0])
    columns, widths = _overlap(x0, x1, hidden.shape[1])
    area = float(heights.sum() * widths.sum())
    return float(np.where(hidden[rows, columns], heights[:, None] * widths, 0.0).sum()) / area if area > 0 else 1.0


def _overlap(near: float, far: float, count: int) -> tuple[slice, Float[np.ndarray, " n"]]:
    """The pixels in a row of `count` that an interval touches, and how much of each it covers."""
    first, stop = max(0, math.floor(near)), max(0, min(count, math.ceil(far)))
    pixels = np.arange(first, stop)
    return slice(first, stop), np.clip(np.minimum(far, pixels + 1) - np.maximum(near, pixels), 0, 1)
