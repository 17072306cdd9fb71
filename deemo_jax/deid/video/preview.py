"""The preview, a film for checking masks: the de-identified pictures with the box and the number of every track."""

import dataclasses
import math
from collections.abc import Iterator, Sequence
from pathlib import Path

import cv2
import numpy as np
from jaxtyping import UInt8

from deemo_jax.deid.manifest import Rectangles, file_names, load_manifest, load_masks, preview_name
from deemo_jax.deid.settings import Settings
from deemo_jax.deid.video import masks
from deemo_jax.deid.video.track_file import load_tracks
from deemo_jax.deid.video.tracks import Track, boxes_per_frame
from deemo_jax.media.clip_writer import write_clip
from deemo_jax.media.picture import Frame
from deemo_jax.media.video import read_frames, read_pictures, video_info

WHITE = (255, 255, 255)
COLOURS = ((255, 196, 0), (0, 200, 255), (255, 80, 160), (120, 255, 120), (190, 140, 255), (255, 140, 60))


def write_preview(
    path: Path,
    video: Path,
    tracks: Sequence[Track],
    times: Sequence[float],
    dropped: Sequence[int] = (),
    added: Rectangles | None = None,
) -> None:
    """Writes a de-identified clip, without sound, with the tracks and the number and time of each frame drawn on it.

    Args:
        path: of the preview.
        video: the de-identified clip.
        tracks: by frames of the source.
        times: of the source's frames, seconds of the clip.
        dropped: frames of the source that the clip lacks.
        added: for each frame of the clip, the rectangles that searching again added; drawn in white with a +.

    Raises:
        UserError: the clip cannot be read, or the preview not be written.
    """
    kept = [t for t in range(len(times)) if t not in set(dropped)]
    boxes = [(str(track.number), boxes_per_frame([track], times)) for track in tracks]

    def drawn() -> Iterator[Frame]:
        for place, (frame, t) in enumerate(zip(read_frames(video), kept, strict=True)):
            image = _write(frame.image, f"frame {t}, {times[t]:.2f} s", (4, frame.image.shape[0] - 6), WHITE)
            for rectangle in added[place] if added else ():
                image = _draw(image, np.array(rectangle), "+", WHITE)
            for k, (number, of_track) in enumerate(boxes, 1):
                if len(of_track[t]):
                    image = _draw(image, of_track[t][0], number, COLOURS[k % len(COLOURS)])
            yield dataclasses.replace(frame, image=image)

    write_clip(path, drawn(), video_info(video).frame_rate)


def preview_again(folder: Path, clip_id: str, source: Path) -> None:
    """Writes the preview of a clip that was de-identified earlier.

    Args:
        folder: of the clip, and of the preview.
        clip_id: of the clip.
        source: its raw file, from which the times of frames are read.

    Raises:
        UserError: the clip's files or its source cannot be read, or the preview not be written.
    """
    video, masks_name, tracks_name, name = file_names(clip_id)
    manifest, covered = load_manifest(folder / name), load_masks(folder / masks_name)
    info, (start_s, end_s) = video_info(source), manifest.span or (0.0, math.inf)
    times = [picture.time_s - start_s for picture in read_pictures(source, start_s, end_s)]
    found = load_tracks(folder / tracks_name, len(times), (info.width, info.height))
    margin, size = Settings.on_record(manifest.settings).margin, (covered.width, covered.height)
    followed, kept = boxes_per_frame(found.tracks, times), sorted(set(range(len(times))) - set(covered.dropped))
    known = [{*masks.enlarge(followed[t], margin, *size), *masks.whole(*size)} for t in kept]
    added = tuple(tuple(r for r in now if r not in of) for now, of in zip(covered.rectangles, known, strict=True))
    write_preview(folder / preview_name(clip_id), folder / video, found.tracks, times, covered.dropped, added)


def _draw(
    image: UInt8[np.ndarray, "H W 3"], box: np.ndarray, label: str, colour: tuple[int, int, int]
) -> UInt8[np.ndarray, "H W 3"]:
    x0, y0, x1, y1 = (round(float(v)) for v in box)
    return _write(cv2.rectangle(image, (x0, y0), (x1, y1), colour, 1), label, (x0 + 2, y0 + 14), colour)


def _write(
    image: UInt8[np.ndarray, "H W 3"], text: str, at: tuple[int, int], colour: tuple[int, int, int]
) -> UInt8[np.ndarray, "H W 3"]:
    return cv2.putText(image, text, at, cv2.FONT_HERSHEY_SIMPLEX, 0.45, colour, 1, cv2.LINE_AA)
