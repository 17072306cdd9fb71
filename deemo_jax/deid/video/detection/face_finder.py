"""How the pictures of one clip are looked at: as a whole, small; and at full size, in tiles that fit in memory.

Axes: N faces.
"""

import dataclasses
import itertools
import math
from typing import Protocol, runtime_checkable

import numpy as np
from jaxtyping import Float32, UInt8

from deemo_jax.deid.settings import Settings
from deemo_jax.deid.video.detection.boxes import joined
from deemo_jax.deid.video.detection.centerface import input_size
from deemo_jax.deid.video.detection.turned_faces import UPRIGHT, detect

# Pixels of a tile, at most: the network takes some 250 bytes for each. A picture of 720p is one, of 4K nine.
TILE = 1_300_000


@runtime_checkable
class ScalablePicture(Protocol):
    """A picture that can be had at any size."""

    @property
    def size(self) -> tuple[int, int]:
        """Width and height, pixels."""

    def rgb(self, width: int, height: int) -> UInt8[np.ndarray, "height width 3"]:
        """Scaled to a size."""


@dataclasses.dataclass(frozen=True, slots=True)
class FaceFinder:
    """How to look.

    Attributes:
        settings: how large, and what counts.
        turns: quarter turns by which every picture is looked at; upright, unless faces were found that are not.
    """

    settings: Settings
    turns: tuple[int, ...] = UPRIGHT

    def whole(self, picture: ScalablePicture, threshold: float) -> Float32[np.ndarray, "N 5"]:
        """Faces from the smallest size up, as x0, y0, x1, y1, score; pixels of the picture, best first."""
        return self.turned(picture, threshold, self.turns)

    def turned(self, picture: ScalablePicture, threshold: float, turns: tuple[int, ...]) -> Float32[np.ndarray, "N 5"]:
        """The same in a picture that is turned."""
        scale = self.settings.detection_scale(*picture.size)
        return detect(picture.rgb(*input_size(*picture.size, scale)), picture.size, scale, threshold, turns)

    def sees_all(self, size: tuple[int, int]) -> bool:
        """Whether a look at the whole picture is one at full size."""
        return self.settings.detection_scale(*size) == 1

    def full_size(self, picture: ScalablePicture, threshold: float) -> Float32[np.ndarray, "N 5"]:
        """All faces that are not so large as to lie in several tiles; those are seen whole by `whole`."""
        size, image = picture.size, picture.rgb(*picture.size)
        overlap = self.settings.smallest_pixels(*size)
        (width, lefts), (height, tops) = tiles(size, overlap)
        found = []
        for left, top in itertools.product(lefts, tops):
            faces = detect(image[top : top + height, left : left + width], (width, height), 1.0, threshold, self.turns)
            found.append(faces + np.array([left, top, left, top, 0], np.float32))
        return found[0] if len(found) == 1 else joined(np.concatenate(found))


def tiles(size: tuple[int, int], overlap: int) -> tuple[tuple[int, list[int]], tuple[int, list[int]]]:
    """Equal tiles that cover a picture: their width and left edges, their height and top edges."""
    counts = [1, 1]
    while True:
        sides = [math.ceil((side + (n - 1) * overlap) / n) for side, n in zip(size, counts, strict=True)]
        if math.prod(sides) <= TILE or min(sides) <= 2 * overlap:
            break
        counts[int(sides[1] > sides[0])] += 1
    edges = [[round(e) for e in np.linspace(0, s - t, n)] for s, t, n in zip(size, sides, counts, strict=True)]
    return (sides[0], edges[0]), (sides[1], edges[1])
