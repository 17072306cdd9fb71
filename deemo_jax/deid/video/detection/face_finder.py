"""Searches the pictures of a clip for faces: as a whole, scaled down; or at full size, in tiles that fit in memory.

Axes: N faces.
"""

import dataclasses
import itertools
import math
from typing import Protocol, runtime_checkable

import numpy as np
from jaxtyping import Float32, UInt8

from deemo_jax.deid.settings import DETECTOR_FACE_PIXELS, Settings
from deemo_jax.deid.video.detection.boxes import heights, joined
from deemo_jax.deid.video.detection.centerface import input_size
from deemo_jax.deid.video.detection.turned_faces import UPRIGHT, detect

# Pixels of a tile, at most: the network takes some 250 bytes for each. A picture of 720p is one tile, of 4K nine.
TILE = 1_300_000
# Pixels at full size, for each that `whole` looks at, up to which a picture is searched again at full size.
LITTLE_MORE = 2


@runtime_checkable
class ScalablePicture(Protocol):
    """A picture that can be scaled to any size."""

    @property
    def size(self) -> tuple[int, int]:
        """Width and height, pixels."""

    def rgb(self, width: int, height: int) -> UInt8[np.ndarray, "height width 3"]:
        """The picture in RGB, scaled to a width and height in pixels."""


@dataclasses.dataclass(frozen=True, slots=True)
class FaceFinder:
    """How pictures are searched.

    Attributes:
        settings: of de-identification.
        turns: quarter turns by which every picture is searched; only upright, unless faces were found that are not.
    """

    settings: Settings
    turns: tuple[int, ...] = UPRIGHT

    def whole(self, picture: ScalablePicture, threshold: float) -> Float32[np.ndarray, "N 5"]:
        """Faces from `settings.smallest_face` up, best first: x0, y0, x1, y1, score; pixels of the picture."""
        return self.turned(picture, threshold, self.turns)

    def turned(self, picture: ScalablePicture, threshold: float, turns: tuple[int, ...]) -> Float32[np.ndarray, "N 5"]:
        """As `whole`, with the picture searched by other quarter turns."""
        scale = self.settings.detection_scale(*picture.size)
        return detect(picture.rgb(*input_size(*picture.size, scale)), picture.size, scale, threshold, turns)

    def sees_all(self, size: tuple[int, int]) -> bool:
        """Whether `whole` searches pictures of this size at full size."""
        return self.settings.detection_scale(*size) == 1

    def again(self, picture: ScalablePicture, threshold: float) -> Float32[np.ndarray, "N 5"]:
        """As `whole`, but at full size where that takes at most twice as long: at another scale other faces are seen.

        What is lower than the detector is made for must score `settings.threshold`.
        """
        size, scale = picture.size, self.settings.detection_scale(*picture.size)
        if scale == 1 or math.prod(size) > LITTLE_MORE * math.prod(input_size(*size, scale)):
            return self.whole(picture, threshold)
        faces = self.full_size(picture, threshold)
        return faces[(heights(faces) >= DETECTOR_FACE_PIXELS) | (faces[:, 4] >= self.settings.threshold)]

    def full_size(self, picture: ScalablePicture, threshold: float) -> Float32[np.ndarray, "N 5"]:
        """Faces of any size that fit in a tile, as in `whole`, which finds larger ones."""
        size, image = picture.size, picture.rgb(*picture.size)
        overlap = self.settings.smallest_pixels(*size)
        (width, lefts), (height, tops) = tiles(size, overlap)
        found = []
        for left, top in itertools.product(lefts, tops):
            faces = detect(image[top : top + height, left : left + width], (width, height), 1.0, threshold, self.turns)
            found.append(faces + np.array([left, top, left, top, 0], np.float32))
        return found[0] if len(found) == 1 else joined(np.concatenate(found))


def tiles(size: tuple[int, int], overlap: int) -> tuple[tuple[int, list[int]], tuple[int, list[int]]]:
    """Equal tiles that cover a picture and overlap.

    Args:
        size: width and height of the picture, pixels.
        overlap: of neighbours, pixels, at least.

    Returns:
        The tiles' width and left edges, and their height and top edges.
    """
    counts = [1, 1]
    while True:
        sides = [math.ceil((side + (n - 1) * overlap) / n) for side, n in zip(size, counts, strict=True)]
        if math.prod(sides) <= TILE or min(sides) <= 2 * overlap:
            break
        counts[int(sides[1] > sides[0])] += 1
    edges = [[round(e) for e in np.linspace(0, s - t, n)] for s, t, n in zip(size, sides, counts, strict=True)]
    return (sides[0], edges[0]), (sides[1], edges[1])
