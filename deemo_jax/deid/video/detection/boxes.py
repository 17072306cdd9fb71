"""Boxes around faces, compared and joined. Coordinates are pixels; x1 and y1 are the far edges.

Axes: N, M boxes. A box is x0, y0, x1, y1; functions that take "N _" ignore what follows these four, e.g. a score.
"""

import numpy as np
from jaxtyping import Bool, Float

Box = Float[np.ndarray, "4"]
Boxes = Float[np.ndarray, "_ 4"]
# A face as the detector reports it: a box and a score from 0 to 1.
ScoredBoxes = Float[np.ndarray, "_ 5"]

# Two reports that share more than this part of their union are of one face (the value of CenterFace's authors).
SAME_FACE_IOU = 0.3


def heights(faces: Float[np.ndarray, "N _"]) -> Float[np.ndarray, " N"]:
    """Height of each box, pixels."""
    return faces[:, 3] - faces[:, 1]


def at_one_place(face: Float[np.ndarray, " _"], other: Float[np.ndarray, " _"]) -> bool:
    """Whether the centre of one box lies in the other."""
    for a, b in ((face, other), (other, face)):
        middle = (a[:2] + a[2:4]) / 2
        if (middle > b[:2]).all() and (middle < b[2:4]).all():
            return True
    return False


def joined(faces: ScoredBoxes) -> ScoredBoxes:
    """Unites overlapping boxes: the hull of each group, with its best score; best first."""
    kept: list[np.ndarray] = []
    for face in faces[np.argsort(-faces[:, 4], kind="stable")]:
        if kept and (near := overlaps(np.array(kept), face[None], SAME_FACE_IOU)[:, 0]).any():
            first = kept[int(near.argmax())]
            first[:2], first[2:4] = np.minimum(first[:2], face[:2]), np.maximum(first[2:4], face[2:4])
        else:
            kept.append(face.copy())
    return np.array(kept, np.float32).reshape(-1, 5)


def overlaps(
    faces: Float[np.ndarray, "N _"], others: Float[np.ndarray, "M _"], share: float
) -> Bool[np.ndarray, "N M"]:
    """Which pairs of boxes have an intersection over union above `share`."""
    near = np.maximum(faces[:, None, :2], others[None, :, :2])
    far = np.minimum(faces[:, None, 2:4], others[None, :, 2:4])
    common = np.clip(far - near, 0, None).prod(axis=-1)
    areas = [np.clip(b[:, 2:4] - b[:, :2], 0, None).prod(axis=-1) for b in (faces, others)]
    return common > share * (areas[0][:, None] + areas[1][None] - common)


def middles_within(faces: Float[np.ndarray, "N _"], others: Float[np.ndarray, "M _"]) -> Bool[np.ndarray, " N"]:
    """Whether the centre of each face lies in one of the others, as for a mouth or an eye that was taken for a face."""
    middle = (faces[:, None, :2] + faces[:, None, 2:4]) / 2
    inside = np.all((middle > others[None, :, :2]) & (middle < others[None, :, 2:4]), axis=-1)
    return np.any(inside, axis=1)
