"""Video files as streams of pictures.

Clip time starts at the first frame, whatever the container's clock says. Axes: H height, W width, N frames.
"""

import bisect
import dataclasses
import os
from collections.abc import Iterator
from pathlib import Path

import av
import numpy as np
from av.container import InputContainer
from jaxtyping import Float, UInt8

from deemo_jax.core.errors import UserError
from deemo_jax.media.container.film_header import FilmHeader, film_header, picture_stream
from deemo_jax.media.container.media_file import open_media, packets
from deemo_jax.media.container.picture_times import Clock, time_base, timed
from deemo_jax.media.container.truncation import promised_end
from deemo_jax.media.display_geometry import matrix_of
from deemo_jax.media.hdr_to_sdr import light_of
from deemo_jax.media.picture import Frame, Picture

# The header of a whole file promises at most this much beyond the last frame.
TRUNCATION_SLACK_S = 0.5
# By how much times of frames may differ that are the same: timestamps are rounded to the container's clock.
JITTER_S = 0.001
# Formats with an index of key frames. In others libav guesses where to jump to, and may land behind the wanted time.
INDEXED = frozenset({"mov", "mp4", "matroska", "webm"})


@dataclasses.dataclass(frozen=True, slots=True)
class VideoInfo:
    """What a video file says of itself.

    Attributes:
        width: pixels, as shown.
        height: pixels, as shown.
        frame_rate: average frames per second.
        frames: number of frames by the header; None where it says nothing.
        duration_s: of the film by the header; 0 where it says nothing.
        rotation: by which pictures are turned to be shown, degrees counter-clockwise: 0, 90, 180 or 270.
        mirrored: whether pictures are mirrored, left to right, before they are turned.
        has_audio: whether there is a sound track that can be decoded.
        notes: what a person should know of how the film is read, a sentence each.
    """

    width: int
    height: int
    frame_rate: float
    frames: int | None
    duration_s: float
    rotation: int
    mirrored: bool
    has_audio: bool
    notes: tuple[str, ...] = ()


def video_info(path: str | os.PathLike[str]) -> VideoInfo:
    """Reads the header and decodes one frame.

    Raises:
        UserError: missing, no media, or without a picture.
    """
    found = film_header(path)
    return VideoInfo(
        *found.size,
        frame_rate=found.rate,
        frames=found.frames,
        duration_s=found.lasts_s or 0.0,
        rotation=found.view.orientation.rotation,
        mirrored=found.view.orientation.mirrored,
        has_audio=any(found.sounds),
        notes=found.notes,
    )


def read_frames(path: str | os.PathLike[str], start_s: float = 0.0, end_s: float | None = None) -> Iterator[Frame]:
    """Yields the frames whose clip time lies in [start_s, end_s), one in memory at a time.

    Raises:
        UserError: see `read_pictures`.
    """
    for picture in read_pictures(path, start_s, end_s):
        yield Frame(picture.index, picture.time_s, picture.rgb())


def read_pictures(
    path: str | os.PathLike[str], start_s: float = 0.0, end_s: float | None = None, threads: int = 1
) -> Iterator[Picture]:
    """Yields the frames whose clip time lies in [start_s, end_s), decoded and not yet converted to RGB.

    Args:
        path: of the film.
        start_s: clip time.
        end_s: clip time; None for the end.
        threads: that decode.

    Raises:
        UserError: missing, no media, no picture, times that jump back, a way of showing that changes, or the file
            breaks off before the end that its header promises.
    """
    found = film_header(path)
    with open_media(path) as container:
        stream = picture_stream(container, path)
        # Threads share the slices of one frame. Were whole frames shared, what the decoder draws into damaged pictures
        # would depend on the threads' timing.
        stream.codec_context.thread_count, stream.codec_context.thread_type = threads, "SLICE"
        if start_s > 0 and _can_seek(container, found):
            container.seek(int((start_s + found.origin_s) / time_base(stream)), stream=stream)
        end, index = 0.0, 0
        for picture, at in timed(packets(container, stream), stream, found.clock):
            time_s = max(0.0, at - found.origin_s)
            if end_s is not None and time_s >= end_s:
                return
            if time_s < end - JITTER_S:
                raise UserError(f"{path}: its timestamps jump back at {end:.2f} s; cut it there, into two files")
            _refuse_change(path, found, stream, picture, time_s)
            end = max(end, time_s)
            if time_s >= start_s:
                yield _picture(found, picture, index, time_s)
                index += 1
        # The last frame lasts until the end; at a low frame rate that alone explains a late header.
        slack = max(TRUNCATION_SLACK_S, 2 / found.rate)
        if end_s is None or end_s - end > slack:
            promised = promised_end(Path(path), container, stream, end + found.origin_s, slack)
            if promised is not None:
                raise UserError(
                    f"{path}: truncated (the last frame is at {end:.2f} s of {promised - found.origin_s:.2f}); copy it"
                    " again"
                )


def _can_seek(container: InputContainer, found: FilmHeader) -> bool:
    """Whether jumping to a time is reliable; else everything is decoded from the beginning."""
    return found.clock is Clock.SHOWN and not INDEXED.isdisjoint(container.format.name.split(","))


def _picture(found: FilmHeader, decoded: "av.VideoFrame", index: int, time_s: float) -> Picture:
    return Picture(
        index, time_s, 1 / found.rate, found.view.size(decoded), decoded, found.view.orientation, light_of(decoded)
    )


def _refuse_change(
    path: str | os.PathLike[str], found: FilmHeader, stream: "av.VideoStream", picture: "av.VideoFrame", time_s: float
) -> None:
    """Boxes and masks of a film are for one orientation and one shape of pixels.

    Raises:
        UserError: one of them changes within the film.
    """
    if matrix_of(picture) != found.matrix:
        raise UserError(f"{path}: the picture is turned or mirrored in another way at {time_s:.2f} s; cut it there")
    if found.pixels is not None and stream.codec_context.sample_aspect_ratio != found.pixels:
        raise UserError(f"{path}: the shape of its pixels changes near {time_s:.2f} s; cut it there")


def frame_times(path: str | os.PathLike[str]) -> list[float]:
    """Clip times of all frames that can be decoded, seconds.

    Raises:
        UserError: as `read_pictures`.
    """
    return [picture.time_s for picture in read_pictures(path)]


def packet_times(path: str | os.PathLike[str]) -> list[float]:
    """Clip times of all frames by their packets, seconds; nothing is decoded. For files of `clip_writer`.

    Raises:
        UserError: missing, no media, or no picture.
    """
    origin_s = film_header(path).origin_s
    with open_media(path) as container:
        stream = picture_stream(container, path)
        base = float(time_base(stream))
        return sorted(packet.pts * base - origin_s for packet in packets(container, stream) if packet.pts is not None)


def film_seconds(path: str | os.PathLike[str]) -> float:
    """Length of a film by its frames, seconds, whatever the header says.

    Raises:
        UserError: as `frame_times`.
    """
    found = film_header(path)
    listed = _listed(path, found)
    return (listed[-1][0] if listed else frame_times(path)[-1]) + 1 / found.rate


def uniform_indices(length: int, count: int) -> list[int]:
    """`count` frame numbers, floor(i * length / n) with n = min(count, length); a short film's last is repeated.

    Uniform sampling is Video-LLaMA's, repeating the last frame AffectGPT's.

    Raises:
        ValueError: `length` is below 1.
    """
    if length < 1:
        raise ValueError("length must be positive")
    n = min(count, length)
    indices = [i * length // n for i in range(n)]
    return indices + indices[-1:] * (count - n)


def sample_frames(
    path: str | os.PathLike[str], count: int = 8, size: int = 224, start_s: float = 0.0, end_s: float | None = None
) -> tuple[UInt8[np.ndarray, "N size size 3"], Float[np.ndarray, " N"]]:
    """Uniformly sampled frames of [start_s, end_s), scaled to a square (the aspect ratio is not kept), and their times.

    Only frames since the nearest key frame are decoded, and only the sampled ones are kept.

    Returns:
        images: uint8 (count, size, size, 3), RGB.
        times: float64 (count,), clip seconds.

    Raises:
        UserError: missing, no media, no picture, or no frame in the span.
    """
    times, pictures = sampled_pictures(path, count, start_s, end_s)
    images = {at: picture.rgb(size, size) for at, picture in pictures}
    missing = [at for at in times if at not in images]
    if missing:
        raise UserError(f"{path}: truncated (no frame can be decoded at {missing[0]:.2f} s); copy it again")
    return np.stack([images[at] for at in times]), np.array(times)


def sampled_pictures(
    path: str | os.PathLike[str], count: int, start_s: float = 0.0, end_s: float | None = None
) -> tuple[list[float], Iterator[tuple[float, Picture]]]:
    """As `sample_frames`, with the pictures as decoded, one in memory at a time.

    Returns:
        The `count` times, clip seconds; and each time once with its picture. A picture that cannot be decoded is
        missing.

    Raises:
        UserError: see `sample_frames`.
    """
    found = film_header(path)
    listed = _listed(path, found)
    times = [time_s for time_s, _ in listed] if listed else frame_times(path)
    first = bisect.bisect_left(times, start_s)
    last = len(times) if end_s is None else bisect.bisect_left(times, end_s)
    if first >= last:
        raise UserError(f"{path}: no frame between {start_s} s and {'the end' if end_s is None else f'{end_s} s'}")
    chosen = [times[first + i] for i in uniform_indices(last - first, count)]
    keys = [time_s for time_s, is_key in listed if is_key]
    return chosen, _at(path, found, list(dict.fromkeys(chosen)), keys)


def _listed(path: str | os.PathLike[str], found: FilmHeader) -> list[tuple[float, bool]]:
    """(clip time, whether it is a key frame) of every frame, from the packets alone; empty where they do not tell."""
    if found.clock is not Clock.SHOWN:
        return []
    with open_media(path) as container:
        stream = picture_stream(container, path)
        base = float(time_base(stream))
        shown = [packet for packet in packets(container, stream) if packet.size and not packet.is_discard]
        stamps = [(packet.pts, packet.is_keyframe) for packet in shown if packet.pts is not None]
        if len(stamps) < len(shown):
            return []
        listed = sorted((pts * base - found.origin_s, is_key) for pts, is_key in stamps)
    # Frames before the first one that can be decoded are never shown.
    return [(max(0.0, time_s), is_key) for time_s, is_key in listed if time_s > -JITTER_S]


def _at(
    path: str | os.PathLike[str], found: FilmHeader, targets: list[float], keys: list[float]
) -> Iterator[tuple[float, Picture]]:
    """Yields each of the ascending `targets` with its picture, jumping to key frames over what is not wanted.

    Args:
        path: of the film.
        found: its header.
        targets: clip times of frames.
        keys: clip times of key frames, ascending.
    """
    with open_media(path) as container:
        stream = picture_stream(container, path)
        frames = timed(packets(container, stream), stream, found.clock)
        here = -1.0
        for target in targets:
            key = bisect.bisect_right(keys, target) - 1
            if key > 0 and keys[key] > here and _can_seek(container, found):
                container.seek(round((keys[key] + found.origin_s) / time_base(stream)), stream=stream)
                frames = timed(packets(container, stream), stream, found.clock)
            for picture, at in frames:
                here = max(0.0, at - found.origin_s)
                if here >= target - JITTER_S:
                    yield target, _picture(found, picture, 0, here)
                    break
