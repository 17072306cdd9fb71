"""Faces in a picture that is looked at upright and turned: who lies down, and who was filmed by a wrong rotation flag.

The detector was taught upright faces: it finds one that lies on its side or stands on its head seldom, or beside where
it is. A turn is a number of quarter turns counter-clockwise. Axes: N, M faces; H height, W width.
"""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Bool, Float, Float32, UInt8

from deemo_jax.deid.video.faces import NMS_IOU, face_detector

UPRIGHT = (0,)
TURNS = (1, 2, 3)
# By so much a turned face scores higher than it does upright: an upright one seldom scores as high turned, and then by
# chance.
BETTER = 0.02

Found = Float32[np.ndarray, "N 5"]


def detect(
    image: UInt8[np.ndarray, "H W 3"],
    size: tuple[int, int],
    scale: float,
    threshold: float,
    turns: Sequence[int] = UPRIGHT,
) -> Found:
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
        detector = face_detector(*(size[::-1] if turn % 2 else size), scale)
        looks.append(turned_back(detector(np.ascontiguousarray(np.rot90(image, turn)), threshold), turn, size))
    return looks[0] if len(looks) == 1 else best(looks)


def turned_back(faces: Found, turn: int, size: tuple[int, int]) -> Found:
    """Faces of a picture that was turned, in pixels of the picture of width and height `size`."""
    width = size[turn % 2]
    for _ in range(turn):
        width = sum(size) - width
        x0, y0, x1, y1, score = faces.T
        faces = np.stack([width - y1, x0, width - y0, x1, score], axis=1)
    return faces


def best(looks: Sequence[Found]) -> Found:
    """What several looks see, best first: none of it lies where another look sees more likely a face."""
    faces = np.concatenate(looks)
    of = np.repeat(np.arange(len(looks)), [len(found) for found in looks])
    kept: list[int] = []
    for i in np.argsort(-faces[:, 4], kind="stable"):
        if not any(of[i] != of[k] and at_one_place(faces[i], faces[k]) for k in kept):
            kept.append(int(i))
    return faces[kept]


def at_one_place(face: Float[np.ndarray, " _"], other: Float[np.ndarray, " _"]) -> bool:
    """Whether the middle of one lies in the other."""
    for a, b in ((face, other), (other, face)):
        middle = (a[:2] + a[2:4]) / 2
        if (middle > b[:2]).all() and (middle < b[2:4]).all():
            return True
    return False


def joined(faces: Found) -> Found:
    """One box for each group that overlaps: around all of it, with the best score; best first."""
    kept: list[np.ndarray] = []
    for face in faces[np.argsort(-faces[:, 4], kind="stable")]:
        if kept and (near := overlaps(np.array(kept), face[None], NMS_IOU)[:, 0]).any():
            first = kept[int(near.argmax())]
            first[:2], first[2:4] = np.minimum(first[:2], face[:2]), np.maximum(first[2:4], face[2:4])
        else:
            kept.append(face.copy())
    return np.array(kept, np.float32).reshape(-1, 5)


def overlaps(
    faces: Float[np.ndarray, "N _"], others: Float[np.ndarray, "M _"], share: float
) -> Bool[np.ndarray, "N M"]:
    """Which boxes have more than this share of their union in common; columns after the fourth do not matter."""
    near = np.maximum(faces[:, None, :2], others[None, :, :2])
    far = np.minimum(faces[:, None, 2:4], others[None, :, 2:4])
    common = np.clip(far - near, 0, None).prod(axis=-1)
    areas = [np.clip(b[:, 2:4] - b[:, :2], 0, None).prod(axis=-1) for b in (faces, others)]
    return common > share * (areas[0][:, None] + areas[1][None] - common)


def better_turns(upright: Found, looks: Sequence[tuple[int, Found]], sure: float) -> frozenset[int]:
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
