"""Is it a face at all? What scores low is looked at again from near, where a fist or a logo is none.

Axes: N faces, H height, W width, S side of a close-up.
"""

import cv2
import numpy as np
from jaxtyping import Bool, Float, Float32, UInt8

from deemo_jax.deid.faces import face_detector
from deemo_jax.media.picture import Picture

# A close-up is a square of so many times the box's longer side, shown at so many pixels.
CONTEXTS, SIDE = (2.5, 4.0), 160
# On 71 fists and logos that scored 0.2 to 0.5 from afar the best score from near was 0.07, on faces half hidden or half
# out of the picture 0.05 at least.
NOTHING = 0.05
# More in one picture stand as they are.
MOST = 6


def doubtful(
    picture: Picture, faces: Float32[np.ndarray, "N 5"], threshold: float, sure: float
) -> Bool[np.ndarray, "N"]:
    """Which of the faces that score at least `threshold` and less than `sure` are none from near; others never are.

    Args:
        picture: in which they were found.
        faces: x0, y0, x1, y1, score; pixels of the picture, best first.
        threshold: lower scores are not asked about.
        sure: higher scores need no second opinion.
    """
    answers = np.zeros(len(faces), bool)
    unsure = np.flatnonzero((faces[:, 4] >= threshold) & (faces[:, 4] < sure))[:MOST]
    if unsure.size:
        image = picture.rgb()
        for i in unsure:
            answers[i] = max(_score(image, faces[i, :4], context) for context in CONTEXTS) < NOTHING
    return answers


def _score(image: UInt8[np.ndarray, "H W 3"], box: Float[np.ndarray, "4"], context: float) -> float:
    """Of the best face around the middle of the close-up."""
    scale = SIDE / (context * max(1.0, float((box[2:] - box[:2]).max())))
    centre = (box[:2] + box[2:]) / 2
    shift = SIDE / 2 - scale * centre
    matrix = np.array([[scale, 0, shift[0]], [0, scale, shift[1]]], np.float64)
    way = cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC
    close: UInt8[np.ndarray, "S S 3"] = cv2.warpAffine(
        image, matrix, (SIDE, SIDE), flags=way, borderMode=cv2.BORDER_REPLICATE
    )
    found = face_detector(SIDE, SIDE)(close, NOTHING)
    middle = (found[:, :2] < SIDE / 2).all(axis=1) & (found[:, 2:4] > SIDE / 2).all(axis=1)
    return float(found[middle, 4].max(initial=0.0))
