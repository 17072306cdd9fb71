"""Covers the faces in one picture, which is searched alone, at full size: no neighbours help to find a missed one.

Axes: N faces.
"""

import cv2
import numpy as np
from jaxtyping import UInt8

from deemo_jax.data.build.records import SIZE
from deemo_jax.deid.manifest import Rectangle
from deemo_jax.deid.settings import Settings
from deemo_jax.deid.video import masks
from deemo_jax.deid.video.detection.boxes import joined
from deemo_jax.deid.video.detection.face_finder import FaceFinder, ScalablePicture

# How faces are found and covered; only what concerns single pictures has an effect.
SETTINGS = Settings()


def find_faces(picture: ScalablePicture, settings: Settings = SETTINGS) -> tuple[Rectangle, ...]:
    """The rectangles that cover a picture's faces, pixels of the picture.

    Faces of 18 pixels and more are looked for at full size, and large ones in the picture scaled down.
    """
    finder = FaceFinder(settings)
    faces = finder.full_size(picture, settings.threshold)
    if not finder.sees_all(picture.size):
        faces = joined(np.concatenate([faces, finder.whole(picture, settings.threshold)]))
    return masks.enlarge(faces[:, :4], settings.margin, *picture.size)


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
