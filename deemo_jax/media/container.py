"""Opening media files: one place that turns what libav says into what a person can mend."""

import contextlib
import os
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import TypeVar

import av
from av.container import InputContainer

from deemo_jax.errors import UserError

Track = TypeVar("Track", "av.VideoStream", "av.AudioStream")


@contextlib.contextmanager
def open_media(path: str | os.PathLike[str]) -> Iterator[InputContainer]:
    """Opens a media file for reading; whatever libav cannot read, now or while it is open, is a `UserError`.

    Raises:
        UserError: the file is missing, is no media file, or breaks off.
    """
    path = Path(path)
    if not path.is_file():
        raise UserError(f"{path}: no such file; check the path")
    try:
        # A container's own text may be in any encoding: names that do not decode must not stop the reading.
        with av.open(str(path), metadata_errors="replace") as container:
            yield container
    except av.FFmpegError as error:
        raise UserError(
            f"{path}: no readable media ({error.strerror}); is it whole, and a video or audio file?"
        ) from error


def video_stream(container: InputContainer) -> "av.VideoStream | None":
    """The first moving picture that can be decoded; cover art is none."""
    pictures = (s for s in container.streams.video if not s.disposition & av.stream.Disposition.attached_pic)
    return next((s for s in pictures if is_known(s)), None)


def audio_stream(container: InputContainer) -> "av.AudioStream | None":
    """The first sound track that can be decoded."""
    return next((s for s in container.streams.audio if is_known(s)), None)


def packets(container: InputContainer, stream: Track) -> "Iterator[av.Packet[Track]]":
    """The packets of a track, and an empty one behind them that has the decoder give what it holds.

    Tracks may appear while a file is read. PyAV asks for them at the very end, when all of this track is out.
    """
    with contextlib.suppress(IndexError):
        yield from container.demux(stream)


def is_known(stream: "av.stream.Stream") -> bool:
    """A track of a format that libav has no decoder for has no codec context."""
    return stream.codec_context is not None


def time_base(stream: "av.stream.Stream") -> Fraction:
    """Seconds that one unit of the track's timestamps lasts."""
    return stream.time_base or Fraction(1, av.time_base)


def clip_origin(container: InputContainer) -> float:
    """The container's clock (s) at clip time 0: the first picture, or the first sound where there is no picture."""
    streams = [video_stream(container), audio_stream(container)]
    times = (float(s.start_time * time_base(s)) for s in streams if s is not None and s.start_time is not None)
    return next(times, 0.0)


def film_end(path: str | os.PathLike[str]) -> float | None:
    """Clip time (s) of the last picture, from the packets alone; None where there is no picture, or no times.

    Raises:
        UserError: missing, no media, or it breaks off.
    """
    with open_media(path) as container:
        stream = video_stream(container)
        if stream is None:
            return None
        stamps = [packet.pts for packet in packets(container, stream) if packet.pts is not None]
        return float(max(stamps) * time_base(stream)) - clip_origin(container) if stamps else None
