"""Opening media files: one place that turns what libav says into what a person can mend."""

import contextlib
import io
import os
from collections.abc import Iterator
from pathlib import Path
from typing import TypeVar

import av
from av.container import InputContainer

from deemo_jax.core.errors import UserError

Track = TypeVar("Track", "av.VideoStream", "av.AudioStream")

# A file is read by this program and handed to libav as bytes, so its name may be anything; and no file that is named
# in it, on this machine or another, is ever opened.
NO_OTHER_FILE = {"protocol_whitelist": "none"}
# How files begin that only name others.
PLAYLISTS = (b"#EXTM3U", b"ffconcat", b"[playlist]", b"[Reference]", b"<asx", b"<MPD", b"<smil")
# How a file begins that a Mac leaves beside the true one, on disks of others.
APPLE_DOUBLE = b"\x00\x05\x16\x07"


@contextlib.contextmanager
def open_media(path: str | os.PathLike[str]) -> Iterator[InputContainer]:
    """Opens a media file for reading; whatever libav cannot read, now or while it is open, is a `UserError`.

    Raises:
        UserError: the file is missing, cannot be read, is no media file, or breaks off.
    """
    path = Path(path)
    if not path.is_file():
        raise UserError(f"{path}: no such file; check the path")
    try:
        # A container's own text may be in any encoding: names that do not decode must not stop the reading.
        with (
            _Bytes(io.FileIO(str(path))) as handle,
            av.open(handle, "r", metadata_errors="replace", options=dict(NO_OTHER_FILE)) as container,
        ):
            yield container
    except av.FFmpegError as error:
        raise UserError(f"{path}: {_cause(path, error)}") from error
    except OSError as error:
        raise UserError(f"{path}: cannot be read ({error.strerror or error}); check disk and permissions") from error


class _Bytes(io.BufferedReader):
    """A file in which libav may try to go where nothing is, as damaged headers ask for, and is told that it failed."""

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        try:
            return super().seek(offset, whence)
        except OSError:
            return -1


def _cause(path: Path, error: av.FFmpegError) -> str:
    """Why a file cannot be read."""
    with open(path, "rb") as handle:
        start = handle.read(512)
    if not start:
        return "is empty; copy it again"
    if start.startswith(APPLE_DOUBLE):
        return "holds what a Mac keeps beside a file, no media; give the file without ._ before its name"
    if any(start.lstrip(b"\xef\xbb\xbf \r\n").lower().startswith(mark.lower()) for mark in PLAYLISTS):
        return "is a playlist, which only names other files; give those"
    return f"no readable media ({error.strerror}); is it whole, and a video or audio file?"


def packets(container: InputContainer, stream: Track) -> "Iterator[av.Packet[Track]]":
    """The packets of a track, and an empty one behind them that has the decoder give what it holds.

    Tracks may appear while a file is read. PyAV asks for them at the very end, when all of this track is out.
    """
    with contextlib.suppress(IndexError):
        yield from container.demux(stream)


def is_known(stream: "av.stream.Stream") -> bool:
    """A track of a format that libav has no decoder for has no codec context."""
    return stream.codec_context is not None
