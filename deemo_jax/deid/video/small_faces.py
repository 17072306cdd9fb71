"""Follows small faces between two searches at full size: forwards from the first, and backwards from the second.

In each frame a small face is searched for in a close-up of the place where it was, in which it is large enough for the
detector. Axes: N faces; a box is x0, y0, x1, y1.
"""

import dataclasses
import functools
import itertools
from collections.abc import Iterator, Sequence

import numpy as np
from jaxtyping import Float

from deemo_jax.core import parallel
from deemo_jax.deid.settings import Settings
from deemo_jax.deid.video.detection.boxes import heights, joined
from deemo_jax.deid.video.detection.close_up import faces_close_up
from deemo_jax.deid.video.detection.detections import Detections, Faces
from deemo_jax.deid.video.detection.face_finder import FaceFinder
from deemo_jax.deid.video.detection.frame_search import refined
from deemo_jax.deid.video.tracks import effort, reach
from deemo_jax.media.cached_video import CachedVideo
from deemo_jax.media.picture import Picture

# Side of a close-up in units of the face's longer side: the face gets 1.5 sizes away at most (`tracks.REACH`).
CONTEXT = 4.0
# Bytes of pictures that all threads together hold, at most.
ROOM = 512 << 20


@dataclasses.dataclass(slots=True, eq=False)
class _Followed:
    """A face that is being followed.

    Attributes:
        box: where it was seen last, pixels.
        time_s: when, seconds of the clip.
    """

    box: Float[np.ndarray, "4"]
    time_s: float


def follow_small_faces(video: CachedVideo, detections: Detections, settings: Settings) -> Detections:
    """Adds small faces to the detections in frames between searches at full size.

    Args:
        video: the film.
        detections: of the first pass over it.
        settings: of that pass.

    Returns:
        The detections with those that were added.
    """
    if not any(len(faces) for faces in detections.small.values()):
        return detections
    video.stage, finder = "following small faces", FaceFinder(settings, detections.turns)
    job = functools.partial(_follow, finder, detections)
    found = dict(zip(detections.looked, detections.faces, strict=True))
    least = settings.smallest_pixels(detections.width, detections.height)
    for frame, faces in itertools.chain.from_iterable(
        parallel.ahead(job, _spans(video, detections), _threads(video, detections))
    ):
        found[frame] = refined(found[frame], faces, least)
    return dataclasses.replace(detections, faces=tuple(found.values()))


def _threads(video: CachedVideo, detections: Detections) -> int:
    """The number of threads whose pictures together fit into `ROOM`."""
    longest = max(b - a for a, b in itertools.pairwise([*_places(detections), len(detections.looked)]))
    return max(1, min(video.threads, ROOM // (longest * detections.width * detections.height * 3 // 2)))


def _places(detections: Detections) -> list[int]:
    """The places of the frames searched at full size among all frames that were searched."""
    return [k for k, frame in enumerate(detections.looked) if frame in detections.small]


def _spans(video: CachedVideo, detections: Detections) -> Iterator[list[Picture]]:
    """The pictures from each frame searched at full size to the next, or to the end of the scene."""
    looked, span = frozenset(detections.looked), list[Picture]()
    for picture in video:
        if picture.index not in looked:
            continue
        begins = picture.index in detections.small
        if begins and span and detections.is_cut_between(span[0].index, picture.index):
            yield span
            span = []
        span.append(picture)
        if begins and len(span) > 1:
            yield span
            span = [picture]
    yield span


def _follow(finder: FaceFinder, detections: Detections, span: Sequence[Picture]) -> list[tuple[int, Faces]]:
    """The small faces of a span, followed both ways: frame -> faces."""
    none: Faces = np.empty((0, 6))
    known = dict(zip(detections.looked, detections.faces, strict=True))
    first, last = (detections.small.get(span[k].index, none) for k in (0, -1))
    ways = [(first, span[1:])] + ([(last, span[-2::-1])] if len(span) > 1 else [])
    starts = (span[0].time_s, span[-1].time_s)
    found: dict[int, list[Faces]] = {}
    for (seeds, pictures), time_s in zip(ways, starts, strict=False):
        followed = [_Followed(seed[:4].astype(np.float64), time_s) for seed in seeds]
        for picture in pictures if followed else ():
            rows = _step(finder, followed, picture, known[picture.index])
            if len(rows):
                found.setdefault(picture.index, []).append(rows)
    return [(frame, _without_doublets(rows)) for frame, rows in found.items()]


def _step(finder: FaceFinder, followed: list[_Followed], picture: Picture, known: Faces) -> Faces:
    """Moves every followed face to where it is in a picture; one that is lost for `hole_s` is no longer followed.

    Returns:
        The faces that were found in close-ups.
    """
    settings = finder.settings
    least = settings.smallest_pixels(*picture.size)
    image, rows = picture.rgb(), []
    large = known[(known[:, 4] >= settings.sure) & (heights(known) >= least)]
    for face in list(followed):
        furthest = reach(abs(picture.time_s - face.time_s))
        close = faces_close_up(image, face.box, CONTEXT, settings.threshold, finder.turns)
        if (there := _nearest(face, close, furthest)) is not None:
            rows.append(there)
        else:  # it may have become so large that the first pass found it
            there = _nearest(face, large, furthest)
        if there is not None:
            face.box, face.time_s = there[:4].astype(np.float64), picture.time_s
        elif abs(picture.time_s - face.time_s) > settings.hole_s:
            followed.remove(face)
    return np.column_stack([np.array(rows), np.zeros(len(rows))]) if rows else np.empty((0, 6))


def _nearest(face: _Followed, found: Float[np.ndarray, "N _"], furthest: float) -> Float[np.ndarray, " _"] | None:
    """The detection that is most likely the followed face; None where none can be."""
    if not len(found):
        return None
    cost = effort(face.box, found[:, :4].astype(np.float64), furthest)
    best = int(cost.argmin())
    return found[best] if cost[best] <= 1 else None


def _without_doublets(rows: Sequence[Faces]) -> Faces:
    together = joined(np.concatenate(rows)[:, :5].astype(np.float32))
    return np.column_stack([together, np.zeros(len(together))])
