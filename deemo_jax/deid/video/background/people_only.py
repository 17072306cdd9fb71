"""Writes people without what is around them: every picture of a copy, its faces covered, its background replaced.

What is not surely a person counts as background, and so does all of a picture in which nobody is found.
"""

import dataclasses
import itertools
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from jaxtyping import Bool, Float32, UInt8

from deemo_jax.core import parallel
from deemo_jax.deid.keys import VoiceKey
from deemo_jax.deid.manifest import Rectangle, Rectangles
from deemo_jax.deid.settings import BLUR, Settings
from deemo_jax.deid.video import masks, refusal_messages
from deemo_jax.deid.video.background.backdrop import plain_backdrop, soft_backdrop
from deemo_jax.deid.video.background.person_network import SIDE, person_probability
from deemo_jax.deid.video.background.person_pixels import person_pixels, sure_of_person
from deemo_jax.deid.video.kept_frames import KeptFrames
from deemo_jax.media.picture import Picture, Planar, layers

# Share of the frames with a covered face that may lack a person, before a clip is refused.
MOST_LOST = 0.2
MENDS = (
    "people far from the camera are not found: leave out --background, cut these times out, or run this file alone with"
    " --on_missing mask_frame, which has them all background"
)


@dataclasses.dataclass(frozen=True, slots=True, eq=False)
class _Seen:
    """A picture of the copy with covered faces, its rectangles, and where people probably are in it."""

    picture: Planar
    rectangles: tuple[Rectangle, ...]
    person: Float32[np.ndarray, "h w"]


class PeopleOnly:
    """The pictures of a copy without their background, and how that went.

    Attributes:
        lost: frames of the copy in which a face is covered and no person is found, once they are written.
    """

    def __init__(
        self,
        kept: KeptFrames,
        rectangles: Rectangles,
        settings: Settings,
        key: VoiceKey,
        named: str,
        find: Callable[[UInt8[np.ndarray, "H W 3"]], Float32[np.ndarray, "H W"]] = person_probability,
    ):
        """Reads nothing yet.

        Args:
            kept: the frames of the copy.
            rectangles: that cover faces, of every frame of the copy.
            settings: how faces are covered, and what takes the background's place.
            key: under which the noise of a soft backdrop is drawn.
            named: pseudonym of the recording, for which it is drawn.
            find: gives how probable a person is at each pixel of a picture of 256x256.
        """
        self._find = find
        self._kept, self._rectangles, self._settings = kept, rectangles, settings
        self._draws = key.generator("backdrop", named)
        self._backdrop: UInt8[np.ndarray, "R W"] | None = None
        self._whole = masks.whole(*kept.size)
        self._shares = list[float]()
        self.lost = list[int]()

    def pictures(self) -> Iterator[Planar]:
        """The pictures of the copy, in order.

        Raises:
            Refused: no person is found in too many of them.
            UserError: the film or the network cannot be read.
        """
        frames, threads = zip(self._kept.pictures(), self._rectangles, strict=True), self._kept.video.threads
        seen = _with_neighbours(parallel.ahead(self._see, frames, threads))
        for t, (picture, people, rectangles) in enumerate(parallel.ahead(self._people, seen, threads)):
            if rectangles and rectangles != self._whole and not people.any():
                self.lost.append(t)
            self._shares.append(float(people.mean()))
            yield self._replaced(picture, people | masks.region(rectangles, *picture.size))
        self._refuse_if_lost()

    def on_record(self) -> dict[str, Any]:
        """The manifest's `background`."""
        return {"without_person": len(self.lost), "kept_share": round(float(np.mean(self._shares)), 4)}

    def _see(self, frame: tuple[Picture, tuple[Rectangle, ...]]) -> _Seen:
        picture, rectangles = frame
        covered = masks.cover_planar(picture.planar(), rectangles, self._settings.mask)
        return _Seen(covered, rectangles, self._find(picture.rgb(SIDE, SIDE)))

    def _people(
        self, near: tuple[_Seen, _Seen, _Seen]
    ) -> tuple[Planar, Bool[np.ndarray, "H W"], tuple[Rectangle, ...]]:
        before, now, after = near
        sure = sure_of_person(before.person, now.person, after.person)
        return now.picture, person_pixels(sure, now.rectangles, *now.picture.size), now.rectangles

    def _replaced(self, picture: Planar, kept: Bool[np.ndarray, "H W"]) -> Planar:
        """The picture with the backdrop wherever it is not kept; a colour pixel is kept where all of its pixels are."""
        if self._backdrop is None:
            is_soft = self._settings.background == BLUR
            self._backdrop = soft_backdrop(picture, kept, self._draws) if is_soft else plain_backdrop(picture)
        planes = self._backdrop.copy()
        brightness, colours = layers(planes)
        lit, tints = layers(picture.planes)
        np.copyto(brightness, lit, where=kept)
        whole = kept[::2, ::2] & kept[1::2, ::2] & kept[::2, 1::2] & kept[1::2, 1::2]
        np.copyto(colours, tints, where=whole[None])
        return dataclasses.replace(picture, planes=planes)

    def _refuse_if_lost(self) -> None:
        """
        Raises:
            Refused: no person is found in too many of the frames with a covered face, or in any.
        """
        with_face = sum(bool(of) and of != self._whole for of in self._rectangles)
        accepted = self._settings.on_missing != "refuse" and len(self.lost) < with_face
        if len(self.lost) > MOST_LOST * with_face and not accepted:
            what, source = "the outline of no person is found", self._kept.video.path
            raise refusal_messages.unsure_frames(source, what, self.lost, self._kept.times, MENDS)


def _with_neighbours(seen: Iterator[_Seen]) -> Iterator[tuple[_Seen, _Seen, _Seen]]:
    """Each picture between the one before and the one after it; at an end itself stands for the one that lacks."""
    first = next(seen, None)
    if first is None:
        return
    before, now = first, first
    for after in itertools.chain(seen, (None,)):
        yield before, now, after or now
        if after is not None:
            before, now = now, after
