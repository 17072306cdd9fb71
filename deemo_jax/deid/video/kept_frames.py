"""The frames of a source that its copy will have, read as often as they are needed."""

import dataclasses
from collections.abc import Iterator

from deemo_jax.core.errors import UserError
from deemo_jax.media.cached_video import CachedVideo
from deemo_jax.media.picture import Picture


@dataclasses.dataclass(frozen=True, slots=True)
class KeptFrames:
    """A source, and what the first pass learned of it.

    Attributes:
        video: the source.
        shown: width and height of its picture, pixels.
        all_times: of all its frames, clip seconds.
        dropped: frames that the copy will not have.
    """

    video: CachedVideo
    shown: tuple[int, int]
    all_times: tuple[float, ...]
    dropped: frozenset[int] = frozenset()

    @property
    def size(self) -> tuple[int, int]:
        """Of the copy: the codec holds even sides only."""
        return self.shown[0] & ~1, self.shown[1] & ~1

    @property
    def indices(self) -> tuple[int, ...]:
        """Frames of the source that the copy will have."""
        return tuple(t for t in range(len(self.all_times)) if t not in self.dropped)

    @property
    def times(self) -> tuple[float, ...]:
        """Of the copy's frames, clip seconds."""
        return tuple(self.all_times[t] for t in self.indices)

    def pictures(self) -> Iterator[Picture]:
        """The frames that are kept, not covered yet.

        Raises:
            UserError: there are other frames than the first pass saw, or of another size.
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
