"""How far letters reach beyond the core that the network marks: to the last row or column with contrast like theirs.

Axes: N boxes, H height, W width; a box is x0, y0, x1, y1 in pixels of the image.
"""

import cv2
import numpy as np
from jaxtyping import Bool, Float, Int, UInt8

from deemo_jax.deid.video.detection.boxes import Boxes

# Pixels that make the contrast of the middle one: the highest level of a colour among them less the lowest.
NEAR = np.ones((3, 3), np.uint8)
# Contrast beside a core that counts as part of a letter: share of the contrast in the core, of which the 90th
# percentile is taken, and levels, at least. Of 80 captions (sizes, typefaces, scripts, contrasts) none loses ink by
# shares up to 0.33. A core with less contrast keeps its margins.
LIKE_LETTERS, LEAST = 0.25, 8.0
# Pixels around the last contrast that count as letters too.
SPARE = 2


def trimmed(cores: Boxes, grown: Boxes, image: UInt8[np.ndarray, "H W 3"]) -> Boxes:
    """The grown boxes without margins in which nothing is drawn; never smaller than the cores.

    Args:
        cores: boxes of what the network marks.
        grown: the same, enlarged by as much as letters may reach beyond.
        image: RGB, in which both lie.
    """
    contrast = cv2.morphologyEx(image, cv2.MORPH_GRADIENT, NEAR).max(axis=2)
    limits = np.tile(image.shape[1::-1], 2)
    inner, outer = (np.clip(np.round(boxes), 0, limits).astype(int) for boxes in (cores, grown))
    return np.array([_one(core, box, contrast) for core, box in zip(inner, outer, strict=True)]).reshape(-1, 4)


def _one(
    core: Int[np.ndarray, "4"], box: Int[np.ndarray, "4"], contrast: UInt8[np.ndarray, "H W"]
) -> Float[np.ndarray, "4"]:
    x0, y0, x1, y1 = map(int, box)
    strokes = contrast[core[1] : core[3], core[0] : core[2]]
    letters = float(np.percentile(strokes, 90)) if strokes.size else 0.0
    if letters < LEAST:
        return box.astype(np.float64)
    least = max(LEAST, LIKE_LETTERS * letters)
    drawn = contrast[y0:y1, x0:x1] >= least
    left, right = _ends(np.logical_or.reduce(drawn, axis=0), x0)
    top, bottom = _ends(np.logical_or.reduce(drawn, axis=1), y0)
    near = np.maximum(np.minimum((left - SPARE, top - SPARE), core[:2] - SPARE), (x0, y0))
    far = np.minimum(np.maximum((right + SPARE, bottom + SPARE), core[2:] + SPARE), (x1, y1))
    return np.concatenate([near, far]).astype(np.float64)


def _ends(drawn: Bool[np.ndarray, " n"], first: int) -> tuple[int, int]:
    """Where a row of pixels that begins at `first` is drawn first, and the pixel after the last one."""
    at = np.flatnonzero(drawn)
    return (first + int(at[0]), first + int(at[-1]) + 1) if at.size else (first + len(drawn), first)
