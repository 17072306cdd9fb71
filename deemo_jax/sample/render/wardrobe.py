"""The drawn parts of a speaker: the upper body in its clothes, and the hands. All lengths in scene units."""

import functools
from collections.abc import Sequence

import cv2
import numpy as np

from deemo_jax.sample.identity import Outfit
from deemo_jax.sample.render.drawing import (
    RGB,
    Sprite,
    Stamp,
    capsule,
    limb,
    mix,
    plain,
    polygon,
    smooth,
    sprite,
    stamp,
    stroke,
    tint,
)
from deemo_jax.sample.seeds import generator

SHOULDER = (63.0, 153.0)  # the joint, x for average shoulders
TORSO_ORIGIN = (-110.0, 92.0)  # scene position of the torso sprite's first pixel
_TORSO_SIZE = (220.0, 138.0)
HAND_ORIGIN = (-34.0, -62.0)  # the hand sprite's first pixel, from the wrist
_HAND_SIZE = (74.0, 74.0)
HAND_LEVELS = 6  # sprites from a fist to an open hand
PALM = 20.0  # from the wrist to the middle of the palm


@functools.lru_cache(maxsize=64)
def torso(outfit: Outfit, shoulders: float, skin: RGB, shade: RGB, scale: float) -> tuple[Stamp, Stamp]:
    """Neck, shoulders and chest, and the yoke that is drawn again over the arms; `scale` is pixels per unit."""

    def at(points: Sequence[tuple[float, float]] | np.ndarray, both: bool = False) -> np.ndarray:
        p = np.asarray(points, np.float64)
        if both:
            p = np.concatenate([p, p[::-1] * (-1, 1)])
        return (p - TORSO_ORIGIN) * scale

    width, height = (round(length * scale) for length in _TORSO_SIZE)
    image = plain(width, height, outfit.main)
    w = shoulders
    half = [(17, 96), (18, 118), (24, 127), (40 * w, 132), (56 * w, 136.5), (69 * w, 145), (74 * w, 166), (66 * w, 232)]
    side = smooth(half, closed=False)
    cover = np.zeros((height, width), np.uint8)
    polygon(cover, at(side, both=True), 255)

    _CLOTHES[outfit.style](image, at, outfit, scale, w)
    neckline = {"suit": 138.0, "jumper": 131.0, "tracksuit": 137.0}[outfit.style]
    throat = [(17.5, 92.0), (18.0, 112.0), (16.5, 124.0), (9.0, neckline - 3), (0.0, neckline)]
    polygon(image, at(throat, both=True), skin)
    _COLLARS[outfit.style](image, at, outfit, scale)

    light = _cloth_light(width, height, scale)
    # The chin's shadow on neck and collar, in the colour that the photograph has there.
    rows = np.arange(height)[:, None] / scale + TORSO_ORIGIN[1]
    columns = np.arange(width)[None] / scale + TORSO_ORIGIN[0]
    under = np.exp(-((columns / 24) ** 2)) * np.exp(-((np.clip(rows - 110, 0, None) / 11) ** 2))
    lit = [np.minimum(channel * light, 255) for channel in cv2.split(image)]
    shades = [1 + under * (dark / max(bright, 1) - 1) for dark, bright in zip(shade, skin, strict=True)]
    color = cv2.merge([cv2.multiply(*pair, dtype=cv2.CV_8U) for pair in zip(lit, shades, strict=True)])
    soft = cv2.GaussianBlur(cover, (0, 0), 0.5).astype(np.float32) / 255
    end = round((154 - TORSO_ORIGIN[1]) * scale)
    fade = np.clip((152 - rows) / 14, 0, 1) * np.clip((70 * w - np.abs(columns)) / 12, 0, 1)
    return stamp(color, soft), stamp(color[:end], (soft * fade)[:end])


def _cloth_light(width: int, height: int, scale: float) -> np.ndarray:
    """Soft folds, light from the upper left, darker flanks."""
    noise = generator("cloth").standard_normal((height // 8 + 1, width // 3 + 1)).astype(np.float32)
    folds = cv2.GaussianBlur(cv2.resize(noise, (width, height)), (0, 0), 3.5 * scale)
    folds = folds / np.abs(folds).max()
    x = (np.arange(width)[None] / scale + TORSO_ORIGIN[0]) / 74
    y = (np.arange(height)[:, None] / scale + TORSO_ORIGIN[1] - 130) / 100
    return 1.06 - 0.30 * np.clip(np.abs(x + 0.12), 0, 1.2) ** 3 - 0.16 * np.clip(y, 0, 1) - 0.05 * x + 0.07 * folds


def _suit(image, at, outfit, scale, w) -> None:
    polygon(image, at([(20, 118), (17, 132), (8, 182), (0, 190)], both=True), outfit.shirt)
    blade = [(3.2, 143), (6.2, 176), (0, 184)]
    polygon(image, at(blade, both=True), tint(outfit.accent, 0.92))
    for y in range(150, 176, 9):
        stripe = at([(-5.5, y + 4), (5.5, y - 3)])
        stroke(image, stripe, tint(outfit.accent, 1.18), 1.2 * scale)
    polygon(image, at([(5.2, 133), (3.2, 143)], both=True), tint(outfit.accent, 1.06))
    for sign in (-1, 1):
        flank = [(20, 122), (44 * w, 132), (44 * w, 220), (0, 220), (8, 182)]
        polygon(image, at([(sign * x, y) for x, y in flank]), outfit.main)
        lapel = [(20, 121), (27, 129), (34, 152), (27, 154), (30, 160), (8, 188)]
        polygon(image, at([(sign * x, y) for x, y in lapel]), tint(outfit.main, 1.07))
        stroke(image, at([(sign * x, y) for x, y in lapel]), tint(outfit.main, 0.62), 0.7 * scale)
    stroke(image, at([(0, 189), (0, 230)]), tint(outfit.main, 0.6), 0.8 * scale)
    polygon(image, at([(26, 166), (40, 163), (40, 167), (26, 170)]), tint(outfit.main, 0.8))


def _jumper(image, at, outfit, scale, w) -> None:
    for y in range(200, 240, 3):
        stroke(image, at([(-74, y), (74, y)]), tint(outfit.main, 0.95), 0.6 * scale)


def _tracksuit(image, at, outfit, scale, w) -> None:
    for sign in (-1, 1):
        yoke = [(20, 124), (70 * w, 148), (72 * w, 160), (30, 150), (0, 160), (0, 130)]
        polygon(image, at([(sign * x, y) for x, y in yoke]), tint(outfit.main, 1.09))
        seam = at([(sign * x, y) for x, y in yoke[2:5]])
        stroke(image, seam, outfit.accent, 1.6 * scale)
    stroke(image, at([(0, 136), (0, 232)]), tint(outfit.main, 0.5), 2.2 * scale)
    stroke(image, at([(0, 136), (0, 232)]), outfit.shirt, 0.8 * scale)
    crest = smooth([(30.0, 168.0), (37.0, 168.0), (36.5, 175.0), (33.5, 179.0), (30.5, 175.0)])
    polygon(image, at(crest), outfit.accent)
    stroke(image, at([(-40, 172), (-29, 172)]), outfit.shirt, 2.0 * scale)


def _suit_collar(image, at, outfit, scale) -> None:
    for sign in (-1, 1):
        wing = [(18.5, 114), (20.5, 122), (13, 143), (2.5, 134.5), (15.5, 122)]
        polygon(image, at([(sign * x, y) for x, y in wing]), tint(outfit.shirt, 1.25))
        stroke(image, at([(sign * x, y) for x, y in (wing[1:4])]), tint(outfit.shirt, 0.72), 0.6 * scale)


def _jumper_collar(image, at, outfit, scale) -> None:
    curve = smooth([(-20.0, 116.0), (-17.0, 126.0), (0.0, 134.0), (17.0, 126.0), (20.0, 116.0)], closed=False)
    stroke(image, at(curve), outfit.accent, 5.0 * scale)
    stroke(image, at(curve - (0, 2.6)), tint(outfit.accent, 0.7), 0.7 * scale)
    for sign in (-1, 1):
        wing = [(17.5, 114), (18.5, 121), (9, 136), (2.5, 129)]
        polygon(image, at([(sign * x, y) for x, y in wing]), outfit.shirt)
        stroke(image, at([(sign * x, y) for x, y in wing[1:]]), tint(outfit.shirt, 0.7), 0.6 * scale)


def _tracksuit_collar(image, at, outfit, scale) -> None:
    for sign in (-1, 1):
        stand = [(18.5, 112), (24, 126), (2, 142), (0.5, 136), (14, 124)]
        polygon(image, at([(sign * x, y) for x, y in stand]), tint(outfit.main, 1.14))
        stroke(image, at([(sign * x, y) for x, y in (stand[0], stand[4], stand[3])]), outfit.accent, 1.4 * scale)


_CLOTHES = {"suit": _suit, "jumper": _jumper, "tracksuit": _tracksuit}
_COLLARS = {"suit": _suit_collar, "jumper": _jumper_collar, "tracksuit": _tracksuit_collar}

# Fingers from the index to the little one: base x and y, length, angle when spread (degrees, towards the thumb).
_FINGERS = ((8.6, -27.0, 22.0, 13.0), (2.9, -29.0, 25.0, 3.0), (-2.9, -28.5, 23.0, -7.0), (-8.4, -26.0, 17.0, -18.0))


@functools.lru_cache(maxsize=512)
def hand(level: int, skin: RGB, scale: float) -> Sprite:
    """A hand with the wrist at the origin, fingers up, thumb to the right; `level` from 0 (fist) to HAND_LEVELS - 1."""
    openness = level / (HAND_LEVELS - 1)

    def at(*points: tuple[float, float]) -> np.ndarray:
        return (np.asarray(points, np.float64) - HAND_ORIGIN) * scale

    def draw(canvas: np.ndarray, flat: bool) -> None:
        def tube(points: tuple[tuple[float, float], ...], radii: tuple[float, ...], bright: float = 1.0) -> None:
            if flat:
                for a, b, r, q in zip(at(*points), at(*points)[1:], radii, radii[1:], strict=False):
                    polygon(canvas, capsule(a, b, r * scale, q * scale), 255)
            else:
                limb(canvas, at(*points), np.asarray(radii) * scale, skin, bright)

        tube(((0, 4), (0, -6), (0, -18)), (7.6, 8.4, 12.6))
        for x, y, length, spread in _FINGERS:
            reach = -9.0 + (length + 9.0) * openness
            angle = np.radians(spread * openness)
            tip = (x + reach * float(np.sin(angle)), y - reach * float(np.cos(angle)))
            tube(((x, y + 4), (x, y), tip), (4.0, 3.9, 3.3 + 0.5 * (1 - openness)), 0.97 + 0.03 * openness)
        if openness < 0.5:
            tube(((10.5, -12), (11.5, -18), (3.5, -20)), (4.6, 4.2, 3.6))
        else:
            tube(((8.5, -8), (16, -19), (22 * openness, -28)), (5.0, 4.0, 3.3))

    width, height = (round(length * scale) for length in _HAND_SIZE)
    image = plain(width, height, mix(skin, (0, 0, 0), 0.4))
    cover = np.zeros((height, width), np.uint8)
    draw(image, flat=False)
    draw(cover, flat=True)
    return sprite(image, cover.astype(np.float32) / 255)
