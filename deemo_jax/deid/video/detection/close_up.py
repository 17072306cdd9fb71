"""Parts of a picture looked at from near: is it a face at all, and where is a small one?

What scores low from afar is looked at again, and from near a fist or a logo is none. Axes: N faces, H height, W width,
S side of a close-up.
"""

from collections.abc import Iterator, Sequence

import cv2
import numpy as np
from jaxtyping import Bool, Float, Float32, UInt8

from deemo_jax.deid.video.detection.turned_faces import UPRIGHT, detect
from deemo_jax.media.picture import Picture

# A close-up is a square of so many times the box's longer side, shown at so many pixels.
CONTEXTS, SIDE = (2.5, 4.0), 160
# On 71 fists and logos that scored 0.2 to 0.5 from afar the best score from near was 0.07, on faces half hidden or half
# out of the picture 0.05 at least.
NOTHING = 0.05
# More in one picture stand as they are.
MOST = 6


def refuted(
    picture: Picture,
    faces: Float32[np.ndarray, "N 5"],
    threshold: float,
    sure: float,
    turns: Sequence[int] = UPRIGHT,
) -> Bool[np.ndarray, " N"]:
    """Which of the faces that score at least `threshold` and less than `sure` are none from near; others never are.

    Args:
        picture: in which they were found.
        faces: x0, y0, x1, y1, score; pixels of the picture, best first.
        threshold: lower scores are not asked about.
        sure: higher scores need no second opinion.
        turns: by which the close-ups are turned.
    """
    answers = np.zeros(len(faces), bool)
    unsure = np.flatnonzero((faces[:, 4] >= threshold) & (faces[:, 4] < sure))[:MOST]
    if unsure.size:
        image = picture.rgb()
        for i in unsure:
            answers[i] = all(score < NOTHING for score in _close_up_scores(image, faces[i, :4], turns))
    return answers


def close_up_score(
    image: UInt8[np.ndarray, "H W 3"], box: Float[np.ndarray, "4"], turns: Sequence[int] = UPRIGHT
) -> float:
    """The best score from near of a face around the middle of a box."""
    return max(_close_up_scores(image, box, turns))


def _close_up_scores(
    image: UInt8[np.ndarray, "H W 3"], box: Float[np.ndarray, "4"], turns: Sequence[int]
) -> Iterator[float]:
    middle = np.tile((box[:2] + box[2:4]) / 2, 2)
    for context in CONTEXTS:
        found = faces_close_up(image, box, context, NOTHING, turns)
        around = ((found[:, :4] - middle) * (-1, -1, 1, 1) > 0).all(axis=1)
        yield float(found[around, 4].max(initial=0.0))


def faces_close_up(
    image: UInt8[np.ndarray, "H W 3"],
    box: Float[np.ndarray, "4"],
    context: float,
    threshold: float,
    turns: Sequence[int] = UPRIGHT,
) -> Float32[np.ndarray, "N 5"]:
    """The faces in a square of `context` times a box's longer side, in pixels of the whole picture, best first."""
    scale = SIDE / (context * max(1.0, float((box[2:4] - box[:2]).max())))
    shift = SIDE / 2 - scale * (box[:2] + box[2:4]) / 2
    matrix = np.array([[scale, 0, shift[0]], [0, scale, shift[1]]], np.float64)
    way = cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC
    close: UInt8[np.ndarray, "S S 3"] = cv2.warpAffine(
        image, matrix, (SIDE, SIDE), flags=way, borderMode=cv2.BORDER_REPLICATE
    )
    found = detect(close, (SIDE, SIDE), 1.0, threshold, turns)
    found[:, :4] = (found[:, :4] - np.tile(shift, 2)) / scale
    return found
