"""Searches a picture upright and turned: for people who lie down, and for films with a wrong rotation flag.

The detector was trained on upright faces and seldom finds others, or finds them at a wrong place. A turn is a number of
quarter turns counter-clockwise. Axes: N, M faces; H height, W width.
"""

from collections.abc import Sequence

import numpy as np
from jaxtyping import UInt8

from deemo_jax.deid.video.detection.boxes import ScoredBoxes, at_one_place
from deemo_jax.deid.video.detection.centerface import FaceDetector

UPRIGHT = (0,)
TURNS = (1, 2, 3)
# A face is taken for a turned one where it scores higher by this much in the turned picture than upright.
BETTER = 0.02


def detect(
    image: UInt8[np.ndarray, "H W 3"],
    size: tuple[int, int],
    scale: float,
    threshold: float,
    turns: Sequence[int] = UPRIGHT,
) -> ScoredBoxes:
    """The faces in a picture that is searched once in each of several turns.

    Args:
        image: the picture, at its own size or at that of the detector's input.
        size: width and height of the picture, pixels.
        scale: by which the detector's input is smaller than the picture.
        threshold: lowest score.
        turns: of the searches; of a face found in several, the box with the best score is taken.

    Returns:
        x0, y0, x1, y1, score; pixels of the picture, best first.
    """
    looks = []
    for turn in turns:
        detector = FaceDetector(*(size[::-1] if turn % 2 else size), scale)
        looks.append(turned_back(detector(np.ascontiguousarray(np.rot90(image, turn)), threshold), turn, size))
    return looks[0] if len(looks) == 1 else best(looks)


def turned_back(faces: ScoredBoxes, turn: int, size: tuple[int, int]) -> ScoredBoxes:
    """Faces found in a turned picture, in pixels of the picture before, of width and height `size`."""
    width = size[turn % 2]
    for _ in range(turn):
        width = sum(size) - width
        x0, y0, x1, y1, score = faces.T
        faces = np.stack([width - y1, x0, width - y0, x1, score], axis=1)
    return faces


def best(looks: Sequence[ScoredBoxes]) -> ScoredBoxes:
    """The faces of several searches, best first, without those where another search has a better one at the place."""
    faces = np.concatenate(looks)
    of = np.repeat(np.arange(len(looks)), [len(found) for found in looks])
    kept: list[int] = []
    for i in np.argsort(-faces[:, 4], kind="stable"):
        if not any(of[i] != of[k] and at_one_place(faces[i], faces[k]) for k in kept):
            kept.append(int(i))
    return faces[kept]


def better_turns(upright: ScoredBoxes, looks: Sequence[tuple[int, ScoredBoxes]], sure: float) -> frozenset[int]:
    """The turns in which a sure face is found that upright is not found, or scores lower.

    Args:
        upright: faces found upright.
        looks: turns, and the faces found in each.
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
