"""Both arms of a speaker: their sleeves, and the shadows that they cast. All outlines of a clip are found at once.

Coordinates: pixels of the canvas. Axes: T poses; A the arms, left and right; J shoulder, elbow, cuff; P pieces; H and W
pixels.
"""

import dataclasses
from collections.abc import Iterable, Sequence

import cv2
import numpy as np
from jaxtyping import Float, Int32, UInt8

from deemo_jax.sample.identity import Outfit
from deemo_jax.sample.render.drawing import capsules, fill, fill_tubes, fixed, tint, tubes

RADII = (15.5, 13.2, 9.8)  # of an average sleeve at its joints, scene units
_CREASES = ((0.16, 0.55), (0.30, 0.38))  # at the elbow: place along the forearm, share of the sleeve's radius
_HAND = (24.0, 10.0)  # length and radius of what a hand shades, scene units
_SHADOW = (5.0, 8.0)  # how far a shadow falls, scene units
_SHADOW_SCALE = 4  # shadows are drawn this much smaller
_SHADOW_LIGHT = 150  # of 255: how much light the shadow leaves


@dataclasses.dataclass(frozen=True, slots=True)
class ArmOutlines:
    """One arm in one pose, in sixteenths of a pixel; the sleeve is cuff, upper arm and forearm."""

    sleeve: Int32[np.ndarray, "3 9 24 2"]
    creases: Int32[np.ndarray, "2 24 2"]
    shadow: Int32[np.ndarray, "3 24 2"]


def outlines(
    joints: Float[np.ndarray, "T A J 2"], radii: Float[np.ndarray, " J"], scale: float, top: int
) -> list[tuple[ArmOutlines, ArmOutlines]]:
    """The left and the right arm in every pose.

    Args:
        joints: see `Placement`.
        radii: of the sleeve, pixels.
        scale: pixels per scene unit.
        top: first row of the canvas on which shadows fall.
    """
    shoulder, elbow, wrist = np.moveaxis(joints, 2, 0)
    forearm = wrist - elbow
    end = elbow + 0.93 * forearm  # of the sleeve
    cuff = elbow + 0.90 * forearm
    lit = tubes(
        np.stack([cuff, shoulder, elbow]),
        np.stack([wrist, elbow, end]),
        _each([radii[2] * 0.94, radii[0], radii[1]]),
        _each([radii[2] * 0.90, radii[1], radii[2]]),
    )
    along = _unit(end - elbow)
    across = np.stack([-along[..., 1], along[..., 0]], -1) * radii[1]
    middles = [elbow + place * (end - elbow) for place, _ in _CREASES]
    wide = [across * width for _, width in _CREASES]
    creases = capsules(
        np.stack([middle - half for middle, half in zip(middles, wide, strict=True)]),
        np.stack([middle + half * 0.4 for middle, half in zip(middles, wide, strict=True)]),
        _each([0.9, 0.9]),
        _each([0.3, 0.3]),
    )
    fall = np.asarray(_SHADOW) * scale - (0, top)
    hand = wrist + _unit(forearm) * _HAND[0] * scale
    shadows = capsules(
        np.stack([shoulder, elbow, wrist]) + fall,
        np.stack([elbow, wrist, hand]) + fall,
        _each(radii),
        _each([*radii[1:], _HAND[1] * scale]),
    )
    lit, creases, shadows = (
        np.moveaxis(pieces, 0, 2) for pieces in (lit, fixed(creases), fixed(shadows / _SHADOW_SCALE))
    )
    left, right = (
        [ArmOutlines(*each) for each in zip(lit[:, arm], creases[:, arm], shadows[:, arm], strict=True)]
        for arm in (0, 1)
    )
    return list(zip(left, right, strict=True))


def draw_sleeve(canvas: UInt8[np.ndarray, "H W 3"], arm: ArmOutlines, outfit: Outfit) -> None:
    """Cuff, sleeve, and its creases at the elbow."""
    fill_tubes(canvas, arm.sleeve[:1], outfit.shirt if outfit.style == "suit" else outfit.accent)
    fill_tubes(canvas, arm.sleeve[1:], outfit.main)
    for crease in arm.creases:
        fill(canvas, [crease], tint(outfit.main, 0.80))


def cast_shadows(canvas: UInt8[np.ndarray, "H W 3"], arms: Iterable[ArmOutlines]) -> None:
    """Darkens what lies in the soft shadow of the arms, in place."""
    height, width = canvas.shape[:2]
    small = np.full((height // _SHADOW_SCALE, width // _SHADOW_SCALE), 255, np.uint8)
    for arm in arms:
        for outline in arm.shadow:
            fill(small, [outline], _SHADOW_LIGHT)
    small = cv2.blur(small, (9, 9))
    x, y, columns, rows = cv2.boundingRect(255 - small)
    light = cv2.resize(small, (width, height), interpolation=cv2.INTER_LINEAR)
    # A pixel of the small mask reaches as far as its neighbours.
    reach_x, reach_y = -(-2 * width // small.shape[1]), -(-2 * height // small.shape[0])
    left, top = max(x * width // small.shape[1] - reach_x, 0), max(y * height // small.shape[0] - reach_y, 0)
    right, bottom = (x + columns) * width // small.shape[1] + reach_x, (y + rows) * height // small.shape[0] + reach_y
    dark = canvas[top:bottom, left:right]
    mask = cv2.cvtColor(light[top:bottom, left:right], cv2.COLOR_GRAY2RGB)
    cv2.multiply(dark, mask, dst=dark, scale=1 / 255)


def _unit(vectors: Float[np.ndarray, "*N 2"]) -> Float[np.ndarray, "*N 2"]:
    return vectors / np.maximum(np.hypot(vectors[..., :1], vectors[..., 1:]), 1e-6)


def _each(radii: Sequence[float] | np.ndarray) -> Float[np.ndarray, "P 1 1"]:
    """One of each piece, whatever the pose and the arm."""
    return np.asarray(radii, np.float64)[:, None, None]
