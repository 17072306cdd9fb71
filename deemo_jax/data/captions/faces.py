"""Covers the faces in one picture, which is searched alone, enlarged where it is small: no neighbours help to find a
missed one.

Axes: N faces.
"""

import math

import cv2
import numpy as np
from jaxtyping import UInt8

from deemo_jax.data.build.records import SIZE
from deemo_jax.data.captions.media import StillPicture
from deemo_jax.deid.manifest import Rectangle
from deemo_jax.deid.settings import Settings
from deemo_jax.deid.video import masks
from deemo_jax.deid.video.detection.boxes import joined
from deemo_jax.deid.video.detection.face_finder import TILE, FaceFinder, ScalablePicture

# How faces are found and covered; only what concerns single pictures has an effect.
SETTINGS = Settings()
# By how much a picture is enlarged that is then still one tile of the search: up to some 760 x 428 pixels. The detector
# is made for faces of 18 pixels; in larger pictures those are less than 10 pixels of the stored frame.
ENLARGED = 2


def find_faces(picture: ScalablePicture, settings: Settings = SETTINGS) -> tuple[Rectangle, ...]:
    """The rectangles that cover a picture's faces, pixels of the picture.

    Small ones are looked for in the picture enlarged, or at full size where it is large; large ones in the picture
    scaled down.
    """
    finder = FaceFinder(settings)
    faces = finder.full_size(enlarged(picture), settings.threshold)
    if enlarges(picture.size):
        faces[:, :4] /= ENLARGED
    if enlarges(picture.size) or not finder.sees_all(picture.size):
        faces = joined(np.concatenate([faces, finder.whole(picture, settings.threshold)]))
    return masks.enlarge(faces[:, :4], settings.margin, *picture.size)


def enlarges(size: tuple[int, int]) -> bool:
    """Whether pictures of a width and height in pixels are searched enlarged."""
    return math.prod(size) * ENLARGED**2 <= TILE


def enlarged(picture: ScalablePicture) -> ScalablePicture:
    """The picture `ENLARGED`, bicubically, or as it is where it is large."""
    if not enlarges(picture.size):
        return picture
    image = picture.rgb(*picture.size)
    large = cv2.resize(image, None, fx=ENLARGED, fy=ENLARGED, interpolation=cv2.INTER_CUBIC)
    return StillPicture(np.asarray(large, np.uint8))


def stored_frame(
    picture: ScalablePicture, settings: Settings | None = SETTINGS
) -> tuple[UInt8[np.ndarray, "224 224 3"], int]:
    """A picture in the size that is stored, its faces covered before it is scaled; the aspect ratio is not kept.

    Args:
        picture: as decoded.
        settings: None to keep faces.

    Returns:
        RGB, and the number of rectangles that were covered.
    """
    rectangles = find_faces(picture, settings) if settings else ()
    if settings is None or not rectangles:
        return picture.rgb(SIZE, SIZE), 0
    covered = masks.cover(picture.rgb(*picture.size), rectangles, settings.mask)
    return np.asarray(cv2.resize(covered, (SIZE, SIZE), interpolation=cv2.INTER_AREA), np.uint8), len(rectangles)
