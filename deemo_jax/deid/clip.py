"""De-identifies one clip: finds faces and covers them, changes the voice, and writes the files with their manifest.

The covered pictures are searched for faces again before they are written. Where a face may have been missed, the clip
is refused and nothing is written.
"""

import dataclasses
import functools
import itertools
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
import onnxruntime
import scipy
import soxr

from deemo_jax.core import files, parallel
from deemo_jax.core.errors import UserError
from deemo_jax.core.versions import version
from deemo_jax.deid import manifest, source_spans
from deemo_jax.deid.keys import VoiceKey
from deemo_jax.deid.manifest import Manifest, Masks, Rectangle, Rectangles
from deemo_jax.deid.replace_files import replacing
from deemo_jax.deid.settings import IGNORE, KEEP, Settings
from deemo_jax.deid.video import masks
from deemo_jax.deid.video.background import person_network
from deemo_jax.deid.video.background.people_only import PeopleOnly
from deemo_jax.deid.video.covering import find_covering
from deemo_jax.deid.video.detection.face_finder import FaceFinder
from deemo_jax.deid.video.detection.face_network import model_path
from deemo_jax.deid.video.detection.onnx_device import device
from deemo_jax.deid.video.kept_frames import KeptFrames
from deemo_jax.deid.video.preview import write_preview
from deemo_jax.deid.video.refusal_messages import Refused as Refused
from deemo_jax.deid.video.screen_text import text_network
from deemo_jax.deid.video.screen_text.text_covering import cover_text
from deemo_jax.deid.video.track_file import write_tracks
from deemo_jax.deid.voice import anonymise
from deemo_jax.deid.voice.command import VoiceTool
from deemo_jax.deid.voice.diarised import Diarised
from deemo_jax.deid.voice.neutral.manner import Manner
from deemo_jax.deid.voice.source_voice import NO_VOICE, Heard, listen
from deemo_jax.deid.voice.spoken.spoken import check_words
from deemo_jax.deid.voice.spoken.words import Words
from deemo_jax.media import SAMPLE_RATE
from deemo_jax.media.audio import sound_seconds, sound_tracks
from deemo_jax.media.cached_video import CachedVideo
from deemo_jax.media.clip_writer import write_clip
from deemo_jax.media.picture import Picture, Planar
from deemo_jax.media.video import film_seconds, packet_times, read_pictures, video_info

# Seconds by which the sound of the copy may be longer or shorter: AAC has frames of 1024 samples, so the end may be
# rounded up to a frame, and one frame is delay.
SOUND_TOLERANCE_S = 2 * 1024 / SAMPLE_RATE
# Seconds by which the time of a frame may differ in the copy, whose times are ticks of another clock.
TIME_TOLERANCE_S = 0.002
# A note is made where sound or pictures end so many seconds before the other, or before the end of the span.
EARLY_END_S = 1.0


def deidentify_clip(
    source: Path,
    out_dir: Path,
    clip_id: str,
    settings: Settings,
    key: VoiceKey,
    *,
    speaker: str | None = None,
    usual: Manner | None = None,
    tool: VoiceTool | None = None,
    said: Diarised | None = None,
    words: Words | None = None,
    tracks: Path | None = None,
    preview: bool = False,
    threads: int = 1,
    span: tuple[float, float] | None = None,
    recording: str = "",
) -> Manifest:
    """De-identifies one clip into `out_dir`: video, masks, tracks and manifest, all or none.

    Args:
        source: a raw video, with or without sound.
        out_dir: made where it is absent.
        clip_id: a pseudonym, the stem of the files.
        settings: how faces and voice are changed.
        key: the secret from which the new voice is drawn.
        speaker: who speaks, for settings that give each speaker one voice; not recorded.
        usual: how they speak on the whole, for settings that take prosody around it; not recorded.
        tool: changes the voice, for settings that leave it to a tool.
        said: who speaks when, by a transcript of the source: each person gets a voice of their own.
        words: of the source, for settings that have them said anew.
        tracks: a corrected file of tracks: what it says is covered, in place of what a first pass would find.
        preview: whether a film with the tracks drawn on the masked frames is written too.
        threads: that decoder, detector and encoder may use.
        span: the clip's start and end in the source, seconds; None for all of it.
        recording: with a span, the pseudonym of the whole recording. The voice is drawn for it, so that all its spans
            have one, and the manifest names it.

    Returns:
        The manifest that was written.

    Raises:
        TooLong: the source is longer than a clip may be; do it span by span.
        Refused: no face was found, or one may have been missed; or text is seen that must not be.
        UserError: the source cannot be read, its sound cannot be decoded or is too short, its words are not those of
            the source, or the files cannot be written.
    """
    source, out_dir = Path(source), Path(out_dir)
    video_name, masks_name, tracks_name, manifest_name = manifest.file_names(clip_id)
    info = video_info(source)
    if span is None and info.duration_s > source_spans.LONGEST_CLIP_S:
        raise source_spans.TooLong(source, film_seconds(source))
    start_s, end_s = _first_frame_s(source, span) if span else 0.0, span[1] if span else None
    voice, heard = listen(source, settings, start_s, end_s or source_spans.LONGEST_CLIP_S, said)
    here, checked = None, dict[str, Any]()
    if words is not None and voice is not None:
        here, checked = check_words(voice, words, clip_id, start_s, info.duration_s)
    changed = None
    if voice is not None:  # before the faces, which take longer: where it fails, that is known at once
        named = recording or clip_id
        new = anonymise.anonymise_people(voice, heard.turn, settings, key, named, speaker, usual, tool, here)
        changed = (new, SAMPLE_RATE)
    del voice  # frees memory: it is as long as the clip

    cv2.setNumThreads(1)  # each thread of this process works on a picture of its own
    promised_s = (end_s or info.duration_s) - start_s
    expected = info.frames if info.frames and span is None else round(promised_s * info.frame_rate)
    video = CachedVideo(source, threads, expected, span=(start_s, end_s))
    digest = files.sha256(source)
    covering = find_covering(video, (info.width, info.height), settings, tracks, digest)
    kept, rectangles, found = covering.kept, covering.rectangles, covering.found
    text = cover_text(kept, rectangles, settings)
    with replacing(out_dir, clip_id) as draft:
        copy, covered, followed = (draft / name for name in (video_name, masks_name, tracks_name))
        kept.video.stage, named = "writing", recording or clip_id
        # Tracks that a person gave are not added to.
        finder = FaceFinder(settings, covering.seen.turns) if covering.seen.looked else None
        people = None
        if settings.background != KEEP:
            people = PeopleOnly(kept, rectangles, settings, key, named, finder, turns=covering.seen.turns)
        faceless = people.pictures() if people else _covered(kept, rectangles, settings.mask)
        # The blur of faces leaves large letters readable.
        over_text = "solid" if settings.mask == "gaussian" else settings.mask
        frames = map(masks.cover_planar, faceless, text.rectangles, itertools.repeat(over_text))
        write_clip(copy, frames, info.frame_rate, changed, settings.crf, threads)
        if people:
            covering = dataclasses.replace(covering, rectangles=people.rectangles)
        _check_copy(copy, kept, heard)
        everything = tuple((*of, *lines) for of, lines in zip(covering.rectangles, text.rectangles, strict=True))
        manifest.write_masks(covered, Masks(*kept.size, everything, covering.dropped))
        times = kept.all_times
        lasts_s = times[-1] + 1 / info.frame_rate
        write_tracks(followed, found, len(times), kept.shown, digest, tracks is not None, start_s)
        if preview:
            shown = draft / manifest.preview_name(clip_id)
            added = tuple((*more, *lines) for more, lines in zip(covering.added, text.rectangles, strict=True))
            write_preview(shown, copy, found.tracks, times, covering.dropped, added)
        record = Manifest(
            clip_id=clip_id,
            file=video_name,
            output_sha256=files.sha256(copy),
            masks=masks_name,
            masks_sha256=files.sha256(covered),
            tracks=tracks_name,
            tracks_sha256=files.sha256(followed),
            source_sha256=digest,
            settings=dataclasses.asdict(settings),
            software=software_of(settings),
            voice={
                "method": settings.voice if changed else NO_VOICE,
                "key_id": key.key_id,
                "sample_rate": SAMPLE_RATE,
                **(anonymise.on_record(settings, usual, tool, heard.turn, said, words) if changed else {}),
                **checked,
            },
            sound=heard.record,
            faces=covering.on_record(settings),
            notes=(*info.notes, *heard.notes, *_early_ends(lasts_s, heard.seconds, start_s, end_s)),
            span=(start_s, start_s + lasts_s),
            recording=recording if span else "",
            asked=span,
            background=people.on_record() if people else {},
            text=text.on_record(settings),
        )
        files.write_json(draft / manifest_name, record.to_json())
    return record


@functools.cache
def software() -> dict[str, str]:
    """Versions of the libraries that read or change pixels and samples, and the hash of the detector's file."""
    return {
        "deemo_jax": version("deemo-jax", absent="source tree"),
        "av": av.__version__,
        "ffmpeg": av.ffmpeg_version_info,
        "cv2": cv2.__version__,
        "onnxruntime": onnxruntime.__version__,
        "numpy": np.__version__,
        "scipy": scipy.__version__,
        "soxr": soxr.__version__,
        "centerface_sha256": files.sha256(model_path()),
    }


def software_of(settings: Settings) -> dict[str, str]:
    """`software`; the hashes of the networks that find people's outlines and text, where settings use them; and where
    networks ran, if not on the CPU.
    """
    used = {} if settings.background == KEEP else {"person_network_sha256": person_network.SHA256}
    used |= {} if settings.text_in_picture == IGNORE else {"text_network_sha256": text_network.MODEL.sha256}
    if device() != "cpu":
        used |= {"centerface_device": device()}
        used |= {} if settings.text_in_picture == IGNORE else {"text_network_device": device()}
    return software() | used


def _first_frame_s(source: Path, span: tuple[float, float]) -> float:
    """The time of the first frame of a span, seconds of the source; it is 0 in the time of the clip."""
    first = next(read_pictures(source, *span), None)
    if first is None:
        raise UserError(f"{source}: has no frame between {span[0]:g} and {span[1]:g} s")
    return first.time_s


def _covered(kept: KeptFrames, rectangles: Rectangles, mask: str) -> Iterator[Planar]:
    """The pictures of the copy."""

    def cover(frame: tuple[Picture, tuple[Rectangle, ...]]) -> Planar:
        picture, covering = frame
        return masks.cover_planar(picture.planar(), covering, mask)

    yield from parallel.ahead(cover, zip(kept.pictures(), rectangles, strict=True), kept.video.threads)


def _early_ends(lasts_s: float, sound_s: float, start_s: float, end_s: float | None) -> Iterator[str]:
    """Notes where the pictures end before the span that was asked for, or the sound before the pictures."""
    if end_s is not None and end_s - start_s - lasts_s > EARLY_END_S:
        yield f"the span was asked for up to {end_s:.2f} s, and the film ends at {start_s + lasts_s:.2f} s"
    if sound_s and lasts_s - sound_s > EARLY_END_S:
        yield f"its sound ends {lasts_s - sound_s:.2f} s before its pictures"


def _check_copy(copy: Path, kept: KeptFrames, heard: Heard) -> None:
    """Checks that the copy has the frames, the size, and as much sound as it must have, and no rotation.

    Raises:
        UserError: it has not.
    """
    source, times = kept.video.path, packet_times(copy)
    if len(times) != len(kept.times) or not np.allclose(times, kept.times, rtol=0, atol=TIME_TOLERANCE_S):
        raise UserError(
            f"{source}: the copy has other frame times ({len(times)} frames of {len(kept.times)}); nothing is kept"
        )
    made = video_info(copy)
    if (made.width, made.height, made.rotation, made.mirrored) != (*kept.size, 0, False):
        shown = f"{made.width}x{made.height}, turned by {made.rotation}{', mirrored' * made.mirrored}"
        raise UserError(f"{source}: the copy shows {shown}; nothing is kept")
    sounds = bool(sound_tracks(copy))
    seconds = sound_seconds(copy) if sounds else 0.0
    if sounds != bool(heard.seconds) or abs(seconds - heard.seconds) > SOUND_TOLERANCE_S:
        raise UserError(
            f"{source}: the copy has {seconds:.2f} s of sound instead of {heard.seconds:.2f}; nothing is kept"
        )
