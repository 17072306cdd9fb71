"""What an attacker reads off people whose faces and rooms are hidden: the colours and the lines of their clothes.

Axes: F frames, H height and W width of the picture, D numbers of a vector.
"""

from collections.abc import Sequence

import cv2
import numpy as np
from jaxtyping import Bool, Float, UInt8
from skimage.feature import hog

from deemo_jax.deid.manifest import Rectangle
from deemo_jax.deid.video.masks import FILL

# Bins of hue, saturation and value; and the ends of OpenCV's scales.
BINS, ENDS = (8, 4, 4), (0, 180, 0, 256, 0, 256)
# Width and height of what is seen below a mask, as a multiple of the mask's width; and the picture of it, pixels.
REACH, SIDE = 3, 64
# Directions of gradients, pixels of a cell, and cells of a block, to a side.
DIRECTIONS, CELL, BLOCK = 9, 16, 2
# Grey levels by which a pixel of a backdrop at rest differs from its median over the frames, at most.
AT_REST = 1


def clothes_colours(
    images: Sequence[UInt8[np.ndarray, "H W 3"]],
    people: Sequence[Bool[np.ndarray, "H W"]],
    faces: Sequence[Rectangle],
) -> Float[np.ndarray, "F D"]:
    """Square roots of the shares of colours among the people's pixels below the mask.

    Args:
        images: RGB.
        people: the pixels that are seen of people.
        faces: the largest mask of each picture.
    """
    found = []
    for image, seen, (_, _, _, bottom) in zip(images, people, faces, strict=True):
        below = seen.astype(np.uint8)
        below[:bottom] = 0
        hsv = cv2.cvtColor(image, cv2.COLOR_RGB2HSV)
        counts = cv2.calcHist([hsv], [0, 1, 2], below, list(BINS), list(ENDS)).ravel()
        found.append(np.sqrt(counts / max(counts.sum(), 1)))
    return np.asarray(found, np.float64)


def clothes_lines(
    images: Sequence[UInt8[np.ndarray, "H W 3"]],
    people: Sequence[Bool[np.ndarray, "H W"]],
    faces: Sequence[Rectangle],
) -> Float[np.ndarray, "F D"]:
    """Histograms of gradients' directions of what is seen of people below the mask, around its middle.

    Args:
        images: RGB.
        people: the pixels that are seen of people.
        faces: the largest mask of each picture.
    """
    found = []
    for image, seen, (left, _, right, bottom) in zip(images, people, faces, strict=True):
        reach = REACH * (right - left)
        grey = np.where(seen, cv2.cvtColor(image, cv2.COLOR_RGB2GRAY), FILL).astype(np.uint8)
        around = cv2.copyMakeBorder(grey, 0, reach, reach, reach, cv2.BORDER_CONSTANT, value=FILL)
        start = (left + right) // 2 - reach // 2 + reach
        shown = cv2.resize(
            around[bottom : bottom + reach, start : start + reach], (SIDE, SIDE), interpolation=cv2.INTER_AREA
        )
        found.append(hog(shown, DIRECTIONS, (CELL, CELL), (BLOCK, BLOCK)))
    return np.asarray(found, np.float64)


def filled(images: UInt8[np.ndarray, "F H W 3"]) -> UInt8[np.ndarray, "F H W 3"]:
    """What an attacker makes of a blurred backdrop: what does not change over the frames becomes grey."""
    usual, found = np.median(images, axis=0), images.copy()
    for image in found:
        rests = (np.abs(image - usual).max(axis=-1) <= AT_REST).astype(np.uint8)
        # A person's pixel that rests by chance stands alone.
        image[cv2.morphologyEx(rests, cv2.MORPH_OPEN, np.ones((3, 3), np.uint8)) > 0] = FILL
    return found
