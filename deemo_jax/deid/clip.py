"""One file through all of it: faces found in a first pass, covered in a second, the voice changed, and put on record.

The file that was written is then looked at again, and what still passes for a face beside the masks is covered too. It
fails closed: where it cannot be sure, nothing is written.
"""

import contextlib
import dataclasses
import functools
import importlib.metadata
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import av
import cv2
import numpy as np
import scipy
import soxr

from deemo_jax import files
from deemo_jax.deid import manifest as paper
from deemo_jax.deid import masks
from deemo_jax.deid.anonymise import anonymise
from deemo_jax.deid.faces import model_path
from deemo_jax.deid.keys import VoiceKey
from deemo_jax.deid.manifest import Manifest, Masks
from deemo_jax.deid.masks import Rectangles
from deemo_jax.deid.preview import write_preview
from deemo_jax.deid.second_look import Copy, write_until_clean
from deemo_jax.deid.settings import Settings
from deemo_jax.deid.sight import LONGEST_CLIP_S, Sight, look_through, unseen_frames
from deemo_jax.deid.trackfile import load_tracks, write_tracks
from deemo_jax.deid.tracks import Plan, boxes_per_frame, plan
from deemo_jax.errors import UserError
from deemo_jax.media.audio import read_audio, sound_seconds
from deemo_jax.media.video import Frame, frame_times, read_pictures, video_info, write_clip

SAMPLE_RATE = 16_000
LEAST_SOUND_S = 0.025
PADDED_BELOW_S = 2.0
# AAC works in frames of 1024 samples: the end may be rounded up to the next, plus one of delay.
SOUND_TOLERANCE_S = 2 * 1024 / SAMPLE_RATE
LISTED_TIMES = 8
PREVIEW = ".preview.mp4"


class Refused(UserError):  # noqa: N818 - it is an outcome as much as an error
    """A clip that was not de-identified, because faces may have been missed.

    Attributes:
        times_s: clip times of the frames in question; empty when no face was found at all.
    """

    def __init__(self, message: str, times_s: tuple[float, ...] = ()):
        super().__init__(message)
        self.times_s = times_s


def deidentify_clip(
    source: Path,
    out_dir: Path,
    clip_id: str,
    settings: Settings,
    key: VoiceKey,
    *,
    speaker: str | None = None,
    tracks: Path | None = None,
    preview: bool = False,
    threads: int = 1,
) -> Manifest:
    """De-identifies one clip into `out_dir`: video, masks, tracks and manifest, all or none.

    Args:
        source: a raw video with a voice.
        out_dir: created where it is absent.
        clip_id: a pseudonym; names the files.
        settings: how.
        key: draws the voice.
        speaker: who speaks, for settings that give each speaker one voice; not put on record.
        tracks: a corrected file of tracks, which is then covered as it is; no detector looks at the clip.
        preview: writes a film with the tracks drawn on the masked frames too.
        threads: that decoder, detector and encoder may use.

    Raises:
        Refused: no face, or frames in which a face was expected and not found.
        UserError: what cannot be read, has no sound or too little, is too long, or cannot be written.
    """
    source, out_dir = Path(source), Path(out_dir)
    video_name, masks_name, tracks_name, manifest_name = paper.file_names(clip_id)
    info = video_info(source)
    if info.duration_s > LONGEST_CLIP_S:
        raise UserError(f"{source}: lasts {info.duration_s:.0f} s; cut it into clips of at most {LONGEST_CLIP_S:.0f} s")
    voice, _ = read_audio(source, SAMPLE_RATE, end_s=LONGEST_CLIP_S, mix=True)
    if voice.size < LEAST_SOUND_S * SAMPLE_RATE:
        raise UserError(f"{source}: {voice.size / SAMPLE_RATE * 1e3:.1f} ms of sound; at least 25 ms are needed")

    cv2.setNumThreads(threads)
    seen = _unlooked(source, info.width, info.height) if tracks else look_through(source, settings, threads)
    found = load_tracks(tracks, len(seen.times), (seen.width, seen.height)) if tracks else plan(seen, settings)
    _refuse_if_unsure(source, found, seen, settings)
    size = (info.width & ~1, info.height & ~1)
    dropped = _dropped(found, settings)
    kept = [t for t in range(len(seen.times)) if t not in dropped]
    first = _rectangles(found, seen.times, dropped, settings, size)
    changed = anonymise(voice, settings, key, clip_id, speaker)
    sound_s = voice.size / SAMPLE_RATE
    del voice  # as long as the clip, and of no more use
    # The manifest is renamed last: without it the others count for nothing.
    with contextlib.ExitStack() as stack:
        names = (manifest_name, tracks_name, masks_name, video_name)
        on_record, followed, covered, video = (stack.enter_context(files.atomic(out_dir / name)) for name in names)

        def write(rectangles: Rectangles) -> None:
            covering = dict(zip(kept, rectangles, strict=True))
            frames = _covered(source, covering, dropped, (info.width, info.height), settings, threads)
            write_clip(video, frames, info.frame_rate, (changed, SAMPLE_RATE), settings.crf, threads)

        copy = Copy(video, source, tuple(seen.times[t] for t in kept), size, threads)
        looks = {t: i for i, t in enumerate(kept)}
        again = frozenset(looks[t] for t in unseen_frames(seen) if t in looks)
        rectangles, exposed = write_until_clean(write, copy, first, again, settings)
        if exposed:
            raise _refusal(source, "a face is still seen beside the masks", exposed, copy.times)
        _check_sound(video, source, sound_s)
        paper.write_masks(covered, Masks(*size, rectangles, dropped))
        digest = files.sha256(source)
        write_tracks(followed, found, len(seen.times), (seen.width, seen.height), digest if tracks else None)
        if preview:
            write_preview(out_dir / f"{clip_id}{PREVIEW}", video, found.tracks, seen.times, dropped)
        record = Manifest(
            clip_id=clip_id,
            file=video_name,
            output_sha256=files.sha256(video),
            masks=masks_name,
            masks_sha256=files.sha256(covered),
            tracks=tracks_name,
            tracks_sha256=files.sha256(followed),
            source_sha256=digest,
            settings=dataclasses.asdict(settings),
            software=software(),
            voice={"method": settings.voice, "key_id": key.key_id, "sample_rate": SAMPLE_RATE},
            faces={
                "frames": len(seen.times),
                "looked": len(seen.looked),
                "tracks": len(found.tracks),
                "boxes": found.found,
                "bridged": found.bridged,
                "min_score": round(found.min_score, 4),
                "filled": sum(boxes == masks.whole(*size) for boxes in rectangles),
                "dropped": len(dropped),
                "seen_again": sum(now != before for now, before in zip(rectangles, first, strict=True)),
                "corrected": tracks is not None,
            },
            notes=_notes(sound_s),
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


def _unlooked(source: Path, width: int, height: int) -> Sight:
    """The frames of a clip that nobody looks at."""
    return Sight(width, height, tuple(frame_times(source)), (), ())


def _refuse_if_unsure(source: Path, found: Plan, seen: Sight, settings: Settings) -> None:
    if not found.tracks:
        raise Refused(f"{source}: no face was found in any frame; is there a speaker, and larger than smallest_face?")
    if found.missing and settings.on_missing == "refuse":
        raise _refusal(source, "a face is lost", found.missing, seen.times)


def _refusal(source: Path, what: str, frames: Sequence[int], times: Sequence[float]) -> Refused:
    at = tuple(times[t] for t in frames)
    listed = ", ".join(f"{t:.2f}" for t in at[:LISTED_TIMES]) + (", ..." if len(at) > LISTED_TIMES else "")
    return Refused(
        f"{source}: {what} in {len(at)} of {len(times)} frames, at {listed} s; cut them out, or run this file alone"
        " with --on_missing mask_frame or drop_frame, or with corrected --tracks",
        at,
    )


def _dropped(found: Plan, settings: Settings) -> tuple[int, ...]:
    """The frames to leave out. The first one stays (covered whole): a clip begins with its first frame."""
    return tuple(t for t in found.missing if t) if settings.on_missing == "drop_frame" else ()


def _rectangles(
    found: Plan, times: Sequence[float], dropped: Sequence[int], settings: Settings, size: tuple[int, int]
) -> Rectangles:
    """What is covered in each frame that is kept."""
    left_out, lost = set(dropped), set(found.missing)
    return tuple(
        masks.whole(*size) if t in lost else masks.enlarge(boxes, settings.margin, *size)
        for t, boxes in enumerate(boxes_per_frame(found.tracks, times))
        if t not in left_out
    )


def _covered(
    source: Path,
    covering: Mapping[int, tuple[masks.Rectangle, ...]],
    dropped: Sequence[int],
    size: tuple[int, int],
    settings: Settings,
    threads: int,
) -> Iterator[Frame]:
    """Second pass. A frame that the first pass did not see stops it, as does one of another size."""
    count = 0
    for picture in read_pictures(source, threads=threads):
        if picture.size != size:
            raise UserError(f"{source}: the picture changes its size at {picture.time_s:.2f} s; cut the clip there")
        count += 1
        if picture.index in covering:
            image = masks.cover(picture.rgb(), covering[picture.index], settings.mask)
            yield Frame(picture.index, picture.time_s, image)
    if count != len(covering) + len(dropped):
        raise UserError(f"{source}: gives other frames when it is read again; copy it to a local disk")


def _check_sound(video: Path, source: Path, sound_s: float) -> None:
    """As much sound as there was."""
    heard = sound_seconds(video)
    if abs(heard - sound_s) > SOUND_TOLERANCE_S:
        raise UserError(f"{source}: the copy has {heard:.2f} s of sound instead of {sound_s:.2f}; nothing is kept")


def _notes(seconds: float) -> tuple[str, ...]:
    return (f"audio zero-padded to 2 s before its spectrogram ({seconds:.3f} s)",) if seconds < PADDED_BELOW_S else ()
