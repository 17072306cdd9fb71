"""What several detectors report in the frames of one clip: best scores, from which all thresholds can be counted.

Axes: N faces, H height, W width; a face is x0, y0, x1, y1, score.
"""

import dataclasses
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from jaxtyping import Bool, Float32

from deemo_jax.audit.audited_clips import AuditedClip, source_frames
from deemo_jax.audit.clip_check import touch
from deemo_jax.audit.face_detection.blazeface import BlazeFace
from deemo_jax.audit.face_detection.detectors import CenterFace, Detector, detector_name, given_detector
from deemo_jax.audit.truth_fields import read_boxes
from deemo_jax.deid.video import masks
from deemo_jax.deid.video.leak_check import outside
from deemo_jax.media.video import read_pictures

# Score thresholds of the report's curves; detectors run at the lowest.
THRESHOLDS = np.round(np.arange(0.05, 0.901, 0.05), 2)
LOWEST = float(THRESHOLDS[0])


@dataclasses.dataclass(frozen=True, slots=True, eq=False)
class FrameScan:
    """The best scores (0 to 1) of one detector in one frame; 0 where it reports nothing.

    Attributes:
        anywhere: of all detections.
        outside: of those that do not lie within pixels that are masked, or, in a raw picture, will be.
        on_face: of those outside that touch a true face; None without a truth.
    """

    anywhere: float
    outside: float
    on_face: float | None


@dataclasses.dataclass(frozen=True, slots=True, eq=False)
class ClipScan:
    """The scans of one clip.

    Attributes:
        clip_id: of the clip.
        frames: detector and picture, as in "CenterFace, raw" or "BlazeFace, written" -> its scan of each frame.
    """

    clip_id: str
    frames: Mapping[str, tuple[FrameScan, ...]]


def scan_clip(detector: Path | str | None, every: int, clip: AuditedClip) -> ClipScan:
    """Runs the detectors on frames of a clip and, where it is given, of its raw file.

    Args:
        detector: the third one, as `given_detector` takes it; None for none.
        every: one frame in so many is searched.
        clip: with its masks on disk.
    """
    recorded = clip.masks()
    width, height = recorded.width, recorded.height
    lookers: dict[str, Detector] = {"CenterFace": CenterFace(width, height, LOWEST), "BlazeFace": BlazeFace(LOWEST)}
    if detector is not None:
        lookers[detector_name(detector)] = given_detector(detector, LOWEST)
    of_source = source_frames(recorded)
    boxes = read_boxes(clip.truth, clip.clip_id)
    frames: dict[str, list[FrameScan]] = {}
    for kind, path, span in (("written", clip.output, ()), ("raw", clip.source, clip.source_span)):
        if path is None:
            continue
        wanted = {of_source[i] if kind == "raw" else i: i for i in range(0, len(of_source), every)}
        for picture in read_pictures(path, *span):
            if picture.index not in wanted:
                continue
            place = wanted[picture.index]
            hidden = masks.region(recorded.rectangles[place], width, height)
            true_boxes = None if boxes is None else [box for row in boxes[of_source[place] :][:1] for box in row]
            for name, look in lookers.items():
                faces = look(picture)
                frames.setdefault(f"{name}, {kind}", []).append(_best(faces, hidden, true_boxes))
    return ClipScan(clip.clip_id, {name: tuple(of) for name, of in frames.items()})


def _best(
    faces: Float32[np.ndarray, "N 5"], hidden: Bool[np.ndarray, "H W"], boxes: Sequence[Sequence[float]] | None
) -> FrameScan:
    beside = outside(faces, hidden) if len(faces) else faces
    on_face = None
    if boxes is not None:
        on_face = max((float(face[4]) for face in beside if any(touch(face, box) for box in boxes)), default=0.0)
    return FrameScan(float(faces[:, 4].max(initial=0.0)), float(beside[:, 4].max(initial=0.0)), on_face)
