"""One file through all of it: faces found in a first pass, covered in a second, the voice changed, and put on record.

What will be written is looked at again before, and what still passes for a face beside the masks is covered too. It
fails closed: where it cannot be sure, nothing is written.
"""

import dataclasses
import functools
import importlib.metadata
from collections.abc import Iterator, Sequence
from pathlib import Path

import av
import cv2
import numpy as np
import scipy
import soxr

from deemo_jax import files, parallel
from deemo_jax.deid import manifest as paper
from deemo_jax.deid import masks, spans
from deemo_jax.deid.anonymise import anonymise
from deemo_jax.deid.faces import input_size, model_path
from deemo_jax.deid.footage import Footage
from deemo_jax.deid.keys import VoiceKey
from deemo_jax.deid.manifest import Manifest, Masks
from deemo_jax.deid.masks import Rectangles
from deemo_jax.deid.preview import write_preview
from deemo_jax.deid.replacing import replacing
from deemo_jax.deid.second_look import cover_until_clean, still_seen
from deemo_jax.deid.settings import Settings
from deemo_jax.deid.sight import Sight, look_through, spaced_frames, unseen_frames
from deemo_jax.deid.sound import NO_VOICE, SAMPLE_RATE, Heard, listen
from deemo_jax.deid.trackfile import load_tracks, write_tracks
from deemo_jax.deid.tracks import Plan, boxes_per_frame, plan
from deemo_jax.errors import UserError
from deemo_jax.media.audio import sound_seconds, sound_tracks
from deemo_jax.media.clip_writer import write_clip
from deemo_jax.media.picture import Picture, Planar
from deemo_jax.media.reel import Reel
from deemo_jax.media.video import film_seconds, packet_times, read_pictures, video_info

# AAC works in frames of 1024 samples: the end may be rounded up to the next, plus one of delay.
SOUND_TOLERANCE_S = 2 * 1024 / SAMPLE_RATE
TIME_TOLERANCE_S = 0.002
LISTED_TIMES = 8
MENDS = "cut them out, or run this file alone with --on_missing mask_frame or drop_frame, or with corrected --tracks"
TRACK_MENDS = 'add it to the tracks, or put a box around it into "not_faces" there'


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
    span: tuple[float, float] | None = None,
    recording: str = "",
) -> Manifest:
    """De-identifies one clip into `out_dir`: video, masks, tracks and manifest, all or none.

    Args:
        source: a raw video, with a voice or silent.
        out_dir: created where it is absent.
        clip_id: a pseudonym; names the files.
        settings: how.
        key: draws the voice.
        speaker: who speaks, for settings that give each speaker one voice; not put on record.
        tracks: a corrected file of tracks, which is then covered as it is; no detector looks at the clip.
        preview: writes a film with the tracks drawn on the masked frames too.
        threads: that decoder, detector and encoder may use.
        span: the clip's start and end in the source, seconds; None for all of it.
        recording: with a span, the pseudonym of all of it, which draws the voice and is put on record: one voice for
            all spans.

    Raises:
        TooLong: it must be done span by span.
        Refused: no face, or frames in which a face was expected and not found.
        UserError: what cannot be read, has sound that cannot be heard or too little, is too long, or cannot be written.
    """
    source, out_dir = Path(source), Path(out_dir)
    video_name, masks_name, tracks_name, manifest_name = paper.file_names(clip_id)
    info = video_info(source)
    if span is None and info.duration_s > spans.LONGEST_CLIP_S:
        raise spans.TooLong(f"{source}: lasts {info.duration_s:.0f} s", film_seconds(source))
    start_s, end_s = _first_frame_s(source, span) if span else 0.0, span[1] if span else None
    voice, heard = listen(source, settings, start_s, end_s or spans.LONGEST_CLIP_S)

    cv2.setNumThreads(1)  # threads look at one picture each
    lasts_s = (end_s or info.duration_s) - start_s
    expected = info.frames if info.frames and span is None else round(lasts_s * info.frame_rate)
    reel = Reel(source, threads, expected, span=(start_s, end_s))
    seen = _unlooked(reel, info.width, info.height) if tracks else look_through(reel, settings)
    digest, size = files.sha256(source), (seen.width, seen.height)
    found = load_tracks(tracks, len(seen.times), size, digest, start_s) if tracks else plan(seen, settings)
    _refuse_if_unsure(source, found, seen, settings)
    dropped = _dropped(found, settings)
    footage = Footage(reel, (info.width, info.height), seen.times, frozenset(dropped))
    first = _rectangles(found, footage, settings)
    rectangles = _looked_again(footage, first, seen, found, settings)
    named = recording or clip_id
    changed = None if voice is None else (anonymise(voice, settings, key, named, speaker), SAMPLE_RATE)
    del voice  # as long as the clip, and of no more use
    with replacing(out_dir, clip_id) as draft:
        video, covered, followed = (draft / name for name in (video_name, masks_name, tracks_name))
        frames = _covered(footage, rectangles, settings.mask)
        write_clip(video, frames, info.frame_rate, changed, settings.crf, threads)
        _check_copy(video, footage, heard)
        paper.write_masks(covered, Masks(*footage.size, rectangles, dropped))
        write_tracks(followed, found, len(seen.times), footage.shown, digest, tracks is not None, start_s)
        if preview:
            added = tuple(tuple(r for r in now if r not in of) for now, of in zip(rectangles, first, strict=True))
            write_preview(draft / paper.preview_name(clip_id), video, found.tracks, seen.times, dropped, added)
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
            voice={
                "method": settings.voice if changed else NO_VOICE,
                "key_id": key.key_id,
                "sample_rate": SAMPLE_RATE,
            },
            sound=heard.record,
            faces={
                "frames": len(seen.times),
                "looked": len(seen.looked),
                "looks": _looks(footage.shown, settings),
                "tracks": len(found.tracks),
                "boxes": found.found,
                "bridged": found.bridged,
                "min_score": round(found.min_score, 4),
                "filled": sum(boxes == masks.whole(*footage.size) for boxes in rectangles),
                "dropped": len(dropped),
                "seen_again": sum(now != before for now, before in zip(rectangles, first, strict=True)),
                "corrected": tracks is not None,
            },
            notes=(*info.notes, *heard.notes),
            span=(start_s, start_s + seen.times[-1] + 1 / info.frame_rate),
            recording=recording if span else "",
            asked=span,
        )
        files.write_json(draft / manifest_name, record.to_json())
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


def _looked_again(footage: Footage, rectangles: Rectangles, seen: Sight, found: Plan, settings: Settings) -> Rectangles:
    """What is covered once the covered pictures were looked at; nothing is added to what a person corrected.

    Raises:
        Refused: a face is still seen.
    """
    place = {t: i for i, t in enumerate(footage.kept)}
    if seen.looked:
        again = frozenset(place[t] for t in unseen_frames(seen) if t in place)
        rectangles, exposed = cover_until_clean(footage, rectangles, again, settings)
        what, mend = "a face is still seen beside the masks", MENDS
    else:
        again = frozenset(place[t] for t in spaced_frames(seen.times) if t in place)
        exposed = still_seen(footage, rectangles, again, found.not_faces, settings)
        what, mend = "what is surely a face is seen beside the corrected tracks", TRACK_MENDS
    if exposed:
        raise _refusal(footage.reel.path, what, exposed, footage.times, mend)
    return rectangles


def _looks(size: tuple[int, int], settings: Settings) -> str:
    """At which size the detector looks, and for what."""
    (width, height), seen = size, input_size(*size, settings.detection_scale(*size))
    smallest = settings.smallest_pixels(width, height)
    return f"{width}x{height} looked at as {seen[0]}x{seen[1]}, for faces from {smallest} pixels up"


def _unlooked(reel: Reel, width: int, height: int) -> Sight:
    """The frames of a clip that nobody looks at."""
    return Sight(width, height, tuple(picture.time_s for picture in reel), (), ())


def _first_frame_s(source: Path, span: tuple[float, float]) -> float:
    """When the first frame of a span is shown: clip time begins with it."""
    first = next(read_pictures(source, *span), None)
    if first is None:
        raise UserError(f"{source}: has no frame between {span[0]:g} and {span[1]:g} s")
    return first.time_s


def _refuse_if_unsure(source: Path, found: Plan, seen: Sight, settings: Settings) -> None:
    limits = np.array([seen.width, seen.height])
    if not any(((t.boxes[:, 2:] > 0) & (t.boxes[:, :2] < limits)).all(axis=1).any() for t in found.tracks):
        raise Refused(f"{source}: no face was found in any frame; is there a speaker, and larger than smallest_face?")
    if found.missing and settings.on_missing == "refuse":
        raise _refusal(source, "a face is lost", found.missing, seen.times, MENDS)


def _refusal(source: Path, what: str, frames: Sequence[int], times: Sequence[float], mends: str) -> Refused:
    at = tuple(times[t] for t in frames)
    listed = ", ".join(f"{t:.2f}" for t in at[:LISTED_TIMES]) + (", ..." if len(at) > LISTED_TIMES else "")
    return Refused(f"{source}: {what} in {len(at)} of {len(times)} frames, at {listed} s; {mends}", at)


def _dropped(found: Plan, settings: Settings) -> tuple[int, ...]:
    """The frames to leave out. The first one stays (covered whole): a clip begins with its first frame."""
    return tuple(t for t in found.missing if t) if settings.on_missing == "drop_frame" else ()


def _rectangles(found: Plan, footage: Footage, settings: Settings) -> Rectangles:
    """What is covered in each frame that is kept."""
    boxes, lost, size = boxes_per_frame(found.tracks, footage.all_times), set(found.missing), footage.size
    return tuple(
        masks.whole(*size) if t in lost else masks.enlarge(boxes[t], settings.margin, *size) for t in footage.kept
    )


def _covered(footage: Footage, rectangles: Rectangles, mask: str) -> Iterator[Planar]:
    """The copy's pictures."""

    def cover(frame: tuple[Picture, tuple[masks.Rectangle, ...]]) -> Planar:
        picture, covering = frame
        return masks.cover_planar(picture.planar(), covering, mask)

    footage.reel.stage = "writing"
    yield from parallel.ahead(cover, zip(footage.pictures(), rectangles, strict=True), footage.reel.threads)


def _check_copy(video: Path, footage: Footage, heard: Heard) -> None:
    """The frames that it must have, of the size that they must have, upright, and as much sound as there was."""
    source, times = footage.reel.path, packet_times(video)
    if len(times) != len(footage.times) or not np.allclose(times, footage.times, rtol=0, atol=TIME_TOLERANCE_S):
        raise UserError(
            f"{source}: the copy has other frame times ({len(times)} frames of {len(footage.times)}); nothing is kept"
        )
    made = video_info(video)
    if (made.width, made.height, made.rotation, made.mirrored) != (*footage.size, 0, False):
        shown = f"{made.width}x{made.height}, turned by {made.rotation}{', mirrored' * made.mirrored}"
        raise UserError(f"{source}: the copy shows {shown}; nothing is kept")
    sounds = bool(sound_tracks(video))
    seconds = sound_seconds(video) if sounds else 0.0
    if sounds != bool(heard.seconds) or abs(seconds - heard.seconds) > SOUND_TOLERANCE_S:
        raise UserError(
            f"{source}: the copy has {seconds:.2f} s of sound instead of {heard.seconds:.2f}; nothing is kept"
        )
