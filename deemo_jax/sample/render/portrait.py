"""The one photographed face, warped and tinted per identity.

The portrait is scikit-image's `astronaut` (NASA, public domain); its pixel coordinates are those of the 512x512 file.
"""

import dataclasses
import functools

import cv2
import numpy as np
from jaxtyping import Float, UInt8

from deemo_jax.core.errors import UserError
from deemo_jax.sample.identity import Face
from deemo_jax.sample.render.drawing import RGB, Sprite, polygon, smooth, sprite

FACE_HEIGHT = 104.0  # forehead to chin, portrait pixels
NECK = (224.0, 183.0)  # where the head sits on the drawn neck
_CROP = (140, 4, 316, 194)  # x0, y0, x1, y1
_OVERSAMPLE = 1.5  # sprite pixels a portrait pixel

# Outline of hair, ears, jaw and the upper neck, clockwise from the crown.
_HEAD: list[tuple[float, float]] = [
    (227, 16), (248, 18), (262, 24), (276, 31), (288, 43), (296, 58), (299, 74), (299, 92), (295, 106), (289, 117),
    (280, 127), (272, 133), (266, 139), (262, 150), (257, 160), (255, 172), (254, 188), (189, 188), (187, 172),
    (185, 157), (183, 146), (181, 135), (174, 128), (169, 117), (158, 105), (154, 92), (153, 70), (157, 57),
    (174, 43), (190, 33), (204, 22), (215, 18),
]  # fmt: skip
# The tight face: under the fringe, along the cheeks, round the chin. The truth box is drawn round it.
_FACE: list[tuple[float, float]] = [
    (226, 74), (246, 77), (260, 86), (266, 102), (267, 122), (266, 138), (262, 150), (254, 161), (243, 171),
    (230, 178), (218, 178), (204, 171), (193, 162), (186, 150), (183, 138), (182, 122), (184, 104), (191, 86),
    (206, 77),
]  # fmt: skip
# Skin: the face below the fringe, the ears' lobes and the neck; the rest of the head is hair.
_SKIN: list[tuple[float, float]] = [
    (205, 82), (228, 83), (248, 85), (262, 92), (266, 108), (268, 124), (278, 130), (268, 142), (258, 160), (257, 190),
    (186, 190), (184, 150), (172, 126), (182, 121), (183, 104), (190, 88),
]  # fmt: skip


@dataclasses.dataclass(frozen=True)
class Head:
    """A speaker's head.

    Attributes:
        sprite: the picture.
        outline: of the tight face, sprite pixels.
        neck: where the head sits on the neck, sprite pixels.
        scale: sprite pixels per portrait pixel.
        skin: colour of the cheeks.
        shade: colour of the neck in the chin's shadow.
    """

    sprite: Sprite
    outline: Float[np.ndarray, "N 2"]
    neck: Float[np.ndarray, "2"]
    scale: float
    skin: RGB
    shade: RGB


@functools.lru_cache(maxsize=64)
def head(face: Face) -> Head:
    """Warps and tints the portrait; kept, since every frame of a speaker needs the same."""
    x0, y0, x1, y1 = _CROP
    width, height = (x1 - x0) * _OVERSAMPLE, (y1 - y0) * _OVERSAMPLE
    tinted = _tinted(face)
    cover = _soft(_HEAD, 1.1)
    rows = np.arange(cover.shape[0], dtype=np.float32)[:, None]
    cover *= np.clip((NECK[1] + 3 - rows) / 8, 0, 1)  # the neck fades into the drawn one

    # Corners of the crop, relative to the neck: aspect, then keystone, then shear, then mirror.
    corners = np.array([(x0, y0), (x1, y0), (x1, y1), (x0, y1)], np.float64)
    relative = corners - NECK
    relative[:, 0] *= face.aspect * (1 + face.keystone * (-relative[:, 1] / (y1 - y0) - 0.5))
    relative[:, 0] += face.shear * -relative[:, 1]
    relative[:, 0] *= -1 if face.mirror else 1
    neck = np.array([width * 0.55, height * (NECK[1] - y0) / (y1 - y0)])
    matrix = cv2.getPerspectiveTransform(corners.astype(np.float32), (relative * _OVERSAMPLE + neck).astype(np.float32))
    size = (round(width * 1.1), round(height))
    color = cv2.warpPerspective(tinted, matrix, size, flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE)
    warped = np.asarray(cv2.warpPerspective(cover, matrix, size, flags=cv2.INTER_LINEAR), np.float32)
    outline = cv2.perspectiveTransform(smooth(_FACE)[None], matrix)[0]
    return Head(
        sprite=sprite(np.asarray(color, np.uint8), warped),
        outline=outline,
        neck=neck,
        scale=_OVERSAMPLE,
        skin=_mean(tinted[124:136, 196:208]),
        shade=_mean(tinted[178:184, 200:240]),
    )


@functools.cache
def _portrait() -> np.ndarray:
    try:
        from skimage import data
    except ImportError as error:
        raise UserError("scikit-image is not installed; run: make setup EXTRAS=sample") from error
    return data.astronaut()


def _tinted(face: Face) -> UInt8[np.ndarray, "512 512 3"]:
    """The portrait with this identity's skin and hair; black outside the crop."""
    x0, y0, x1, y1 = _CROP
    image = _portrait()[y0:y1, x0:x1].astype(np.float32) / 255
    skin_share = _soft(_SKIN, 2.0)[y0:y1, x0:x1, None]
    *gains, gamma = face.skin
    skin = image**gamma * np.asarray(gains, np.float32)
    luminance = image @ np.array([0.30, 0.59, 0.11], np.float32)
    hair = (0.2 + 0.8 * luminance / 0.46)[..., None] * (np.asarray(face.hair, np.float32) / 255)
    mixed = skin_share * skin + (1 - skin_share) * hair
    tinted = np.zeros_like(_portrait())
    tinted[y0:y1, x0:x1] = np.rint(255 * np.clip(mixed, 0, 1))
    return tinted


def _soft(outline: list[tuple[float, float]], sigma: float) -> Float[np.ndarray, "512 512"]:
    """1 inside, 0 outside, blurred between."""
    mask = np.zeros(_portrait().shape[:2], np.uint8)
    polygon(mask, smooth(outline), 255)
    return cv2.GaussianBlur(mask, (0, 0), sigma).astype(np.float32) / 255


def _mean(patch: np.ndarray) -> RGB:
    red, green, blue = (round(float(value)) for value in patch.reshape(-1, 3).mean(0))
    return red, green, blue
