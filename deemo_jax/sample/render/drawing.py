"""Anti-aliased, shaded shapes on RGB canvases, and sprites that are placed by an affine map."""

import dataclasses
import functools
import math
from collections.abc import Sequence

import cv2
import numpy as np
from jaxtyping import Float, Int32, UInt8

RGB = tuple[int, int, int]
_SHIFT = 4  # OpenCV draws in sixteenths of a pixel
# A round limb is nested shapes, from the dark rim to the lit ridge: share of the radius, brightness.
_SHARES = np.array([1.0, 0.93, 0.85, 0.76, 0.66, 0.55, 0.43, 0.31, 0.18])
_BRIGHTNESS = (0.62, 0.72, 0.80, 0.87, 0.92, 0.965, 1.0, 1.03, 1.05)
_LIGHT = np.array([-0.22, -0.26])  # where the ridge lies, in radii: the light comes from the upper left
_FROM_MINUS_1_TO_1 = np.linspace(-1, 1, 12)


@dataclasses.dataclass(frozen=True)
class Sprite:
    """A picture with soft edges, placed by an affine map.

    Attributes:
        pixels: RGB premultiplied by the cover, and 255 where nothing is covered.
        inked: the smallest box with all that is covered, pixels: x0, y0, x1, y1.
    """

    pixels: UInt8[np.ndarray, "H W 4"]
    inked: tuple[int, int, int, int]


@dataclasses.dataclass(frozen=True)
class Stamp:
    """A picture with soft edges, placed at whole pixels; what is clear around it is cut off.

    Attributes:
        color: premultiplied by the cover.
        clear: 255 where nothing is covered, three times the same.
        offset: x and y of its first pixel in the picture that it was cut from.
    """

    color: UInt8[np.ndarray, "H W 3"]
    clear: UInt8[np.ndarray, "H W 3"]
    offset: tuple[int, int]


def sprite(color: UInt8[np.ndarray, "H W 3"], cover: Float[np.ndarray, "H W"]) -> Sprite:
    """From plain colour and a cover between 0 and 1."""
    share = np.clip(cover, 0, 1).astype(np.float32)
    clear = np.rint(255 * (1 - share)).astype(np.uint8)
    x, y, width, height = cv2.boundingRect(255 - clear)
    pixels = np.dstack([np.rint(color * share[..., None]).astype(np.uint8), clear])
    return Sprite(pixels, (x, y, x + width, y + height))


def stamp(color: UInt8[np.ndarray, "H W 3"], cover: Float[np.ndarray, "H W"]) -> Stamp:
    """From plain colour and a cover between 0 and 1."""
    item = sprite(color, cover)
    x0, y0, x1, y1 = item.inked
    return Stamp(*_color_and_clear(item.pixels[y0:y1, x0:x1]), (x0, y0))


def paste(canvas: UInt8[np.ndarray, "H W 3"], item: Sprite, matrix: Float[np.ndarray, "2 3"]) -> None:
    """Draws a sprite in place; `matrix` maps its pixels to the canvas."""
    height, width = item.pixels.shape[:2]
    canvas_size = canvas.shape[1::-1]
    # OpenCV's rounding depends on where the window begins and how wide it is, so that it is the whole sprite's; only
    # what is inked, and the pixel around it that interpolation reaches, need be blended.
    left, top, right, bottom = _box(matrix, (0, 0, width, height), canvas_size)
    x0, y0, x1, y1 = item.inked
    x0, y0, x1, y1 = _box(matrix, (x0 - 1, y0 - 1, x1, y1), canvas_size)
    if x0 >= x1 or y0 >= y1:
        return
    local = matrix - [[0, 0, left], [0, 0, top]]
    size = (right - left, min(bottom, y1) - top)
    moved = cv2.warpAffine(item.pixels, local, size, flags=cv2.INTER_LINEAR, borderValue=(0, 0, 0, 255))
    _blend(canvas[y0:y1, x0:x1], *_color_and_clear(moved[y0 - top : y1 - top, x0 - left : x1 - left]))


def _box(
    matrix: Float[np.ndarray, "2 3"], box: tuple[int, int, int, int], size: tuple[int, int]
) -> tuple[int, int, int, int]:
    """The smallest box of the canvas that holds a mapped one and a pixel around it."""
    x0, y0, x1, y1 = box
    low, high = [], []
    for (a, b, c), most in zip(matrix.tolist(), size, strict=True):
        corners = (a * x0 + b * y0 + c, a * x1 + b * y0 + c, a * x1 + b * y1 + c, a * x0 + b * y1 + c)
        low.append(max(math.floor(min(corners)) - 1, 0))
        high.append(min(math.ceil(max(corners)) + 1, most))
    return low[0], low[1], high[0], high[1]


def paste_at(canvas: UInt8[np.ndarray, "H W 3"], item: Stamp, at: Float[np.ndarray, "2"]) -> None:
    """Draws a stamp in place: what it was cut from begins at the whole pixel nearest to `at`. Faster than `paste`."""
    left, top = (round(float(value)) + offset for value, offset in zip(at, item.offset, strict=True))
    x0, y0 = max(left, 0), max(top, 0)
    x1 = min(left + item.clear.shape[1], canvas.shape[1])
    y1 = min(top + item.clear.shape[0], canvas.shape[0])
    if x0 < x1 and y0 < y1:
        part = (slice(y0 - top, y1 - top), slice(x0 - left, x1 - left))
        _blend(canvas[y0:y1, x0:x1], item.color[part], item.clear[part])


def _color_and_clear(
    pixels: UInt8[np.ndarray, "H W 4"],
) -> tuple[UInt8[np.ndarray, "H W 3"], UInt8[np.ndarray, "H W 3"]]:
    return cv2.cvtColor(pixels, cv2.COLOR_RGBA2RGB), cv2.cvtColor(pixels[..., 3], cv2.COLOR_GRAY2RGB)


def _blend(under: np.ndarray, color: np.ndarray, clear: np.ndarray) -> None:
    cv2.add(cv2.multiply(under, clear, scale=1 / 255), color, dst=under)


def plain(width: int, height: int, color: RGB) -> UInt8[np.ndarray, "H W 3"]:
    """A canvas of one colour."""
    return cv2.merge([np.full((height, width), channel, np.uint8) for channel in color])


def polygon(canvas: np.ndarray, points: Float[np.ndarray, "N 2"], color: RGB | int) -> None:
    """Fills a simple polygon, pixels with fractions."""
    fill(canvas, [fixed(points)], color)


def fill(canvas: np.ndarray, outlines: Sequence[Int32[np.ndarray, "_ 2"]], color: RGB | int) -> None:
    """Fills simple polygons that lie apart, sixteenths of a pixel."""
    cv2.fillPoly(canvas, outlines, color, cv2.LINE_AA, _SHIFT)


def stroke(canvas: np.ndarray, points: Float[np.ndarray, "N 2"], color: RGB | int, width: float) -> None:
    """An open line."""
    cv2.polylines(canvas, [fixed(points)], False, color, max(1, round(width)), cv2.LINE_AA, _SHIFT)


def smooth(points: Sequence[tuple[float, float]], closed: bool = True, steps: int = 8) -> Float[np.ndarray, "N 2"]:
    """A Catmull-Rom curve through the points."""
    p = np.asarray(points, np.float64)
    p = np.concatenate([p[-1:], p, p[:2]]) if closed else np.concatenate([p[:1], p, p[-1:]])
    t = np.linspace(0, 1, steps, endpoint=False)[:, None]
    pieces = [
        0.5 * (2 * b + (c - a) * t + (2 * a - 5 * b + 4 * c - d) * t**2 + (3 * b - a - 3 * c + d) * t**3)
        for a, b, c, d in zip(p, p[1:], p[2:], p[3:], strict=False)
    ]
    return np.concatenate(pieces if closed else [*pieces, p[-1:]])


def capsules(
    start: Float[np.ndarray, "*K 2"],
    end: Float[np.ndarray, "*K 2"],
    first: Float[np.ndarray, "*#K"],
    last: Float[np.ndarray, "*#K"],
) -> Float[np.ndarray, "*K 24 2"]:
    """Outlines of pairs of discs of radius `first` and `last` with what lies between them (convex)."""
    along = end - start
    length = np.maximum(np.hypot(along[..., 0], along[..., 1]), 1e-9)
    # One disc inside the other: the outline is then that of the larger one.
    half = np.arccos(np.clip((first - last) / length, -1, 1))[..., None]
    heading = np.arctan2(along[..., 1], along[..., 0])[..., None]
    far = heading + half * _FROM_MINUS_1_TO_1
    near = heading + half + (2 * np.pi - 2 * half) * (_FROM_MINUS_1_TO_1 + 1) / 2
    return np.concatenate([_arc(end, last, far), _arc(start, first, near)], axis=-2)


def _arc(
    centre: Float[np.ndarray, "*K 2"], radius: Float[np.ndarray, "*#K"], angles: Float[np.ndarray, "*K 12"]
) -> Float[np.ndarray, "*K 12 2"]:
    return centre[..., None, :] + radius[..., None, None] * np.stack([np.cos(angles), np.sin(angles)], axis=-1)


def capsule(
    start: Float[np.ndarray, "2"], end: Float[np.ndarray, "2"], first: float, last: float
) -> Float[np.ndarray, "24 2"]:
    """The outline of one pair of discs."""
    return capsules(start, end, np.asarray(first), np.asarray(last))


def tubes(
    start: Float[np.ndarray, "*K 2"],
    end: Float[np.ndarray, "*K 2"],
    first: Float[np.ndarray, "*#K"],
    last: Float[np.ndarray, "*#K"],
) -> Int32[np.ndarray, "*K 9 24 2"]:
    """Pieces of rounded, lit tubes: nested `capsules` from the dark rim to the ridge, sixteenths of a pixel."""
    shift = (1 - _SHARES)[:, None] * _LIGHT  # shade, xy

    def discs(centre: np.ndarray, radius: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        return centre[..., None, :] + shift * radius[..., None, None], radius[..., None] * _SHARES

    (a, inner), (b, outer) = discs(start, first), discs(end, last)
    return fixed(capsules(a, b, inner, outer))


def fill_tubes(
    canvas: UInt8[np.ndarray, "H W 3"], pieces: Int32[np.ndarray, "K 9 24 2"], color: RGB, bright: float = 1.0
) -> None:
    """Draws pieces that belong together."""
    for index, shade in enumerate(_shades(color, bright)):
        for piece in pieces[:, index]:
            cv2.fillConvexPoly(canvas, piece, shade, cv2.LINE_AA, _SHIFT)


def limb(
    canvas: UInt8[np.ndarray, "H W 3"],
    joints: Float[np.ndarray, "N 2"],
    radii: Float[np.ndarray, " N"],
    color: RGB,
    bright: float = 1.0,
) -> None:
    """A rounded, lit tube through the joints."""
    fill_tubes(canvas, tubes(joints[:-1], joints[1:], radii[:-1], radii[1:]), color, bright)


@functools.lru_cache(maxsize=1024)
def _shades(color: RGB, bright: float) -> tuple[RGB, ...]:
    return tuple(tint(color, float(light) * bright) for light in _BRIGHTNESS)


def tint(color: RGB, gain: float) -> RGB:
    """Brighter (above 1: towards white) or darker."""
    if gain > 1:
        red, green, blue = (round(c + (255 - c) * min(gain - 1, 1.0)) for c in color)
    else:
        red, green, blue = (round(c * gain) for c in color)
    return red, green, blue


def mix(first: RGB, second: RGB, share: float) -> RGB:
    """`share` of the way from the first colour to the second."""
    red, green, blue = (round(a + (b - a) * share) for a, b in zip(first, second, strict=True))
    return red, green, blue


def fixed(points: Float[np.ndarray, "*N 2"]) -> Int32[np.ndarray, "*N 2"]:
    """Pixels with fractions as sixteenths of a pixel."""
    return np.rint(np.asarray(points) * (1 << _SHIFT)).astype(np.int32)
