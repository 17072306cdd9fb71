"""The first pass over a film: finds faces, and cuts between scenes.

Not every frame is searched: between two searched frames lies a twelfth of a second at most, in which a face that
crosses the picture in half a second moves by little more than its width; and a fifth of a second where all faces are at
rest. The first and the last frame and both sides of every cut are always searched.
Axes: N faces; h and w pixels of a thumbnail.
"""

import functools
import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import TypeVar

import numpy as np
from jaxtyping import UInt8

from deemo_jax.core import parallel
from deemo_jax.core.errors import UserError
from deemo_jax.deid import source_spans
from deemo_jax.deid.settings import Settings
from deemo_jax.deid.video.detection.between_looks import where_faces_move
from deemo_jax.deid.video.detection.detections import Detections
from deemo_jax.deid.video.detection.face_finder import FaceFinder
from deemo_jax.deid.video.detection.frame_search import FrameDetections, FrameToSearch, search_frame
from deemo_jax.deid.video.detection.turned_faces import UPRIGHT
from deemo_jax.media.cached_video import CachedVideo
from deemo_jax.media.picture import Picture
from deemo_jax.media.video import film_seconds

Result = TypeVar("Result")
# Seconds between two searched frames, at most: in general, where all faces are at rest, and at full size.
LOOK_EVERY_S = 1 / 12
AT_REST_EVERY_S = 0.2
FULL_SIZE_EVERY_S = 1.0
# Seconds between frames that are searched turned, at least; sooner where no face scores well, as with a face that lies.
TURNED_EVERY_S = 5.0
# Width and height of the thumbnails by which cuts are found, pixels.
THUMBNAIL = (48, 27)
# Bytes of pictures that may wait while a thread searches one at full size, which takes as long as many other searches.
ROOM = 64 << 20
# Correlation of successive thumbnails below which there is a cut: between similar sets it is below a third, in a fast
# pan over a pattern seldom so low, and a flash changes brightness, not structure.
ALIKE = 0.35
# Standard deviation of a thumbnail, grey levels, below which it has no structure: black, white, fog.
FLAT = 2.0


def first_pass(video: CachedVideo, settings: Settings) -> Detections:
    """Searches a film for faces; keeps boxes and times, no pictures.

    Where it finds faces that are not upright, it reads the film once more and searches every picture turned, too.

    Raises:
        UserError: the film cannot be read, is too long, changes the size of its pictures, or shows more faces than can
            be followed.
    """
    seen, turns = _pass(video, FaceFinder(settings))
    if turns:
        seen, _ = _pass(video, FaceFinder(settings, (*UPRIGHT, *sorted(turns))))
    return seen


def _pass(video: CachedVideo, finder: FaceFinder) -> tuple[Detections, frozenset[int]]:
    """What is found in a film, and the quarter turns in which more would be found."""
    path, video.stage = video.path, "looking for faces"
    times: list[float] = []
    cuts: list[int] = []
    size = (0, 0)

    def worth_a_look() -> Iterator[FrameToSearch]:
        """The frames to search; fills in `times`, `cuts` and `size` while it reads the film."""
        nonlocal size
        before: Picture | None = None
        thumbnail_before, looked = None, -1
        full_size_s = turned_s = firm_s = -math.inf
        for picture in video:
            if before is not None and picture.size != size:
                raise UserError(f"{path}: the picture changes its size at {picture.time_s:.2f} s; cut the clip there")
            if picture.time_s > source_spans.LONGEST_CLIP_S:  # the header may state a shorter time
                raise source_spans.TooLong(path, film_seconds(path))
            size = picture.size
            times.append(picture.time_s)
            thumbnail = picture.grey(*THUMBNAIL)
            cut = thumbnail_before is not None and is_cut(thumbnail_before, thumbnail)
            if cut:
                cuts.append(picture.index)
                if before is not None and looked < before.index:
                    yield FrameToSearch(before)
            if cut or looked < 0 or picture.time_s - times[looked] + picture.lasts_s > LOOK_EVERY_S + 1e-3:
                looked, time_s = picture.index, picture.time_s
                full_size = cut or time_s - full_size_s + max(LOOK_EVERY_S, picture.lasts_s) > FULL_SIZE_EVERY_S + 1e-3
                turned = full_size and (cut or time_s - turned_s >= TURNED_EVERY_S)
                full_size_s = time_s if full_size else full_size_s
                turned_s = time_s if turned else turned_s
                soon_s = time_s - firm_s + max(LOOK_EVERY_S, picture.lasts_s)
                between = not full_size and soon_s <= AT_REST_EVERY_S + 1e-3
                firm_s = firm_s if between else time_s
                yield FrameToSearch(picture, full_size, turned, cut, between)
            before, thumbnail_before = picture, thumbnail
        if before is not None and looked < before.index:
            yield FrameToSearch(before)

    looks: dict[int, FrameDetections] = {}

    def firm_looks() -> Iterator[tuple[FrameToSearch, FrameDetections | None]]:
        """Fills in `looks`; the frames between are not searched yet."""
        for asked, seen in _looks(functools.partial(_unless_between, finder, path), worth_a_look(), video):
            if seen is not None:
                looks[asked.picture.index] = seen
            yield asked, seen

    restless = where_faces_move(firm_looks(), finder.settings.threshold)
    others = dict(_looks(functools.partial(search_frame, finder, path), restless, video))
    looks = dict(sorted((looks | others).items()))
    if not times:
        raise UserError(f"{path}: not one frame can be decoded; is the file whole?")
    small = {t: seen.small for t, seen in looks.items() if seen.small is not None}
    faces = tuple(seen.faces for seen in looks.values())
    better = frozenset[int]().union(*(seen.turns for seen in looks.values()))
    return Detections(*size, tuple(times), tuple(looks), faces, tuple(cuts), small, finder.turns), better


def _looks(
    job: Callable[[FrameToSearch], Result], asked: Iterable[FrameToSearch], video: CachedVideo
) -> Iterator[Result]:
    return parallel.ahead(job, asked, video.threads, lambda frame: frame.picture.nbytes, ROOM)


def _unless_between(
    finder: FaceFinder, path: Path, asked: FrameToSearch
) -> tuple[FrameToSearch, FrameDetections | None]:
    return asked, None if asked.between else search_frame(finder, path, asked)[1]


def is_cut(before: UInt8[np.ndarray, "h w"], after: UInt8[np.ndarray, "h w"]) -> bool:
    """Whether two successive thumbnails show different scenes."""
    pair = [x.astype(np.float64) - x.mean() for x in (before, after)]
    spread = [float(x.std()) for x in pair]
    if min(spread) < FLAT:
        return max(spread) >= FLAT
    return float((pair[0] * pair[1]).mean()) < ALIKE * spread[0] * spread[1]


def spaced_frames(times: Sequence[float], every_s: float = LOOK_EVERY_S) -> Iterator[int]:
    """Frames at least `every_s` apart, and the last one."""
    before = -every_s
    for t, time in enumerate(times):
        if time - before >= every_s - 1e-3 or t == len(times) - 1:
            before = time
            yield t
