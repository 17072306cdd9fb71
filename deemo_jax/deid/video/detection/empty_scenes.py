"""Scenes that seem to show nobody: is it so in every one of their frames?"""

import functools
from collections.abc import Iterator

from deemo_jax.core import parallel
from deemo_jax.deid.video.detection.close_up import refuted
from deemo_jax.deid.video.detection.face_finder import FaceFinder
from deemo_jax.deid.video.detection.turned_faces import TURNS, UPRIGHT
from deemo_jax.media.cached_video import CachedVideo
from deemo_jax.media.picture import Picture


def frames_with_somebody(video: CachedVideo, frames: frozenset[int], finder: FaceFinder) -> tuple[int, ...]:
    """The frames in which a face is seen after all, looked at in full size, and as a whole turned in every way.

    Args:
        video: the film.
        frames: to look at, every one.
        finder: what counts.
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
