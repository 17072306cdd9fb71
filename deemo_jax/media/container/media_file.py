"""Media files opened with libav; what it cannot read becomes one sentence that says what the file is and lacks."""

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

# libav is given bytes, never a name, and may open nothing by itself: a file can name other files and hosts, and none
# of those is read.
NO_OTHER_FILE = {"protocol_whitelist": "none"}
# First bytes of playlists, which hold no media of their own.
PLAYLISTS = (b"#EXTM3U", b"ffconcat", b"[playlist]", b"[Reference]", b"<asx", b"<MPD", b"<smil")
# First bytes of an AppleDouble file (._NAME): what macOS stores beside a file on foreign disks.
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
        # Titles and names in a container may be in any encoding; text that does not decode is replaced.
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
    """A file whose `seek` answers -1 for an impossible place: damaged headers send libav to such places."""

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        try:
            return super().seek(offset, whence)
        except OSError:
            return -1


def _cause(path: Path, error: av.FFmpegError) -> str:
    """Why a file cannot be read, and what to do."""
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
    """The packets of a track, and an empty one behind them, at which the decoder gives the frames that it still holds.

    Where further tracks appear while a file is read, PyAV raises an IndexError after the last packet; it is ignored.
    """
    with contextlib.suppress(IndexError):
        yield from container.demux(stream)


def is_known(stream: "av.stream.Stream") -> bool:
    """Whether libav has a decoder for a track."""
    return stream.codec_context is not None
