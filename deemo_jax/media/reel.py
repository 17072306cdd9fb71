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

    def __init__(self, path: Path, threads: int = 1, room: int = ROOM):
        """Reads nothing yet.

        Args:
            path: the file.
            threads: at least one.
            room: bytes; the pictures of a longer film are decoded anew each time, and none of them is held.
        """
        self.path, self.threads = path, threads
        self._room = room
        self._held: list[Picture] | None = None

    def __iter__(self) -> Iterator[Picture]:
        """Raises what `read_pictures` raises."""
        if self._held is not None:
            yield from self._held
            return
        held, room = list[Picture](), self._room
        for picture in read_pictures(self.path, threads=self.threads):
            room -= picture.nbytes
            if room >= 0:
                held.append(picture)
            else:
                held.clear()
            yield picture
        if room >= 0:
            self._held = held
