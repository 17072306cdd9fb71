"""Whether a picture shows fine contrast where an earlier one had none near: text may have come or moved there.

Axes: H height and W width of a thumbnail.
"""

import cv2
import numpy as np
from jaxtyping import UInt8

# Pixels of the shorter side of thumbnails: letters of 2 % of the height are 6 pixels high.
SHORT_SIDE = 288
# Pixels whose brightest and darkest one make the contrast of a place; and those around a place in which contrast is not
# new if it was there before.
FINE, NEAR = np.ones((5, 5), np.uint8), np.ones((9, 9), np.uint8)
# Width and height, pixels, of a piece of a line: so much of it must be new.
PIECE = (24, 8)
# Mean of the new contrast over such a piece, grey levels. White letters on grey have 60 and more; an edge that moves,
# such as of an arm, about 20.
NEW = 30.0


def thumbnail_size(width: int, height: int) -> tuple[int, int]:
    """Width and height, pixels, of the thumbnail of a picture of this size."""
    scale = min(1.0, SHORT_SIDE / min(width, height))
    return max(1, round(width * scale)), max(1, round(height * scale))


def contrast(thumbnail: UInt8[np.ndarray, "H W"]) -> UInt8[np.ndarray, "H W"]:
    """The difference between the brightest and the darkest pixel near every pixel, grey levels."""
    return cv2.morphologyEx(thumbnail, cv2.MORPH_GRADIENT, FINE)


def shows_new_contrast(before: UInt8[np.ndarray, "H W"], now: UInt8[np.ndarray, "H W"]) -> bool:
    """Whether a picture has contrast, over a piece of a line, where the earlier one had less near.

    Args:
        before: contrast of the earlier picture.
        now: of the later one.
    """
    new = cv2.subtract(now, cv2.dilate(before, NEAR))
    return bool(cv2.blur(new, PIECE).max() > NEW)
