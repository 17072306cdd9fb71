"""Close-ups: parts of a picture, enlarged or shrunk to one size, in which a detection is checked or a face searched.

In a close-up fists and logos, which score low as faces in the whole picture, score as none.
Axes: N faces, H height, W width, S side of a close-up.
"""

from collections.abc import Iterator, Sequence

import cv2
import numpy as np
from jaxtyping import Bool, Float, Float32, UInt8

from deemo_jax.deid.video.detection.turned_faces import UPRIGHT, detect
from deemo_jax.media.picture import Picture

# A close-up is a square whose side is so many times the longer side of a box, scaled to SIDE pixels.
CONTEXTS, SIDE = (2.5, 4.0), 160
# Score below which a close-up denies a face. Of 71 fists and logos that scored 0.2 to 0.5 in the whole picture the best
# score in a close-up was 0.07; faces half hidden or half out of the picture scored at least 0.05.
NOTHING = 0.05
# Detections of a picture that are checked, at most.
MOST = 6


def refuted(
    picture: Picture,
    faces: Float32[np.ndarray, "N 5"],
    threshold: float,
    sure: float,
    turns: Sequence[int] = UPRIGHT,
) -> Bool[np.ndarray, " N"]:
    """Which faces are denied by close-ups.

    Args:
        picture: in which they were found.
        faces: x0, y0, x1, y1, score; pixels of the picture, best first.
        threshold: faces that score lower are not checked, and not denied.
        sure: faces that score as much or higher are not checked, and not denied.
        turns: quarter turns by which the close-ups are searched.
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
    """The best score of a face in close-ups that contains the centre of a box."""
    return max(_close_up_scores(image, box, turns))


def _close_up_scores(
    image: UInt8[np.ndarray, "H W 3"], box: Float[np.ndarray, "4"], turns: Sequence[int]
) -> Iterator[float]:
    """In the close-up of each context, the best score of a face that contains the centre of the box."""
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
    """The faces in a close-up, best first: x0, y0, x1, y1, score; pixels of the whole picture.

    Args:
        image: the whole picture, RGB.
        box: around whose centre the close-up lies.
        context: side of the close-up in units of the longer side of the box.
        threshold: lowest score.
        turns: quarter turns by which it is searched.
    """
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
