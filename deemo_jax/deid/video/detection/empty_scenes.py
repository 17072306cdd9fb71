"""Checks scenes in which the first pass found nobody: every frame of them is searched at full size."""

import functools
from collections.abc import Iterator

from deemo_jax.core import parallel
from deemo_jax.deid.video.detection.close_up import refuted
from deemo_jax.deid.video.detection.face_finder import FaceFinder
from deemo_jax.deid.video.detection.turned_faces import TURNS, UPRIGHT
from deemo_jax.media.cached_video import CachedVideo
from deemo_jax.media.picture import Picture


def frames_with_somebody(video: CachedVideo, frames: frozenset[int], finder: FaceFinder) -> tuple[int, ...]:
    """The frames that show a face after all: searched at full size, and as a whole in all four quarter turns.

    Args:
        video: the film.
        frames: numbers of the frames to search.
        finder: the detector and its settings.
    """
    video.stage = "looking for somebody"
    pictures: Iterator[Picture] = (picture for picture in video if picture.index in frames)
    seen = parallel.ahead(functools.partial(_is_somebody, finder), pictures, video.threads)
    return tuple(frame for frame, shows in seen if shows)


def _is_somebody(finder: FaceFinder, picture: Picture) -> tuple[int, bool]:
    settings, every_way = finder.settings, (*UPRIGHT, *TURNS)
    looks = [finder.turned(picture, settings.threshold, every_way)]
    if not finder.sees_all(picture.size):
        looks.append(finder.full_size(picture, settings.threshold))
    return picture.index, any(
        not refuted(picture, found, settings.threshold, settings.sure, every_way).all() for found in looks
    )
