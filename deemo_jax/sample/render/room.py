"""The press-conference room: a backdrop of invented sponsors, a desk with a bottle, a microphone."""

import functools

import cv2
import numpy as np
from jaxtyping import Float, UInt8

from deemo_jax.sample.identity import Set
from deemo_jax.sample.render.drawing import (
    RGB,
    Stamp,
    fill,
    fixed,
    limb,
    mix,
    plain,
    polygon,
    smooth,
    stamp,
    stroke,
    tint,
)
from deemo_jax.sample.seeds import generator

# Scene units (`motion`): the desk's edge (y), and the microphone sprite's first pixel and size.
DESK_EDGE = 199.0
_MIC_ORIGIN = (8.0, 148.0)
_MIC_SIZE = (60.0, 92.0)


def backdrop(
    room: Set, width: int, height: int, scale: float, origin: tuple[float, float]
) -> UInt8[np.ndarray, "H W 3"]:
    """Wall and desk without the speaker; `scale` is pixels per unit, `origin` the scene point of the first pixel."""

    def at(*points: tuple[float, float]) -> np.ndarray:
        return (np.asarray(points, np.float64) - origin) * scale

    image = plain(width, height, room.wall)
    _sponsors(image, at, room)
    top = min(max(round((DESK_EDGE - origin[1]) * scale), 0), height)
    if top:
        blurred = cv2.GaussianBlur(image, (0, 0), 0.6 * scale)  # the wall is out of focus
        light = _wall_light(np.arange(width) / scale + origin[0], np.arange(top) / scale + origin[1])
        lit = [cv2.multiply(channel, light, dtype=cv2.CV_8U) for channel in cv2.split(blurred[:top])]
        cv2.merge(lit, dst=image[:top])
    if top < height:
        image[top:] = np.rint(_desk(room, width, height - top, scale))
        image[top : top + max(1, round(1.2 * scale))] = tint(room.desk, 1.35)
    _bottle(image, at, room, scale)
    return image


def _wall_light(x: Float[np.ndarray, " W"], y: Float[np.ndarray, " H"]) -> Float[np.ndarray, "H W"]:
    """Brightest at the upper left, darker around the speaker's head and body; x and y in scene units."""
    light = np.outer(np.exp(-(((y - 84) / 72) ** 2)), np.exp(-(((x - 16) / 58) ** 2)))
    body = np.outer(np.exp(-(((y - 205) / 70) ** 4)), np.exp(-(((x - 12) / 98) ** 4)))
    # In place: memory for pictures of this size is dearer than the sums.
    np.maximum(light, body, out=light)
    light *= -0.34
    light += 1
    lamp = np.outer(0.36 * np.exp(-(((y - 60) / 120) ** 2)), np.exp(-(((x + 30) / 150) ** 2)), out=body)
    lamp += 0.74
    light *= lamp
    return light


def _sponsors(image, at, room) -> None:
    rng = generator("sponsors", room.layout)
    kinds = rng.permutation(len(_LOGOS))
    for row, y in enumerate(range(-10, 210, 31)):
        logos = []
        for column, x in enumerate(range(-260, 260, 54)):
            middle = (x + (27 if row % 2 else 0) + int(room.layout % 23), y)
            logos += list(fixed(at(*(middle + 0.66 * _LOGOS[kinds[(row + column) % len(_LOGOS)]]))))
        fill(image, logos, mix(room.wall, room.blocks[row % 2], 0.82))


# Sponsors' logos, polygons about their middles. They are small, close together and never round: a face detector takes
# a disc, or an empty patch below two marks, for a face.
_LOGOS: tuple[Float[np.ndarray, "N points 2"], ...] = (
    np.array([[(-20, y), (end, y), (end, y + 4.5), (-20, y + 4.5)] for y, end in ((-9, 24), (-2, 8), (5, 16))]),
    np.array([[(x, -9), (x + 6, -9), (x + 13, 0), (x + 6, 9), (x, 9), (x + 7, 0)] for x in (-18, -6, 6)]),
    np.array([[(x, 9), (x + 8, -9), (x + 15, -9), (x + 7, 9)] for x in (-20, -6, 8)]),
    np.array([
        [(x, 9), (x, 9 - height), (x + 7, 9 - height), (x + 7, 9)]
        for x, height in ((-20, 6), (-9, 10), (2, 14), (13, 18))
    ]),
)  # fmt: skip


def _desk(room: Set, width: int, height: int, scale: float) -> np.ndarray:
    """The desk's top, float (height, width, 3): grain, a sheen at the far edge."""
    rows = np.arange(height)[:, None, None] / scale
    rough = generator("grain", room.layout).standard_normal((max(height // 2, 1), 8)).astype(np.float32)
    grain = cv2.GaussianBlur(cv2.resize(rough, (width, height), interpolation=cv2.INTER_CUBIC), (0, 0), 0.8 * scale)
    shade = 1.16 - 0.011 * rows + 0.05 * grain[..., None]
    return np.clip(np.asarray(room.desk, np.float32) * shade, 0, 255)


def _bottle(image, at, room, scale) -> None:
    x = -132.0 * room.microphone
    shadow = [(x - 7, 213), (x + 30, 219), (x + 30, 222), (x - 4, 217)]
    polygon(image, at(*shadow), tint(room.desk, 0.72))
    water: RGB = mix((188, 212, 224), room.wall, 0.25)
    limb(image, at((x, 176), (x, 210)), np.array([8.5, 8.5]) * scale, water, 0.95)
    limb(image, at((x, 163), (x, 172)), np.array([3.8, 7.0]) * scale, water, 0.95)
    limb(image, at((x, 157), (x, 161)), np.array([4.2, 4.2]) * scale, room.blocks[1])
    polygon(image, at((x - 8.5, 184), (x + 8.5, 184), (x + 8.5, 198), (x - 8.5, 198)), mix(water, room.blocks[1], 0.8))
    polygon(image, at((x - 6.5, 186), (x - 3.5, 186), (x - 3.5, 196), (x - 6.5, 196)), tint(room.blocks[1], 1.3))
    stroke(image, at((x - 5.5, 168), (x - 5.5, 180)), (246, 250, 252), 1.2 * scale)


@functools.lru_cache(maxsize=64)
def microphone(room: Set, scale: float) -> tuple[Stamp, tuple[float, float]]:
    """A microphone on a gooseneck, and the scene point of the sprite's first pixel."""
    width, height = (round(length * scale) for length in _MIC_SIZE)
    mirrored = room.microphone < 0

    def at(*points: tuple[float, float]) -> np.ndarray:
        p = np.asarray(points, np.float64) - _MIC_ORIGIN
        if mirrored:
            p[:, 0] = _MIC_SIZE[0] - p[:, 0]
        return p * scale

    image, cover = np.zeros((height, width, 3), np.uint8), np.zeros((height, width, 3), np.uint8)
    neck = at(*smooth([(50, 226), (49, 208), (42, 188), (33, 174)], closed=False))
    # A slim capsule: a face detector takes a round windscreen for a face.
    parts = (
        (at((42, 227), (58, 227)), (4.2, 4.2), (58, 60, 64)),
        (neck, (1.7,) * len(neck), (70, 72, 78)),
        (at((34, 175), (26.5, 163)), (2.7, 2.7), (56, 58, 62)),
    )
    for points, radii, color in parts:
        limb(image, points, np.asarray(radii) * scale, color)
        limb(cover, points, np.asarray(radii) * scale, (255, 255, 255), 10.0)
    origin = (-(_MIC_ORIGIN[0] + _MIC_SIZE[0]) if mirrored else _MIC_ORIGIN[0], _MIC_ORIGIN[1])
    return stamp(image, cover[..., 0].astype(np.float32) / 255), origin
