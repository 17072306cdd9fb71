"""Anti-aliased, shaded shapes on RGB canvases, and sprites that are placed by an affine map."""

import dataclasses
import functools
from collections.abc import Sequence

import cv2
import numpy as np
from jaxtyping import Float, UInt8

RGB = tuple[int, int, int]
_SHIFT = 4  # OpenCV draws in sixteenths of a pixel
# A round limb is nested shapes, from the dark rim to the lit ridge: share of the radius, brightness.
_SHARES = np.array([1.0, 0.93, 0.85, 0.76, 0.66, 0.55, 0.43, 0.31, 0.18])
_BRIGHTNESS = (0.62, 0.72, 0.80, 0.87, 0.92, 0.965, 1.0, 1.03, 1.05)
_LIGHT = np.array([-0.22, -0.26])  # where the ridge lies, in radii: the light comes from the upper left
_FROM_MINUS_1_TO_1 = np.linspace(-1, 1, 12)


@dataclasses.dataclass(frozen=True)
class Sprite:
    """A picture with soft edges.

    Attributes:
        color: premultiplied by the cover.
        clear: 255 where nothing is covered.
    """

    color: UInt8[np.ndarray, "H W 3"]
    clear: UInt8[np.ndarray, "H W"]


def sprite(color: UInt8[np.ndarray, "H W 3"], cover: Float[np.ndarray, "H W"]) -> Sprite:
    """From plain colour and a cover between 0 and 1."""
    share = np.clip(cover, 0, 1).astype(np.float32)
    return Sprite(np.rint(color * share[..., None]).astype(np.uint8), np.rint(255 * (1 - share)).astype(np.uint8))


def paste(canvas: UInt8[np.ndarray, "H W 3"], item: Sprite, matrix: Float[np.ndarray, "2 3"]) -> None:
    """Draws a sprite in place; `matrix` maps its pixels to the canvas."""
    height, width = item.clear.shape
    corners = np.array([[0, 0, 1], [width, 0, 1], [width, height, 1], [0, height, 1]]) @ matrix.T
    x0, y0 = np.maximum(np.floor(corners.min(0)).astype(int) - 1, 0)
    x1, y1 = np.minimum(np.ceil(corners.max(0)).astype(int) + 1, canvas.shape[1::-1])
    if x0 >= x1 or y0 >= y1:
        return
    local = np.asarray(matrix, np.float64).copy()
    local[:, 2] -= (x0, y0)
    size = (int(x1 - x0), int(y1 - y0))
    color = cv2.warpAffine(item.color, local, size, flags=cv2.INTER_LINEAR)
    clear = cv2.warpAffine(item.clear, local, size, flags=cv2.INTER_LINEAR, borderValue=255)
    _blend(canvas[y0:y1, x0:x1], color, clear)


def paste_at(canvas: UInt8[np.ndarray, "H W 3"], item: Sprite, at: Float[np.ndarray, "2"]) -> None:
    """Draws a sprite in place, its first pixel at the whole pixel nearest to `at`: much faster than `paste`."""
    left, top = (round(float(value)) for value in at)
    x0, y0 = max(left, 0), max(top, 0)
    x1 = min(left + item.clear.shape[1], canvas.shape[1])
    y1 = min(top + item.clear.shape[0], canvas.shape[0])
    if x0 < x1 and y0 < y1:
        part = (slice(y0 - top, y1 - top), slice(x0 - left, x1 - left))
        _blend(canvas[y0:y1, x0:x1], item.color[part], item.clear[part])


def _blend(under: np.ndarray, color: np.ndarray, clear: np.ndarray) -> None:
    cv2.add(cv2.multiply(under, cv2.merge([clear, clear, clear]), scale=1 / 255), color, dst=under)


def polygon(canvas: np.ndarray, points: Float[np.ndarray, "N 2"], color: RGB | int) -> None:
    """Fills a simple polygon, pixels with fractions."""
    cv2.fillPoly(canvas, [_fixed(points)], color, cv2.LINE_AA, _SHIFT)


def stroke(canvas: np.ndarray, points: Float[np.ndarray, "N 2"], color: RGB | int, width: float) -> None:
    """An open line."""
    cv2.polylines(canvas, [_fixed(points)], False, color, max(1, round(width)), cv2.LINE_AA, _SHIFT)


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
    start: Float[np.ndarray, "K 2"],
    end: Float[np.ndarray, "K 2"],
    first: Float[np.ndarray, " K"],
    last: Float[np.ndarray, " K"],
) -> Float[np.ndarray, "K 24 2"]:
    """Outlines of pairs of discs of radius `first` and `last` with what lies between them (convex)."""
    along = end - start
    length = np.maximum(np.hypot(along[:, 0], along[:, 1]), 1e-9)
    # One disc inside the other: the outline is then that of the larger one.
    half = np.arccos(np.clip((first - last) / length, -1, 1))[:, None]
    heading = np.arctan2(along[:, 1], along[:, 0])[:, None]
    far = heading + half * _FROM_MINUS_1_TO_1
    near = heading + half + (2 * np.pi - 2 * half) * (_FROM_MINUS_1_TO_1 + 1) / 2
    angles = np.concatenate([far, near], axis=1)
    radii = np.repeat(np.stack([last, first], axis=1), _FROM_MINUS_1_TO_1.size, axis=1)
    centres = np.repeat(np.stack([end, start], axis=1), _FROM_MINUS_1_TO_1.size, axis=1)
    return centres + radii[..., None] * np.stack([np.cos(angles), np.sin(angles)], axis=-1)


def capsule(
    start: Float[np.ndarray, "2"], end: Float[np.ndarray, "2"], first: float, last: float
) -> Float[np.ndarray, "24 2"]:
    """The outline of one pair of discs."""
    return capsules(start[None], end[None], np.array([first]), np.array([last]))[0]


def limb(
    canvas: UInt8[np.ndarray, "H W 3"],
    joints: Float[np.ndarray, "N 2"],
    radii: Float[np.ndarray, " N"],
    color: RGB,
    bright: float = 1.0,
) -> None:
    """A rounded, lit tube through the joints."""
    shift = ((1 - _SHARES)[:, None] * _LIGHT)[None] * radii[:, None, None]  # joint, shade, xy
    centres, sizes = joints[:, None] + shift, radii[:, None] * _SHARES
    pieces = [
        _fixed(capsules(a, b, first, last))
        for a, b, first, last in zip(centres, centres[1:], sizes, sizes[1:], strict=False)
    ]
    for index, shade in enumerate(_shades(color, bright)):
        for piece in pieces:
            cv2.fillConvexPoly(canvas, piece[index], shade, cv2.LINE_AA, _SHIFT)


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


def _fixed(points: np.ndarray) -> np.ndarray:
    return np.rint(np.asarray(points) * (1 << _SHIFT)).astype(np.int32)
