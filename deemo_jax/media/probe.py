"""What a media file still says besides its pictures and sounds."""

import dataclasses
import os
from collections.abc import Iterable

from deemo_jax.files import open_input
from deemo_jax.media.container import open_media

BLOCK = 1 << 20


@dataclasses.dataclass(frozen=True, slots=True)
class Probe:
    """The tracks of a file and every string that its container carries.

    Attributes:
        streams: one "type/codec" a track, in order.
        tags: "where.key=value" of the container, every track and every chapter; handler names and encoders included.
    """

    streams: tuple[str, ...]
    tags: tuple[str, ...]


def probe(path: str | os.PathLike[str]) -> Probe:
    """Reads the tracks and tags of a media file.

    Raises:
        UserError: missing or no media.
    """
    with open_media(path) as container:
        tags = [f"container.{key}={value}" for key, value in container.metadata.items()]
        streams = []
        for stream in container.streams:
            codec = stream.codec_context.name if stream.codec_context is not None else "unknown"
            streams.append(f"{stream.type}/{codec}")
            tags += [f"stream{stream.index}.{key}={value}" for key, value in stream.metadata.items()]
        for number, chapter in enumerate(container.chapters()):
            tags += [f"chapter{number}.{key}={value}" for key, value in chapter["metadata"].items()]
    return Probe(tuple(streams), tuple(tags))


def contains(path: str | os.PathLike[str], needles: Iterable[str | bytes]) -> list[str | bytes]:
    """The needles that occur anywhere in the bytes of a file; text is looked for in UTF-8 and UTF-16.

    Raises:
        UserError: the file cannot be read.
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
    if not needle:
        raise ValueError("an empty needle is in every file")
    if isinstance(needle, bytes):
        return (needle,)
    return tuple(needle.encode(encoding) for encoding in ("utf-8", "utf-16-le", "utf-16-be"))
