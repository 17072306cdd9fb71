"""The frames of a source that its copy will have; they can be read several times."""

import dataclasses
from collections.abc import Iterator

from deemo_jax.core.errors import UserError
from deemo_jax.media.cached_video import CachedVideo
from deemo_jax.media.picture import Picture


@dataclasses.dataclass(frozen=True, slots=True)
class KeptFrames:
    """A source, and which of its frames are copied.

    Attributes:
        video: the source.
        shown: width and height of its pictures, pixels.
        all_times: times of all its frames, seconds of the clip.
        dropped: numbers of the frames that the copy will lack.
    """

    video: CachedVideo
    shown: tuple[int, int]
    all_times: tuple[float, ...]
    dropped: frozenset[int] = frozenset()

    @property
    def size(self) -> tuple[int, int]:
        """Width and height of the copy, pixels: the codec allows even sides only, so an odd side loses a pixel."""
        return self.shown[0] & ~1, self.shown[1] & ~1

    @property
    def indices(self) -> tuple[int, ...]:
        """Numbers, in the source, of the frames of the copy."""
        return tuple(t for t in range(len(self.all_times)) if t not in self.dropped)

    @property
    def times(self) -> tuple[float, ...]:
        """Times of the frames of the copy, seconds of the clip."""
        return tuple(self.all_times[t] for t in self.indices)

    def pictures(self) -> Iterator[Picture]:
        """Reads the frames of the copy, before anything is covered.

        Raises:
            UserError: the source gives other frames than in the first pass, or pictures of another size.
        """
        count = 0
        for picture in self.video:
            if picture.size != self.shown:
                at = f"{picture.time_s:.2f} s"
                raise UserError(f"{self.video.path}: the picture changes its size at {at}; cut the clip there")
            count += 1
            if picture.index not in self.dropped:
                yield picture
        if count != len(self.all_times):
            raise UserError(f"{self.video.path}: gives other frames when it is read again; copy it to a local disk")
