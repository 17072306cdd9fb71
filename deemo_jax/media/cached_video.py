"""A film that is read several times; its decoded pictures stay in memory where they fit."""

import dataclasses
import time
from collections.abc import Iterator
from pathlib import Path

from deemo_jax.core import processes
from deemo_jax.core.progress import Stage
from deemo_jax.media.picture import Picture
from deemo_jax.media.video import read_pictures

# Bytes of decoded pictures that stay in memory: 15 seconds of 720p, a minute of 360p.
ROOM = 512 << 20
# Seconds between two reports of progress.
TELL_EVERY_S = 1.0


class CachedVideo:
    """Iterates over the pictures of a film, each time from its beginning.

    Attributes:
        path: the file.
        threads: that decode it, and that may work on its pictures.
        span: where in the file the film starts and ends, seconds; an end of None is the file's.
        stage: what it is read for, a word for reports of progress; the reader sets it.
    """

    def __init__(
        self,
        path: Path,
        threads: int = 1,
        frames: int = 0,
        room: int = ROOM,
        span: tuple[float, float | None] = (0.0, None),
    ):
        """Reads nothing yet.

        Args:
            path: the file.
            threads: at least one.
            frames: the expected number of pictures; where they will not fit into memory, none is kept from the start.
            room: bytes of decoded pictures that may stay in memory; those of a longer film are decoded each time.
            span: where in the file the film starts and ends, seconds; its clip time is 0 at the start.
        """
        self.path, self.threads, self.span = path, threads, span
        self.stage = "reading"
        self._frames, self._room = frames, room
        self._held: list[Picture] | None = None

    def __iter__(self) -> Iterator[Picture]:
        """Reports progress by `deemo_jax.core.processes.tell`.

        Raises:
            UserError: see `deemo_jax.media.video.read_pictures`.
        """
        last = time.monotonic()
        for count, picture in enumerate(self._pictures(), 1):
            if (now := time.monotonic()) - last >= TELL_EVERY_S:
                last = now
                processes.tell(Stage(self.stage, count, self._frames))
            yield picture

    def _pictures(self) -> Iterator[Picture]:
        if self._held is not None:
            yield from self._held
            return
        held, size = list[Picture](), 0
        for whole in read_pictures(self.path, *self.span, threads=self.threads):
            picture = dataclasses.replace(whole, time_s=whole.time_s - self.span[0])
            size += picture.nbytes
            if max(size, self._frames * picture.nbytes) > self._room:
                self._room = 0
                held.clear()
            else:
                held.append(picture)
            yield picture
        if self._room:
            self._held = held
