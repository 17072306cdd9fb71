"""Video files as streams of pictures.

Clip time starts at the first frame, whatever the container's clock says. Axes: H height, W width, N frames.
"""

import bisect
import dataclasses
import os
from collections.abc import Iterator

import av
import numpy as np
from av.container import InputContainer
from jaxtyping import Float, UInt8

from deemo_jax.errors import UserError
from deemo_jax.media.container import audio_stream, clip_origin, open_media, time_base, video_stream
from deemo_jax.media.picture import MAX_PIXELS, Frame, Picture, quarter_turns, to_rgb

# A header may promise a little more than the last frame shows; a whole file never falls short by more than this.
TRUNCATION_SLACK_S = 0.5
# Timestamps are rounded to the container's clock.
JITTER_S = 0.001


@dataclasses.dataclass(frozen=True, slots=True)
class VideoInfo:
    """What a video file says of itself.

    Attributes:
        width: pixels, as displayed.
        height: pixels, as displayed.
        frame_rate: average frames per second.
        frames: how many the header promises; None where it says nothing.
        duration_s: of the picture.
        rotation: the flag in the file, degrees counter-clockwise: 0, 90, 180 or 270.
        has_audio: whether there is a sound track that can be decoded.
    """

    width: int
    height: int
    frame_rate: float
    frames: int | None
    duration_s: float
    rotation: int
    has_audio: bool


def video_info(path: str | os.PathLike[str]) -> VideoInfo:
    """Reads the header and decodes one frame.

    Raises:
        UserError: missing, no media, or without a picture.
    """
    with open_media(path) as container:
        stream = _picture(container, path)
        first = next(container.decode(stream), None)
        if first is None:
            raise UserError(f"{path}: not one frame can be decoded; is the file whole?")
        turns = quarter_turns(first)
        width, height = (first.height, first.width) if turns % 2 else (first.width, first.height)
        return VideoInfo(
            width=width,
            height=height,
            frame_rate=float(stream.average_rate or stream.guessed_rate or 25),
            frames=stream.frames or None,
            duration_s=_duration(container, stream) or 0.0,
            rotation=90 * turns,
            has_audio=audio_stream(container) is not None,
        )


def read_frames(path: str | os.PathLike[str], start_s: float = 0.0, end_s: float | None = None) -> Iterator[Frame]:
    """Yields the frames whose time lies in [start_s, end_s), one in memory at a time; raises as `read_pictures`."""
    for picture in read_pictures(path, start_s, end_s):
        yield Frame(picture.index, picture.time_s, picture.rgb())


def read_pictures(
    path: str | os.PathLike[str], start_s: float = 0.0, end_s: float | None = None, threads: int = 1
) -> Iterator[Picture]:
    """Yields the frames whose time lies in [start_s, end_s), decoded and not yet converted.

    Raises:
        UserError: missing, no media, no picture, or the file breaks off before the end that its header promises.
    """
    with open_media(path) as container:
        stream = _picture(container, path)
        # Not by frames: what is concealed in damaged pictures would depend on the threads' timing.
        stream.codec_context.thread_count, stream.codec_context.thread_type = threads, "SLICE"
        lasts_s = 1 / float(stream.average_rate or stream.guessed_rate or 25)
        origin = clip_origin(container)
        if start_s > 0:
            container.seek(int((start_s + origin) / time_base(stream)), stream=stream)
        end, index = 0.0, 0
        for picture in container.decode(stream):
            time_s = max(0.0, (picture.time or 0.0) - origin)
            if end_s is not None and time_s >= end_s:
                return
            if time_s < end - JITTER_S:
                raise UserError(
                    f"{path}: its timestamps jump back at {end:.2f} s, or are missing; cut it there, or remux it"
                )
            end = max(end, time_s)
            if time_s >= start_s:
                turned = quarter_turns(picture) % 2
                size = (picture.height, picture.width) if turned else (picture.width, picture.height)
                yield Picture(index, time_s, lasts_s, size, picture)
                index += 1
        if stream.duration is not None:
            promised = float(stream.duration * time_base(stream))
            # The last frame lasts until the end; at a low frame rate that alone explains a late header.
            slack = max(TRUNCATION_SLACK_S, 2 / float(stream.average_rate or 25))
            if min(promised, end_s or promised) - end > slack:
                raise UserError(
                    f"{path}: truncated (the last frame is at {end:.2f} s of {promised:.2f}); copy it again"
                )


def frame_times(path: str | os.PathLike[str]) -> list[float]:
    """The clip times of all frames, from the packets alone where they carry them (nothing is decoded then).

    Raises:
        UserError: missing, no media, or no picture.
    """
    with open_media(path) as container:
        stream = _picture(container, path)
        origin = clip_origin(container)
        stamps, _ = _timestamps(container, stream)
        return [max(0.0, float(stamp * time_base(stream)) - origin) for stamp in stamps]


def film_seconds(path: str | os.PathLike[str]) -> float:
    """How long the picture lasts, by its frames, whatever the header says.

    Raises:
        UserError: as `frame_times`.
    """
    return frame_times(path)[-1] + 1 / video_info(path).frame_rate


def uniform_indices(length: int, count: int) -> list[int]:
    """`count` frame numbers, floor(i * length / n) with n = min(count, length); the last one repeats when short.

    Source: Video-LLaMA's uniform sampling; repeating the last frame is AffectGPT's.
    """
    if length < 1:
        raise ValueError("length must be positive")
    n = min(count, length)
    indices = [i * length // n for i in range(n)]
    return indices + indices[-1:] * (count - n)


def sample_frames(
    path: str | os.PathLike[str], count: int = 8, size: int = 224, start_s: float = 0.0, end_s: float | None = None
) -> tuple[UInt8[np.ndarray, "N size size 3"], Float[np.ndarray, "N"]]:
    """Uniformly sampled frames of [start_s, end_s), scaled to a square (the aspect ratio is not kept), and their times.

    Only frames since the nearest key frame are decoded, and only the sampled ones are kept.

    Returns:
        images: uint8 (count, size, size, 3), RGB.
        times: float64 (count,), clip seconds.

    Raises:
        UserError: missing, no media, no picture, or no frame in the span.
    """
    with open_media(path) as container:
        stream = _picture(container, path)
        origin = clip_origin(container)
        stamps, keys = _timestamps(container, stream)
        base = float(time_base(stream))
        times = [max(0.0, stamp * base - origin) for stamp in stamps]
        first = bisect.bisect_left(times, start_s)
        last = len(times) if end_s is None else bisect.bisect_left(times, end_s)
        if first >= last:
            raise UserError(f"{path}: no frame between {start_s} s and {'the end' if end_s is None else f'{end_s} s'}")
        chosen = [first + i for i in uniform_indices(last - first, count)]
        images = dict(_decode_at(container, stream, [stamps[i] for i in dict.fromkeys(chosen)], keys, size))
    missing = [times[i] for i in chosen if stamps[i] not in images]
    if missing:
        raise UserError(f"{path}: truncated (no frame can be decoded at {missing[0]:.2f} s); copy it again")
    return np.stack([images[stamps[i]] for i in chosen]), np.array([times[i] for i in chosen])


def _picture(container: InputContainer, path: str | os.PathLike[str]) -> "av.VideoStream":
    stream = video_stream(container)
    if stream is None:
        raise UserError(f"{path}: has no picture that can be decoded; give a video file")
    context = stream.codec_context
    if context.width * context.height > MAX_PIXELS:
        raise UserError(
            f"{path}: a picture of {context.width}x{context.height}; scale it down to {MAX_PIXELS / 1e6:.0f} megapixels"
        )
    context.thread_count = 1
    # The size may change within a track; libav then stops at the same bound.
    context.options = {"max_pixels": str(MAX_PIXELS)}
    return stream


def _duration(container: InputContainer, stream: "av.VideoStream") -> float | None:
    if stream.duration is not None:
        return float(stream.duration * time_base(stream))
    return None if container.duration is None else container.duration / av.time_base


def _timestamps(container: InputContainer, stream: "av.VideoStream") -> tuple[list[int], list[int]]:
    """The sorted timestamps of all frames and of the key frames, from the packets alone where they carry them."""
    stamps: list[int] = []
    keys: list[int] = []
    complete = True
    for packet in container.demux(stream):
        if packet.size and not packet.is_discard:
            complete = complete and packet.pts is not None
            if packet.pts is not None:
                stamps.append(packet.pts)
                keys += [packet.pts] if packet.is_keyframe else []
    container.seek(0)
    if not complete:
        stamps, keys = [f.pts for f in container.decode(stream) if f.pts is not None], []
        container.seek(0)
    return sorted(stamps), sorted(keys)


def _decode_at(
    container: InputContainer, stream: "av.VideoStream", targets: list[int], keys: list[int], size: int
) -> Iterator[tuple[int, UInt8[np.ndarray, "size size 3"]]]:
    """Yields (target, image) for ascending timestamps, jumping over groups of pictures that hold none of them."""
    frames = container.decode(stream)
    here = -(1 << 62)
    for target in targets:
        key = bisect.bisect_right(keys, target) - 1
        if key > 0 and keys[key] > here:
            container.seek(keys[key], stream=stream)
            frames = container.decode(stream)
        for picture in frames:
            here = here if picture.pts is None else picture.pts
            if here >= target:
                yield target, to_rgb(picture, size, size)
                break
