"""Whether a picture shows something beside its masks that an earlier picture did not.

Where the detector found no face before, it finds none unless there is something new. What has only moved a little is
not: new is what is brighter or darker than everything that was near its place.
Axes: H height and W width of the network's input.
"""

import math
from collections.abc import Sequence

import cv2
import numpy as np
from jaxtyping import UInt8

from deemo_jax.deid.manifest import Rectangle
from deemo_jax.deid.settings import DETECTOR_FACE_PIXELS

# Pixels around a place that count as near it: two to each side.
NEAR = np.ones((5, 5), np.uint8)
# Mean of what is new over a square of the size of the smallest face that the detector finds, grey levels. From one
# frame to the next of people who sit and speak it is below 1; where an arm moves, above 5.
NEW = 2.0


def shows_something_new(
    before: UInt8[np.ndarray, "H W"],
    now: UInt8[np.ndarray, "H W"],
    size: tuple[int, int],
    covered: Sequence[Rectangle],
) -> bool:
    """Whether a picture shows something new beside its masks.

    Args:
        before: brightness of the earlier picture, scaled to the network's input.
        now: of the later picture, likewise.
        size: width and height of the picture itself, pixels.
        covered: rectangles of the later picture, in its own pixels.
    """
    brighter = cv2.subtract(now, cv2.dilate(before, NEAR))
    darker = cv2.subtract(cv2.erode(before, NEAR), now)
    new = cv2.max(brighter, darker).astype(np.float32)
    across, down = new.shape[1] / size[0], new.shape[0] / size[1]
    for x0, y0, x1, y1 in covered:
        new[math.ceil(y0 * down) : int(y1 * down), math.ceil(x0 * across) : int(x1 * across)] = 0
    return bool(cv2.blur(new, (DETECTOR_FACE_PIXELS, DETECTOR_FACE_PIXELS)).max() > NEW)
