"""A film that is read several times. What is short is decoded once."""

from collections.abc import Iterator
from pathlib import Path

from deemo_jax.media.picture import Picture
from deemo_jax.media.video import read_pictures

# Bytes of decoded pictures that are held: 15 seconds of 720p, a minute of 360p.
ROOM = 512 << 20


class Reel:
    """The pictures of a video, from its beginning as often as it is iterated over.

    Attributes:
        path: the file.
        threads: that decode it, and that may work on its pictures.
    """

    def __init__(self, path: Path, threads: int = 1, frames: int = 0, room: int = ROOM):
        """Reads nothing yet.

        Args:
            path: the file.
            threads: at least one.
            frames: that are expected; where they will not fit, none is held to begin with.
            room: bytes; the pictures of a longer film are decoded anew each time.
        """
        self.path, self.threads = path, threads
        self._frames, self._room = frames, room
        self._held: list[Picture] | None = None

    def __iter__(self) -> Iterator[Picture]:
        """Raises what `read_pictures` raises."""
        if self._held is not None:
            yield from self._held
            return
        held, size = list[Picture](), 0
        for picture in read_pictures(self.path, threads=self.threads):
            size += picture.nbytes
            if max(size, self._frames * picture.nbytes) > self._room:
                self._room = 0
                held.clear()
            else:
                held.append(picture)
            yield picture
        if self._room:
            self._held = held
