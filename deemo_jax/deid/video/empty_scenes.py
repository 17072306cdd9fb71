"""Scenes that seem to show nobody: is it so in every one of their frames?"""

import functools
from collections.abc import Iterator

from deemo_jax.core import parallel
from deemo_jax.deid.video.close_up import doubtful
from deemo_jax.deid.video.eye import Eye
from deemo_jax.deid.video.turned import TURNS, UPRIGHT
from deemo_jax.media.cached_video import Reel
from deemo_jax.media.picture import Picture


def somebody(reel: Reel, frames: frozenset[int], eye: Eye) -> tuple[int, ...]:
    """The frames in which a face is seen after all, looked at in full size, and as a whole turned in every way.

    Args:
        reel: the film.
        frames: to look at, every one.
        eye: what counts.
    """
    reel.stage = "looking for somebody"
    pictures: Iterator[Picture] = (picture for picture in reel if picture.index in frames)
    seen = parallel.ahead(functools.partial(_is_somebody, eye), pictures, reel.threads)
    return tuple(frame for frame, shows in seen if shows)


def _is_somebody(eye: Eye, picture: Picture) -> tuple[int, bool]:
    settings, every_way = eye.settings, (*UPRIGHT, *TURNS)
    looks = [eye.turned(picture, settings.threshold, every_way)]
    if not eye.sees_all(picture.size):
        looks.append(eye.full_size(picture, settings.threshold))
    return picture.index, any(
        not doubtful(picture, found, settings.threshold, settings.sure, every_way).all() for found in looks
    )
