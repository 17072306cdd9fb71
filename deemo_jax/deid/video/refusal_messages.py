"""Why a clip is refused, and what a person can do about it, in words."""

import math
from collections.abc import Sequence

from deemo_jax.core.errors import UserError
from deemo_jax.deid.settings import DETECTOR_FACE_PIXELS
from deemo_jax.deid.video.detection.detections import Detections
from deemo_jax.deid.video.tracks import Plan

# So many times of frames are listed.
LISTED_TIMES = 8
MENDS = "cut them out, or run this file alone with --on_missing mask_frame or drop_frame, or with corrected --tracks"
TRACK_MENDS = 'add it to the tracks, or put a box around it into "not_faces" there'
EMPTY_MENDS = (
    "cut it out, or accept scenes in which nobody is seen with --empty_scenes accept (title cards, slides; every frame"
    " of them is then looked at in full size)"
)


class Refused(UserError):  # noqa: N818 - callers take it for an outcome
    """A clip is not de-identified, since faces may have been missed.

    Attributes:
        times_s: times of the frames in question, seconds of the clip; empty where no face was found at all.
    """

    def __init__(self, message: str, times_s: tuple[float, ...] = ()):
        super().__init__(message)
        self.times_s = times_s


def unsure_frames(source: object, what: str, frames: Sequence[int], times: Sequence[float], mends: str) -> Refused:
    """The refusal of a clip for some of its frames.

    Args:
        source: the raw file.
        what: what is wrong, in words.
        frames: numbers of the frames.
        times: of all frames, seconds of the clip.
        mends: what can be done, in words.
    """
    at = tuple(times[t] for t in frames)
    listed = ", ".join(f"{t:.2f}" for t in at[:LISTED_TIMES]) + (", ..." if len(at) > LISTED_TIMES else "")
    return Refused(f"{source}: {what} in {len(at)} of {len(times)} frames, at {listed} s; {mends}", at)


def lost_face(source: object, found: Plan, seen: Detections, least: int) -> Refused:
    """The refusal of a clip in which a face is lost; where it is small, with the --smallest_face that would find it.

    Args:
        source: the raw file.
        found: the tracks, and where a face is missing.
        seen: the detections of the first pass.
        least: height of the smallest face that every search finds, pixels.
    """
    what, mends, short = "a face is lost", MENDS, min(seen.width, seen.height)
    # Where `least` is the detector's limit, a smaller --smallest_face finds no smaller faces.
    if 0 < found.lost_height < least and least > DETECTOR_FACE_PIXELS:
        share = max(found.lost_height, DETECTOR_FACE_PIXELS) / short
        what = f"a face of {found.lost_height:.0f} pixels, smaller than smallest_face, is lost"
        mends = (
            f"look for faces of its size with --smallest_face {max(0.001, math.floor(1000 * share) / 1000)}; or {MENDS}"
        )
    return unsure_frames(source, what, found.missing, seen.times, mends)


def empty_scenes(source: object, found: Plan, seen: Detections) -> Refused:
    """The refusal of a clip with scenes in which nobody is seen; arguments as for `lost_face`."""
    at, shown = set(found.empty), []
    for scene in seen.scenes():
        if scene and scene[0] in at:
            shown.append(f"from {seen.times[scene[0]]:.2f} to {seen.times[scene[-1]]:.2f} s")
    listed = ", ".join(shown[:LISTED_TIMES]) + (", ..." if len(shown) > LISTED_TIMES else "")
    scenes = "a scene shows nobody" if len(shown) == 1 else f"{len(shown)} scenes show nobody"
    times = tuple(seen.times[t] for t in found.empty)
    return Refused(f"{source}: {scenes}, {listed} ({len(at)} of {len(seen.times)} frames); {EMPTY_MENDS}", times)
