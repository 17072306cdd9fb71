"""One file through all of it: faces found in a first pass, covered in a second, the voice changed, and put on record.

The file that was written is then looked at again, and what still passes for a face beside the masks is covered too. It
fails closed: where it cannot be sure, nothing is written.
"""

import dataclasses
import functools
import importlib.metadata
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import av
import cv2
import numpy as np
import scipy
import soxr
from jaxtyping import Float

from deemo_jax import files
from deemo_jax.deid import manifest as paper
from deemo_jax.deid import masks, residual, tracks
from deemo_jax.deid.anonymise import anonymise
from deemo_jax.deid.faces import face_detector, model_path
from deemo_jax.deid.keys import VoiceKey
from deemo_jax.deid.manifest import Manifest, Masks
from deemo_jax.deid.settings import Settings
from deemo_jax.errors import UserError
from deemo_jax.media.audio import read_audio
from deemo_jax.media.video import Frame, read_frames, video_info, write_clip

SAMPLE_RATE = 16_000
LEAST_SOUND_S = 0.025
PADDED_BELOW_S = 2.0
# The voice of a clip is held in memory; half an hour of it takes a few hundred MB while it is worked on.
LONGEST_CLIP_S = 1800.0
TIME_TOLERANCE_S = 0.002
# AAC works in frames of 1024 samples: the end may be rounded up to the next, plus one of delay.
SOUND_TOLERANCE_S = 2 * 1024 / SAMPLE_RATE
LISTED_TIMES = 8
# Times that a clip is written and looked at again before it is given up. A mask's edges may themselves pass for a face,
# but seldom twice.
LOOKS = 4

Rectangle = tuple[int, int, int, int]
Rectangles = tuple[tuple[Rectangle, ...], ...]


class Refused(UserError):  # noqa: N818 - it is an outcome as much as an error
    """A clip that was not de-identified, because faces may have been missed.

    Attributes:
        times_s: clip times of the frames in question; empty when no face was found at all.
    """

    def __init__(self, message: str, times_s: tuple[float, ...] = ()):
        super().__init__(message)
        self.times_s = times_s


def deidentify_clip(
    source: Path, out_dir: Path, clip_id: str, settings: Settings, key: VoiceKey, speaker: str | None = None
) -> Manifest:
    """De-identifies one clip into `out_dir`: video, masks and manifest, all or none.

    Args:
        source: a raw video with a voice.
        out_dir: created where it is absent.
        clip_id: a pseudonym; names the files.
        settings: how.
        key: draws the voice.
        speaker: who speaks, for settings that give each speaker one voice; not put on record.

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
    first = _rectangles(covering, whole, settings, *size)
    changed = anonymise(voice, settings, key, clip_id, speaker)
    # The manifest is renamed last: without it the other two count for nothing.
    with (
        files.atomic(out_dir / manifest_name) as on_record,
        files.atomic(out_dir / masks_name) as covered,
        files.atomic(out_dir / video_name) as video,
    ):

        def write(rectangles: Rectangles) -> None:
            frames = _covered(source, rectangles, settings)
            write_clip(video, frames, info.frame_rate, (changed, SAMPLE_RATE), settings.crf)

        rectangles = _write_until_clean(write, video, source, times, first, size, settings)
        _check_sound(video, source, voice.size / SAMPLE_RATE)
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
            voice={"method": settings.voice, "key_id": key.key_id, "sample_rate": SAMPLE_RATE},
            faces={
                "frames": len(times),
                "boxes": covering.found,
                "bridged": covering.bridged,
                "min_score": round(covering.min_score, 4),
                "filled": sum(boxes == _whole(size) for boxes in rectangles),
                "seen_again": sum(now != before for now, before in zip(rectangles, first, strict=True)),
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
        raise _refusal(source, "a face is lost", covering.missing, times)
    return covering.missing


def _refusal(source: Path, what: str, frames: Sequence[int], times: list[float]) -> Refused:
    at = tuple(times[t] for t in frames)
    listed = ", ".join(f"{t:.2f}" for t in at[:LISTED_TIMES]) + (", ..." if len(at) > LISTED_TIMES else "")
    return Refused(
        f"{source}: {what} in {len(at)} of {len(times)} frames, at {listed} s; cut them out, or run this file alone"
        " with --on_missing mask_frame",
        at,
    )


def _rectangles(
    covering: tracks.Plan, whole: tuple[int, ...], settings: Settings, width: int, height: int
) -> Rectangles:
    return tuple(
        _whole((width, height)) if t in whole else _enlarged(boxes, settings, (width, height))
        for t, boxes in enumerate(covering.boxes)
    )


def _whole(size: tuple[int, int]) -> tuple[Rectangle, ...]:
    return ((0, 0, *size),)


def _enlarged(boxes: tracks.Boxes, settings: Settings, size: tuple[int, int]) -> tuple[Rectangle, ...]:
    return tuple(map(tuple, masks.enlarge(boxes, settings.margin, *size).tolist()))


def _covered(source: Path, rectangles: Rectangles, settings: Settings) -> Iterator[Frame]:
    """Second pass. A frame that the first pass did not see stops it: `strict` raises."""
    for frame, boxes in zip(read_frames(source), rectangles, strict=True):
        yield dataclasses.replace(frame, image=masks.cover(frame.image, boxes, settings.mask))


def _write_until_clean(
    write: Callable[[Rectangles], None],
    video: Path,
    source: Path,
    times: list[float],
    rectangles: Rectangles,
    size: tuple[int, int],
    settings: Settings,
) -> Rectangles:
    """Writes the video until a second look finds no face beside its masks; returns what is covered."""
    for look in range(1, LOOKS + 2):
        write(rectangles)
        seen = _look_again(video, source, times, rectangles, size, settings)
        exposed = [t for t, faces in enumerate(seen) if len(faces)]
        if not exposed:
            return rectangles
        if look < LOOKS:
            around = [np.concatenate(seen[max(0, t - 1) : t + 2])[:, :4] for t in range(len(seen))]
            rectangles = tuple(
                old + tuple(r for r in _enlarged(boxes, settings, size) if r not in old)
                for old, boxes in zip(rectangles, around, strict=True)
            )
        elif settings.on_missing == "refuse":
            raise _refusal(source, "a face is still seen beside the masks", exposed, times)
        else:
            rectangles = tuple(_whole(size) if t in exposed else old for t, old in enumerate(rectangles))
    raise AssertionError("frames that are covered whole show no face")


def _look_again(
    video: Path, source: Path, times: list[float], rectangles: Rectangles, size: tuple[int, int], settings: Settings
) -> list[tracks.Faces]:
    """Faces beside the masks, per frame of what was written; it must have the same frames at the same times."""
    detector = face_detector(*size, settings.detection_scale(*size))
    seen, written = [], []
    for frame in read_frames(video):
        written.append(frame.time_s)
        if frame.index < len(times):
            hidden = masks.region(rectangles[frame.index], *size)
            seen.append(residual.outside(detector(frame.image, settings.threshold), hidden))
    if len(written) != len(times) or not np.allclose(written, times, rtol=0, atol=TIME_TOLERANCE_S):
        raise UserError(
            f"{source}: the copy has other frame times ({len(written)} frames of {len(times)}); nothing is kept"
        )
    return seen


def _check_sound(video: Path, source: Path, sound_s: float) -> None:
    """As much sound as there was."""
    heard = read_audio(video, SAMPLE_RATE)[0].size / SAMPLE_RATE
    if abs(heard - sound_s) > SOUND_TOLERANCE_S:
        raise UserError(f"{source}: the copy has {heard:.2f} s of sound instead of {sound_s:.2f}; nothing is kept")


def _notes(voice: Float[np.ndarray, "n"]) -> tuple[str, ...]:
    seconds = voice.size / SAMPLE_RATE
    return (f"audio zero-padded to 2 s before its spectrogram ({seconds:.3f} s)",) if seconds < PADDED_BELOW_S else ()
