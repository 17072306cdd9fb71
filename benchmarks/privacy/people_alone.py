"""Other ways to show the people of a clip before grey, which no command has: less of their clothes, and what it costs.

Axes: H height and W width of the picture.
"""

import cv2
import numpy as np
from jaxtyping import Bool, UInt8

from deemo_jax.deid.video.masks import FILL

# Grey levels over which the brightness of people is spread evenly, and that of a silhouette.
DARKEST, BRIGHTEST, SILHOUETTE = 40, 216, 220


def in_even_greys(image: UInt8[np.ndarray, "H W 3"], people: Bool[np.ndarray, "H W"]) -> UInt8[np.ndarray, "H W 3"]:
    """The people without colour, their levels of brightness spread so that each is as frequent as any other."""
    bright = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)
    counts = np.bincount(bright[people], minlength=256)
    ranks = (np.cumsum(counts) - counts / 2) / max(counts.sum(), 1)
    levels = np.round(DARKEST + (BRIGHTEST - DARKEST) * ranks).astype(np.uint8)
    return _before_grey(levels[bright], people)


def silhouette(image: UInt8[np.ndarray, "H W 3"], people: Bool[np.ndarray, "H W"]) -> UInt8[np.ndarray, "H W 3"]:
    """The people's outline, filled."""
    return _before_grey(np.full(image.shape[:2], SILHOUETTE, np.uint8), people)


def _before_grey(bright: UInt8[np.ndarray, "H W"], people: Bool[np.ndarray, "H W"]) -> UInt8[np.ndarray, "H W 3"]:
    return np.where(people, bright, np.uint8(FILL))[..., None].repeat(3, axis=2)
