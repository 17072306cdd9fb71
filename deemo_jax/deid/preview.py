"""A film to check masks by: the covered picture with the box and the number of every track. It shows no identity."""

import dataclasses
from collections.abc import Iterator, Sequence
from pathlib import Path

import cv2
import numpy as np
from jaxtyping import UInt8

from deemo_jax.deid.manifest import file_names, load_masks, preview_name
from deemo_jax.deid.trackfile import load_tracks
from deemo_jax.deid.tracks import Track, boxes_per_frame
from deemo_jax.media.clip_writer import write_clip
from deemo_jax.media.picture import Frame
from deemo_jax.media.video import frame_times, read_frames, video_info

COLOURS = ((255, 196, 0), (0, 200, 255), (255, 80, 160), (120, 255, 120), (190, 140, 255), (255, 140, 60))


def write_preview(
    path: Path, video: Path, tracks: Sequence[Track], times: Sequence[float], dropped: Sequence[int] = ()
) -> None:
    """Draws tracks onto a de-identified clip, without sound.

    Args:
        path: of the film.
        video: the de-identified clip; nothing of the source is needed.
        tracks: of the source's frames.
        times: of the source's frames, clip seconds.
        dropped: frames of the source that the clip lacks.

    Raises:
        UserError: the clip cannot be read, or the film not be written.
    """
    kept = [t for t in range(len(times)) if t not in set(dropped)]
    boxes = [(track.number, boxes_per_frame([track], times)) for track in tracks]

    def drawn() -> Iterator[Frame]:
        for frame, t in zip(read_frames(video), kept, strict=True):
            image = frame.image
            for number, of_track in boxes:
                if len(of_track[t]):
                    image = _draw(image, of_track[t][0], number)
            yield dataclasses.replace(frame, image=image)

    write_clip(path, drawn(), video_info(video).frame_rate)


def preview_again(folder: Path, clip_id: str, source: Path) -> None:
    """The film of a clip that was de-identified before, beside it.

    Raises:
        UserError: its files or its source cannot be read, or the film not be written.
    """
    video, masks_name, tracks_name, _ = file_names(clip_id)
    times, info = frame_times(source), video_info(source)
    found = load_tracks(folder / tracks_name, len(times), (info.width, info.height))
    dropped = load_masks(folder / masks_name).dropped
    write_preview(folder / preview_name(clip_id), folder / video, found.tracks, times, dropped)


def _draw(image: UInt8[np.ndarray, "H W 3"], box: np.ndarray, number: int) -> UInt8[np.ndarray, "H W 3"]:
    colour = COLOURS[number % len(COLOURS)]
    x0, y0, x1, y1 = (round(float(v)) for v in box)
    image = cv2.rectangle(image, (x0, y0), (x1, y1), colour, 1)
    return cv2.putText(image, str(number), (x0 + 2, y0 + 14), cv2.FONT_HERSHEY_SIMPLEX, 0.45, colour, 1, cv2.LINE_AA)
