"""One file through all of it: faces found in a first pass, covered in a second, the voice changed, and put on record.

It fails closed: where it cannot be sure, nothing is written.
"""

import dataclasses
import functools
import importlib.metadata
from collections.abc import Iterator
from pathlib import Path

import av
import cv2
import numpy as np
import scipy
import soxr
from jaxtyping import Float

from deemo_jax import files
from deemo_jax.deid import manifest as paper
from deemo_jax.deid import masks, tracks
from deemo_jax.deid.faces import face_detector, model_path
from deemo_jax.deid.keys import VoiceKey
from deemo_jax.deid.manifest import Manifest, Masks
from deemo_jax.deid.settings import Settings
from deemo_jax.deid.voice import mcadams
from deemo_jax.errors import UserError
from deemo_jax.media.audio import read_audio
from deemo_jax.media.video import Frame, frame_times, read_frames, video_info, write_clip

SAMPLE_RATE = 16_000
LEAST_SOUND_S = 0.025
PADDED_BELOW_S = 2.0
# The voice of a clip is held in memory; half an hour of it takes a few hundred MB while it is worked on.
LONGEST_CLIP_S = 1800.0
TIME_TOLERANCE_S = 0.002
# AAC works in frames of 1024 samples: the end may be rounded up to the next, plus one of delay.
SOUND_TOLERANCE_S = 2 * 1024 / SAMPLE_RATE
LISTED_TIMES = 8


class Refused(UserError):  # noqa: N818 - it is an outcome as much as an error
    """A clip that was not de-identified, because faces may have been missed.

    Attributes:
        times_s: clip times of the frames in question; empty when no face was found at all.
    """

    def __init__(self, message: str, times_s: tuple[float, ...] = ()):
        super().__init__(message)
        self.times_s = times_s


def deidentify_clip(source: Path, out_dir: Path, clip_id: str, settings: Settings, key: VoiceKey) -> Manifest:
    """De-identifies one clip into `out_dir`: video, masks and manifest, all or none.

    Args:
        source: a raw video with a voice.
        out_dir: created where it is absent.
        clip_id: a pseudonym; names the files.
        settings: how.
        key: draws the voice.

    Raises:
        Refused: no face, or frames in which a face was expected and not found.
        UserError: what cannot be read, has no sound or too little, is too long, or cannot be written.
    """
    video_name, masks_name, manifest_name = paper.file_names(clip_id)
    source, out_dir = Path(source), Path(out_dir)
    info = video_info(source)
    if info.duration_s > LONGEST_CLIP_S:
        raise UserError(f"{source}: lasts {info.duration_s:.0f} s; cut it into clips of at most {LONGEST_CLIP_S:.0f} s")
    voice, _ = read_audio(source, SAMPLE_RATE, end_s=LONGEST_CLIP_S)
    if voice.size < LEAST_SOUND_S * SAMPLE_RATE:
        raise UserError(f"{source}: {voice.size / SAMPLE_RATE * 1e3:.1f} ms of sound; at least 25 ms are needed")

    times, covering = _find_faces(source, settings)
    whole = _frames_to_fill(source, times, covering, settings)
    size = (info.width & ~1, info.height & ~1)
    rectangles = _rectangles(covering, whole, settings, *size)
    alpha = key.alpha(clip_id, settings.alpha_low, settings.alpha_high)
    changed = mcadams(voice, alpha, SAMPLE_RATE)
    # The manifest is renamed last: without it the other two count for nothing.
    with (
        files.atomic(out_dir / manifest_name) as on_record,
        files.atomic(out_dir / masks_name) as covered,
        files.atomic(out_dir / video_name) as video,
    ):
        write_clip(video, _covered(source, rectangles, settings), info.frame_rate, (changed, SAMPLE_RATE), settings.crf)
        _check_written(video, source, times, voice.size / SAMPLE_RATE)
        paper.write_masks(covered, Masks(*size, rectangles))
        record = Manifest(
            clip_id=clip_id,
            file=video_name,
            output_sha256=files.sha256(video),
            masks=masks_name,
            masks_sha256=files.sha256(covered),
            source_sha256=files.sha256(source),
            settings=dataclasses.asdict(settings),
            software=software(),
            voice={"method": "mcadams", "key_id": key.key_id, "sample_rate": SAMPLE_RATE},
            faces={
                "frames": len(times),
                "boxes": covering.found,
                "bridged": covering.bridged,
                "min_score": round(covering.min_score, 4),
                "filled": len(whole),
            },
            notes=_notes(voice),
        )
        files.write_json(on_record, record.to_json())
    return record


@functools.cache
def software() -> dict[str, str]:
    """Versions of what touches pixels and samples, and the hash of the detector."""
    try:
        own = importlib.metadata.version("deemo-jax")
    except importlib.metadata.PackageNotFoundError:
        own = "source tree"
    return {
        "deemo_jax": own,
        "av": av.__version__,
        "ffmpeg": av.ffmpeg_version_info,
        "cv2": cv2.__version__,
        "numpy": np.__version__,
        "scipy": scipy.__version__,
        "soxr": soxr.__version__,
        "centerface_sha256": files.sha256(model_path()),
    }


def _find_faces(source: Path, settings: Settings) -> tuple[list[float], tracks.Plan]:
    """First pass: keeps boxes and times, no pictures."""
    times: list[float] = []
    detections = []
    detector = None
    width = height = 0
    for frame in read_frames(source):
        if frame.image.shape[:2] != (height, width):
            if detector is not None:
                raise UserError(f"{source}: the picture changes its size at {frame.time_s:.2f} s; cut the clip there")
            height, width = frame.image.shape[:2]
            detector = face_detector(width, height, settings.detection_scale(width, height))
        assert detector is not None
        detections.append(detector(frame.image, settings.second_chance))
        times.append(frame.time_s)
    return times, tracks.plan(detections, width, height, settings.threshold, settings.sure)


def _frames_to_fill(source: Path, times: list[float], covering: tracks.Plan, settings: Settings) -> tuple[int, ...]:
    if not covering.found:
        raise Refused(f"{source}: no face was found in any frame; is there a speaker, and larger than smallest_face?")
    if covering.missing and settings.on_missing == "refuse":
        lost = tuple(times[t] for t in covering.missing)
        listed = ", ".join(f"{t:.2f}" for t in lost[:LISTED_TIMES]) + (", ..." if len(lost) > LISTED_TIMES else "")
        raise Refused(
            f"{source}: a face is lost in {len(lost)} of {len(times)} frames, at {listed} s; cut them out, or run"
            " this file alone with --on_missing mask_frame",
            lost,
        )
    return covering.missing


def _rectangles(
    covering: tracks.Plan, whole: tuple[int, ...], settings: Settings, width: int, height: int
) -> tuple[tuple[tuple[int, int, int, int], ...], ...]:
    everything = ((0, 0, width, height),)
    return tuple(
        everything if t in whole else tuple(map(tuple, masks.enlarge(boxes, settings.margin, width, height).tolist()))
        for t, boxes in enumerate(covering.boxes)
    )


def _covered(
    source: Path, rectangles: tuple[tuple[tuple[int, int, int, int], ...], ...], settings: Settings
) -> Iterator[Frame]:
    """Second pass. A frame that the first pass did not see stops it: `strict` raises."""
    for frame, boxes in zip(read_frames(source), rectangles, strict=True):
        yield dataclasses.replace(frame, image=masks.cover(frame.image, boxes, settings.mask))


def _check_written(video: Path, source: Path, times: list[float], sound_s: float) -> None:
    """Same frames at the same times, and as much sound."""
    written = frame_times(video)
    if len(written) != len(times) or not np.allclose(written, times, rtol=0, atol=TIME_TOLERANCE_S):
        raise UserError(
            f"{source}: the copy has other frame times ({len(written)} frames of {len(times)}); nothing is kept"
        )
    heard = read_audio(video, SAMPLE_RATE)[0].size / SAMPLE_RATE
    if abs(heard - sound_s) > SOUND_TOLERANCE_S:
        raise UserError(f"{source}: the copy has {heard:.2f} s of sound instead of {sound_s:.2f}; nothing is kept")


def _notes(voice: Float[np.ndarray, "n"]) -> tuple[str, ...]:
    seconds = voice.size / SAMPLE_RATE
    return (f"audio zero-padded to 2 s before its spectrogram ({seconds:.3f} s)",) if seconds < PADDED_BELOW_S else ()
