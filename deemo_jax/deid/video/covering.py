"""Decides what is covered in each frame of a copy: finds and follows faces, and searches the covered pictures again.

Where a face may have been missed, the clip is refused.
Axes: N boxes.
"""

import dataclasses
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from deemo_jax.deid.manifest import Rectangles
from deemo_jax.deid.settings import Settings
from deemo_jax.deid.video import leak_check, masks, refusal_messages
from deemo_jax.deid.video.detection.boxes import Boxes, heights
from deemo_jax.deid.video.detection.centerface import input_size
from deemo_jax.deid.video.detection.detections import Detections
from deemo_jax.deid.video.detection.empty_scenes import frames_with_somebody
from deemo_jax.deid.video.detection.face_finder import FaceFinder
from deemo_jax.deid.video.detection.first_pass import (
    FULL_SIZE_EVERY_S,
    LOOK_EVERY_S,
    first_pass,
    spaced_frames,
)
from deemo_jax.deid.video.kept_frames import KeptFrames
from deemo_jax.deid.video.recheck import INSIDE, Recheck, cover_until_clean, faces_still_seen
from deemo_jax.deid.video.refusal_messages import MENDS, TRACK_MENDS, Refused
from deemo_jax.deid.video.small_faces import follow_small_faces
from deemo_jax.deid.video.track_file import load_tracks
from deemo_jax.deid.video.tracks import Plan, boxes_per_frame, plan
from deemo_jax.media.cached_video import CachedVideo


@dataclasses.dataclass(frozen=True, slots=True, eq=False)
class Covering:
    """What is covered, and how that was found.

    Attributes:
        kept: the frames of the copy.
        seen: the detections of the first pass; without looks where a person gave the tracks.
        found: the tracks of faces, and where faces are missing.
        first: rectangles of every frame of the copy after the first pass.
        rectangles: those after the covered pictures were searched again.
    """

    kept: KeptFrames
    seen: Detections
    found: Plan
    first: Rectangles
    rectangles: Rectangles

    @property
    def dropped(self) -> tuple[int, ...]:
        """Frames of the source that the copy lacks, ascending."""
        return tuple(sorted(self.kept.dropped))

    @property
    def added(self) -> Rectangles:
        """For each frame of the copy, the rectangles that searching again added."""
        pairs = zip(self.rectangles, self.first, strict=True)
        return tuple(tuple(r for r in now if r not in before) for now, before in pairs)

    def on_record(self, settings: Settings) -> dict[str, Any]:
        """The manifest's `faces`."""
        seen, found, size = self.seen, self.found, self.kept.size
        return {
            "frames": len(seen.times),
            "looked": len(seen.looked),
            "looks": _looks(self.kept.shown, settings),
            "full_size": len(seen.small),
            "turns": list(seen.turns),
            "tracks": len(found.tracks),
            "small": sum(bool(t.boxes.size) and _is_small(t.boxes, seen, settings) for t in found.tracks),
            "boxes": found.found,
            "bridged": found.bridged,
            "min_score": round(found.min_score, 4),
            "filled": sum(boxes == masks.whole(*size) for boxes in self.rectangles),
            "dropped": len(self.dropped),
            "empty": len(found.empty) if settings.empty_scenes == "accept" else 0,
            "seen_again": sum(now != before for now, before in zip(self.rectangles, self.first, strict=True)),
            "corrected": not seen.looked,
        }


def find_covering(
    video: CachedVideo, shown: tuple[int, int], settings: Settings, tracks: Path | None, source_sha256: str
) -> Covering:
    """Decides what is covered in a film.

    Args:
        video: the film.
        shown: width and height of its pictures, pixels.
        settings: how faces are found.
        tracks: a corrected file of tracks, which takes the place of a first pass; None without one.
        source_sha256: of the film's file; the tracks must be of this file.

    Raises:
        Refused: no face was found, one was lost in some frames, or one is still seen after covering.
        UserError: the film or the tracks cannot be read, or the film is too long or shows too many faces.
    """
    if tracks:
        seen = Detections(*shown, tuple(picture.time_s for picture in video), (), ())
        found = load_tracks(tracks, len(seen.times), shown, source_sha256, video.span[0])
    else:
        seen = follow_small_faces(video, first_pass(video, settings), settings)
        found = plan(seen, settings)
    if settings.empty_scenes == "refuse":
        found = dataclasses.replace(found, missing=tuple(sorted({*found.missing, *found.empty})))
    _refuse_if_unsure(video, found, seen, settings)
    kept = KeptFrames(video, shown, seen.times, _dropped(found, settings))
    first = _rectangles(found, kept, settings)
    return Covering(kept, seen, found, first, _looked_again(kept, first, seen, found, settings))


def _refuse_if_unsure(video: CachedVideo, found: Plan, seen: Detections, settings: Settings) -> None:
    """Refuses a film without a face, with lost faces, or with empty scenes that show somebody after all.

    Raises:
        Refused: it is one of these.
    """
    source, limits = video.path, np.array([seen.width, seen.height])
    if not any(((t.boxes[:, 2:] > 0) & (t.boxes[:, :2] < limits)).all(axis=1).any() for t in found.tracks):
        raise Refused(f"{source}: no face was found in any frame; is there a speaker, and larger than smallest_face?")
    if settings.on_missing == "refuse":
        if set(found.missing) - set(found.empty):
            raise refusal_messages.lost_face(source, found, seen, settings.smallest_pixels(seen.width, seen.height))
        if found.missing:
            raise refusal_messages.empty_scenes(source, found, seen)
    if found.empty and settings.empty_scenes == "accept":
        times = frames_with_somebody(video, frozenset(found.empty), FaceFinder(settings, seen.turns))
        if times:
            what = "somebody is seen in a scene that seemed to show nobody"
            raise refusal_messages.unsure_frames(source, what, times, seen.times, MENDS)


def _dropped(found: Plan, settings: Settings) -> frozenset[int]:
    """The frames to leave out. The first frame is never left out, but covered whole: a clip begins with it."""
    return frozenset(t for t in found.missing if t) if settings.on_missing == "drop_frame" else frozenset()


def _rectangles(found: Plan, kept: KeptFrames, settings: Settings) -> Rectangles:
    """The rectangles that cover the tracks in each frame that is kept; all of a frame where a face was lost."""
    boxes, lost, size = boxes_per_frame(found.tracks, kept.all_times), set(found.missing), kept.size
    return tuple(
        masks.whole(*size) if t in lost else masks.enlarge(boxes[t], settings.margin, *size) for t in kept.indices
    )


def _looked_again(
    kept: KeptFrames, rectangles: Rectangles, seen: Detections, found: Plan, settings: Settings
) -> Rectangles:
    """Searches the covered pictures, and returns what is to be covered then; tracks from a person are not added to.

    Raises:
        Refused: a face is still seen.
    """
    place, finder = {t: i for i, t in enumerate(kept.indices)}, FaceFinder(settings, seen.turns)
    if seen.looked:
        looks = frozenset(place[t] for t in _left_over(kept, rectangles, seen) if t in place)
        known = {place[t]: faces for t, faces in zip(seen.looked, seen.faces, strict=True) if t in place}
        recheck = Recheck(finder, looks, _small(kept, seen, found, settings), known=known)
        rectangles, exposed = cover_until_clean(kept, rectangles, recheck)
        what, mend = "a face is still seen beside the masks", MENDS
    else:
        looks, full_size = (
            frozenset(place[t] for t in spaced_frames(seen.times, every) if t in place)
            for every in (LOOK_EVERY_S, FULL_SIZE_EVERY_S)
        )
        exposed = faces_still_seen(
            kept, rectangles, Recheck(finder, looks | full_size, full_size=full_size), found.not_faces
        )
        what, mend = "what is surely a face is seen beside the corrected tracks", TRACK_MENDS
    if exposed:
        raise refusal_messages.unsure_frames(kept.video.path, what, exposed, kept.times, mend)
    return rectangles


def _left_over(kept: KeptFrames, rectangles: Rectangles, seen: Detections) -> Iterator[int]:
    """The frames of the source with a detection of the first pass that the masks do not cover."""
    covering = dict(zip(kept.indices, rectangles, strict=True))
    for frame, faces in zip(seen.looked, seen.faces, strict=True):
        hidden = masks.region(covering.get(frame, masks.whole(*kept.size)), *kept.size)
        if len(leak_check.outside(faces[:, :5], hidden, INSIDE)):
            yield frame


def _small(kept: KeptFrames, seen: Detections, found: Plan, settings: Settings) -> dict[int, Boxes]:
    """Frame of the copy -> boxes of the tracked faces that are too small for a search of the whole picture."""
    small: dict[int, Boxes] = {}
    for track in found.tracks:
        if _is_small(track.boxes, seen, settings):
            boxes = boxes_per_frame([track], kept.all_times)
            for i, t in enumerate(kept.indices):
                small[i] = np.concatenate([small.get(i, boxes[t][:0]), boxes[t][:1]])
    return small


def _is_small(boxes: Boxes, seen: Detections, settings: Settings) -> bool:
    """Whether the boxes of a track are mostly lower than the smallest face that every search finds."""
    return bool(np.median(heights(boxes)) < settings.smallest_pixels(seen.width, seen.height))


def _looks(size: tuple[int, int], settings: Settings) -> str:
    """The size of the picture, that at which the detector sees it, and the smallest face that it finds, in words."""
    (width, height), seen = size, input_size(*size, settings.detection_scale(*size))
    smallest = settings.smallest_pixels(width, height)
    return f"{width}x{height} looked at as {seen[0]}x{seen[1]}, for faces from {smallest} pixels up"
