"""What is shown in place of the background: plain grey, or a soft course of a few colours. Axes: R rows of planes."""

import cv2
import numpy as np
from jaxtyping import Bool, Float32, UInt8

from deemo_jax.deid.video.masks import FILL_BRIGHTNESS, NO_COLOUR
from deemo_jax.media.picture import Planar, layers

# Colours of a soft backdrop, to a side, and the standard deviation of the noise on their brightness and on their tints,
# in levels of 255. Colours without noise link a clip to other recordings of its person nearly as well as the background
# itself does (`benchmarks.privacy.background`).
COLOURS, NOISE, TINT_NOISE = 2, 60.0, 30.0
# Share of a colour's cell that must be background, so that the cell has a colour of its own.
LEAST_SEEN = 0.02


def plain_backdrop(like: Planar) -> UInt8[np.ndarray, "R W"]:
    """The planes of a grey picture, the grey of solid masks."""
    planes = np.full_like(like.planes, NO_COLOUR)
    layers(planes)[0][:] = FILL_BRIGHTNESS
    return planes


def soft_backdrop(
    picture: Planar, people: Bool[np.ndarray, "H W"], draws: np.random.Generator
) -> UInt8[np.ndarray, "R W"]:
    """The planes of a picture of 2 by 2 colours that flow into each other: the background's means, and noise.

    Args:
        picture: with covered faces.
        people: the pixels that are not background.
        draws: of the noise.
    """
    planes = plain_backdrop(picture)
    brightness, colours = layers(planes)
    lit, tints = layers(picture.planes)
    behind = 1 - people.astype(np.float32)
    brightness[:] = _flowing(lit, behind, NOISE, draws)
    behind = np.ascontiguousarray(behind[::2, ::2])
    for plane, tint in zip(colours, tints, strict=True):
        plane[:] = _flowing(tint, behind, TINT_NOISE, draws)
    return planes


def _flowing(
    plane: UInt8[np.ndarray, "h w"], behind: Float32[np.ndarray, "h w"], noise: float, draws: np.random.Generator
) -> UInt8[np.ndarray, "h w"]:
    """A plane of the mean levels of its background, in `COLOURS` by `COLOURS` cells, with noise, smoothly enlarged."""
    grid = (COLOURS, COLOURS)
    seen = cv2.resize(behind, grid, interpolation=cv2.INTER_AREA)
    levels = cv2.resize(plane * behind, grid, interpolation=cv2.INTER_AREA)
    overall = levels.sum() / max(float(seen.sum()), 1e-6) if seen.max() >= LEAST_SEEN else float(NO_COLOUR)
    means = np.where(seen >= LEAST_SEEN, levels / np.maximum(seen, LEAST_SEEN), overall)
    noisy = np.clip(means + draws.normal(0, noise, means.shape), 0, 255).astype(np.float32)
    height, width = plane.shape
    return np.clip(cv2.resize(noisy, (width, height), interpolation=cv2.INTER_LINEAR), 0, 255).astype(np.uint8)
