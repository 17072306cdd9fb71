"""Which pixels of a picture are surely of the people whose faces are covered; all others are background.

Axes: H and W of the picture, h and w of the network's.
"""

from collections.abc import Sequence

import cv2
import numpy as np
from jaxtyping import Bool, Float32, UInt8

from deemo_jax.deid.manifest import Rectangle

# Probability from which a pixel counts as a person's.
SURE = 0.7


def sure_of_person(
    before: Float32[np.ndarray, "h w"], now: Float32[np.ndarray, "h w"], after: Float32[np.ndarray, "h w"]
) -> Float32[np.ndarray, "h w"]:
    """The lesser of a pixel's probability and its mean over the frame (twice) and its neighbours.

    What is taken for a person in one frame only is so background, and nothing becomes a person's by its neighbours.
    """
    return np.minimum(now, (before + 2 * now + after) / 4)


def person_pixels(
    sure: Float32[np.ndarray, "h w"], rectangles: Sequence[Rectangle], width: int, height: int
) -> Bool[np.ndarray, "H W"]:
    """The pixels of connected regions that are surely a person and touch a covered face.

    Args:
        sure: of `sure_of_person`.
        rectangles: over the faces, pixels of the picture.
        width: of the picture, pixels.
        height: of the picture, pixels.
    """
    kept = _touched((sure >= SURE).astype(np.uint8), rectangles, width, height)
    return cv2.resize(sure * kept, (width, height), interpolation=cv2.INTER_LINEAR) >= SURE


def _touched(
    person: UInt8[np.ndarray, "h w"], rectangles: Sequence[Rectangle], width: int, height: int
) -> Bool[np.ndarray, "h w"]:
    """The connected regions of a network's picture that lie under a rectangle in part."""
    _, number = cv2.connectedComponents(person, connectivity=8)
    rows, columns = number.shape
    touched = set[int]()
    for x0, y0, x1, y1 in rectangles:
        left, right = x0 * columns // width, -(-x1 * columns // width)
        top, bottom = y0 * rows // height, -(-y1 * rows // height)
        touched.update(np.unique(number[top:bottom, left:right]).tolist())
    return np.isin(number, sorted(touched - {0}))
