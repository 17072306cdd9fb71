"""Faces in a picture that is looked at upright and turned: who lies down, and who was filmed by a wrong rotation flag.

The detector was taught upright faces: it finds one that lies on its side or stands on its head seldom, or beside where
it is. A turn is a number of quarter turns counter-clockwise. Axes: N, M faces; H height, W width.
"""

from collections.abc import Sequence

import numpy as np
from jaxtyping import UInt8

from deemo_jax.deid.video.detection.boxes import ScoredBoxes, at_one_place
from deemo_jax.deid.video.detection.centerface import FaceDetector

UPRIGHT = (0,)
TURNS = (1, 2, 3)
# By so much a turned face scores higher than it does upright: an upright one seldom scores as high turned, and then by
# chance.
BETTER = 0.02


def detect(
    image: UInt8[np.ndarray, "H W 3"],
    size: tuple[int, int],
    scale: float,
    threshold: float,
    turns: Sequence[int] = UPRIGHT,
) -> ScoredBoxes:
    """The faces in a picture, however it is turned.

    Args:
        image: the picture, or what the detector sees of it, scaled already.
        size: width and height of the picture, pixels.
        scale: at which the detector looks at it.
        threshold: least score.
        turns: by which it is turned for a look each; of what several see, the box with the best score is taken.

    Returns:
        x0, y0, x1, y1, score; pixels of the picture, best first.
    """
    looks = []
    for turn in turns:
        detector = FaceDetector(*(size[::-1] if turn % 2 else size), scale)
        looks.append(turned_back(detector(np.ascontiguousarray(np.rot90(image, turn)), threshold), turn, size))
    return looks[0] if len(looks) == 1 else best(looks)


def turned_back(faces: ScoredBoxes, turn: int, size: tuple[int, int]) -> ScoredBoxes:
    """Faces of a picture that was turned, in pixels of the picture of width and height `size`."""
    width = size[turn % 2]
    for _ in range(turn):
        width = sum(size) - width
        x0, y0, x1, y1, score = faces.T
        faces = np.stack([width - y1, x0, width - y0, x1, score], axis=1)
    return faces


def best(looks: Sequence[ScoredBoxes]) -> ScoredBoxes:
    """What several looks see, best first: none of it lies where another look sees more likely a face."""
    faces = np.concatenate(looks)
    of = np.repeat(np.arange(len(looks)), [len(found) for found in looks])
    kept: list[int] = []
    for i in np.argsort(-faces[:, 4], kind="stable"):
        if not any(of[i] != of[k] and at_one_place(faces[i], faces[k]) for k in kept):
            kept.append(int(i))
    return faces[kept]


def better_turns(upright: ScoredBoxes, looks: Sequence[tuple[int, ScoredBoxes]], sure: float) -> frozenset[int]:
    """The turns that show best what is surely a face, if none or a less likely one is seen there upright.

    Args:
        upright: what is seen upright.
        looks: turns, and what is seen in each.
        sure: score from which a detection is surely a face.
    """
    faces = best([upright, *(found for _, found in looks)])
    found = set()
    for turn, seen in looks:
        for face in seen:
            likely = face[4] >= sure and (faces == face).all(axis=1).any()
            if likely and not any(at_one_place(face, one) and one[4] > face[4] - BETTER for one in upright):
                found.add(turn)
    return frozenset(found)
