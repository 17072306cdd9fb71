"""What a media file carries besides pictures and sound: its tracks, tags, and data beside the pictures."""

import contextlib
import dataclasses
import itertools
import os
from collections.abc import Iterable, Mapping

import av
from av.container import InputContainer

from deemo_jax.core.errors import plain
from deemo_jax.core.files import open_input
from deemo_jax.media.container.media_file import open_media, packets
from deemo_jax.media.container.picture_track import video_stream
from deemo_jax.media.display_geometry import MAX_PIXELS
from deemo_jax.media.remarks import remarks_of

# Bytes of a file that are searched at a time.
BLOCK = 1 << 20
# The first pictures of a film whose remarks are read.
PICTURES = 50


@dataclasses.dataclass(frozen=True, slots=True)
class Probe:
    """The tracks and tags of a media file.

    Attributes:
        streams: "type/codec" of each track, in order.
        tags: "where.key=value" of the container, of each track and of each chapter, names of handlers and encoders
            included; and of side data of the first pictures: an encoder's remarks, captions, time codes.
    """

    streams: tuple[str, ...]
    tags: tuple[str, ...]

    def text(self) -> str:
        """The tracks on one line, then a line for each tag, for a terminal."""
        return "\n".join([", ".join(self.streams), *(f"  {plain(tag)}" for tag in self.tags)])


def probe(path: str | os.PathLike[str]) -> Probe:
    """Reads the tracks and tags of a media file, and the first pictures.

    Raises:
        UserError: missing or no media.
    """
    with open_media(path) as container:
        found = _header(container)
        return dataclasses.replace(found, tags=(*found.tags, *remark_tags(_remarks(container))))


def probe_header(path: str | os.PathLike[str]) -> Probe:
    """The same of the header alone, without what pictures carry; raises as `probe`."""
    with open_media(path) as container:
        return _header(container)


def remark_tags(remarks: Mapping[str, str]) -> list[str]:
    """What pictures carry beside them (`remarks.remarks_of`), as tags."""
    return [f"picture.{kind}={text}" for kind, text in remarks.items()]


def _header(container: InputContainer) -> Probe:
    tags = [f"container.{key}={value}" for key, value in container.metadata.items()]
    streams = []
    for stream in container.streams:
        codec = stream.codec_context.name if stream.codec_context is not None else "unknown"
        streams.append(f"{stream.type}/{codec}")
        tags += [f"stream{stream.index}.{key}={value}" for key, value in stream.metadata.items()]
    for number, chapter in enumerate(container.chapters()):
        tags += [f"chapter{number}.{key}={value}" for key, value in chapter["metadata"].items()]
    return Probe(tuple(streams), tuple(tags))


def _remarks(container: InputContainer) -> dict[str, str]:
    stream = video_stream(container)
    if stream is None:
        return {}
    stream.codec_context.options = {"max_pixels": str(MAX_PIXELS)}
    found: dict[str, str] = {}
    with contextlib.suppress(av.FFmpegError):  # a damaged picture ends the search, and what was found is kept
        pictures = (picture for packet in packets(container, stream) for picture in packet.decode())
        for picture in itertools.islice(pictures, PICTURES):
            found = remarks_of(picture) | found
    return found


def contains(path: str | os.PathLike[str], needles: Iterable[str | bytes]) -> list[str | bytes]:
    """The needles that occur anywhere in the bytes of a file; text is searched for in UTF-8 and UTF-16.

    Raises:
        UserError: the file cannot be read.
        ValueError: a needle is empty.
    """
    wanted = {needle: _spellings(needle) for needle in needles}
    overlap = max((len(s) for spellings in wanted.values() for s in spellings), default=1) - 1
    found: set[str | bytes] = set()
    tail = b""
    with open_input(path) as handle:
        while block := handle.read(BLOCK):
            window = tail + block
            found.update(n for n, spellings in wanted.items() if n not in found and any(s in window for s in spellings))
            tail = window[-overlap:] if overlap else b""
    return [needle for needle in wanted if needle in found]


def _spellings(needle: str | bytes) -> tuple[bytes, ...]:
    """The byte strings that a needle is searched for as."""
    if not needle:
        raise ValueError("an empty needle is in every file")
    if isinstance(needle, bytes):
        return (needle,)
    return tuple(needle.encode(encoding) for encoding in ("utf-8", "utf-16-le", "utf-16-be"))
