"""Writes people without what is around them: every picture of a copy, its faces covered, its background replaced.

What is not surely a person counts as background, and so does all of a picture in which nobody is found. Before a plain
backdrop, hands look like faces to detectors more often than in their room: pictures are searched once more, and what is
reported is covered.
"""

import dataclasses
import functools
import itertools
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
from jaxtyping import Bool, Float32, UInt8

from deemo_jax.core import parallel
from deemo_jax.deid.keys import VoiceKey
from deemo_jax.deid.manifest import Rectangle, Rectangles
from deemo_jax.deid.settings import BLUR, Settings
from deemo_jax.deid.video import leak_check, masks, refusal_messages
from deemo_jax.deid.video.background.backdrop import plain_backdrop, soft_backdrop
from deemo_jax.deid.video.background.person_network import SIDE, person_probability
from deemo_jax.deid.video.background.person_pixels import person_pixels, sure_of_person
from deemo_jax.deid.video.detection.face_finder import FaceFinder
from deemo_jax.deid.video.detection.turned_faces import UPRIGHT
from deemo_jax.deid.video.kept_frames import KeptFrames
from deemo_jax.media.picture import Picture, Planar, layers

# One frame in so many is searched, and the next shows what it shows; searches of a picture, at most.
EVERY, LOOKS = 2, 3
# Share of the frames with a covered face that may lack a person, before a clip is refused.
MOST_LOST = 0.2
MENDS = (
    "people far from the camera, or not upright, are not found: leave out --background, cut these times out, or run"
    " this file alone with --on_missing mask_frame, which has them all background"
)
MENDS_OF_ALL = (
    "nothing would be left of the picture; people far from the camera, or not upright, are not found: leave out"
    " --background, turn the film upright, or cut the picture down to where they are"
)


@dataclasses.dataclass(frozen=True, slots=True, eq=False)
class _Seen:
    """A picture of the copy with covered faces, its rectangles, and where people probably are in it."""

    picture: Planar
    rectangles: tuple[Rectangle, ...]
    person: Float32[np.ndarray, "h w"]


# A picture between the one before and the one after it.
_Near = tuple[_Seen, _Seen, _Seen]


class PeopleOnly:
    """The pictures of a copy without their background, and how that went.

    Attributes:
        rectangles: that cover faces and what looks like one, of every frame of the copy, once they are written.
        lost: frames of the copy in which a face is covered and no person is found, likewise.
    """

    def __init__(
        self,
        kept: KeptFrames,
        rectangles: Rectangles,
        settings: Settings,
        key: VoiceKey,
        named: str,
        finder: FaceFinder | None = None,
        find: Callable[[UInt8[np.ndarray, "H W 3"]], Float32[np.ndarray, "H W"]] = person_probability,
        turns: Sequence[int] = UPRIGHT,
    ):
        """Reads nothing yet.

        Args:
            kept: the frames of the copy.
            rectangles: that cover faces, of every frame of the copy.
            settings: how faces are covered, and what takes the background's place.
            key: under which the noise of a soft backdrop is drawn.
            named: pseudonym of the recording, for which it is drawn.
            finder: searches the pictures again; None where nothing may be covered beside the rectangles.
            find: gives how probable a person is at each pixel of a picture of 256x256.
            turns: quarter turns in which faces were looked for; a pixel is as probable as in the least of them, since
                walls are taken for people in a picture that stands on its head.
        """
        self._find, self._finder, self._turns = find, finder, turns
        self._kept, self._rectangles, self._settings = kept, rectangles, settings
        self._draws = key.generator("backdrop", named)
        self._backdrop: UInt8[np.ndarray, "R W"] | None = None
        self._whole = masks.whole(*kept.size)
        self._shares = list[float]()
        self._covered = list[tuple[Rectangle, ...]]()
        self.lost = list[int]()

    @property
    def rectangles(self) -> Rectangles:
        return tuple(self._covered)

    def pictures(self) -> Iterator[Planar]:
        """The pictures of the copy, in order.

        Raises:
            Refused: no person is found in too many of them.
            UserError: the film or the network cannot be read.
        """
        frames, threads = zip(self._kept.pictures(), self._rectangles, strict=True), self._kept.video.threads
        seen = _with_neighbours(parallel.ahead(self._see, frames, threads))
        alone = parallel.ahead(self._alone, enumerate(self._with_backdrop(seen)), threads)
        lately = tuple[Rectangle, ...]()
        for t, (picture, rectangles, more, share) in enumerate(alone):
            if rectangles and rectangles != self._whole and not share:
                self.lost.append(t)
            self._shares.append(share)
            now = more if t % EVERY == 0 else lately
            lately = more
            self._covered.append(tuple(dict.fromkeys((*rectangles, *now))))
            yield masks.cover_planar(picture, now, self._settings.mask) if now else picture
        self._refuse_if_lost()

    def on_record(self) -> dict[str, Any]:
        """The manifest's `background`."""
        return {"without_person": len(self.lost), "kept_share": round(float(np.mean(self._shares)), 4)}

    def _see(self, frame: tuple[Picture, tuple[Rectangle, ...]]) -> _Seen:
        picture, rectangles = frame
        covered = masks.cover_planar(picture.planar(), rectangles, self._settings.mask)
        return _Seen(covered, rectangles, self._person(picture.rgb(SIDE, SIDE)))

    def _person(self, image: UInt8[np.ndarray, "H W 3"]) -> Float32[np.ndarray, "H W"]:
        """How probable a person is at each pixel of a picture of 256x256, whichever way up it is."""
        looks = (np.rot90(self._find(np.ascontiguousarray(np.rot90(image, turn))), -turn) for turn in self._turns)
        return np.ascontiguousarray(functools.reduce(np.minimum, looks))

    def _with_backdrop(self, seen: Iterator[_Near]) -> Iterator[_Near]:
        """The same pictures; the backdrop is made of the first."""
        for near in seen:
            if self._backdrop is None:
                picture, kept = near[1].picture, self._kept_pixels(near)[1]
                is_soft = self._settings.background == BLUR
                self._backdrop = soft_backdrop(picture, kept, self._draws) if is_soft else plain_backdrop(picture)
            yield near

    def _alone(self, frame: tuple[int, _Near]) -> tuple[Planar, tuple[Rectangle, ...], tuple[Rectangle, ...], float]:
        """A picture without its background, its rectangles, those over what looks like a face, the share of people."""
        t, near = frame
        people, kept = self._kept_pixels(near)
        rectangles, picture = near[1].rectangles, self._replaced(near[1].picture, kept)
        more = self._reported(picture, rectangles) if self._finder and t % EVERY == 0 else ()
        return picture, rectangles, more, float(people.mean())

    def _kept_pixels(self, near: _Near) -> tuple[Bool[np.ndarray, "H W"], Bool[np.ndarray, "H W"]]:
        """The pixels of people, and these with what is covered."""
        before, now, after = near
        sure = sure_of_person(before.person, now.person, after.person)
        people = person_pixels(sure, now.rectangles, *now.picture.size)
        return people, people | masks.region(now.rectangles, *now.picture.size)

    def _replaced(self, picture: Planar, kept: Bool[np.ndarray, "H W"]) -> Planar:
        """The picture with the backdrop wherever it is not kept; a colour pixel is kept where all of its pixels are."""
        assert self._backdrop is not None
        planes = self._backdrop.copy()
        brightness, colours = layers(planes)
        lit, tints = layers(picture.planes)
        np.copyto(brightness, lit, where=kept)
        whole = kept[::2, ::2] & kept[1::2, ::2] & kept[::2, 1::2] & kept[1::2, 1::2]
        np.copyto(colours, tints, where=whole[None])
        return dataclasses.replace(picture, planes=planes)

    def _reported(self, picture: Planar, rectangles: tuple[Rectangle, ...]) -> tuple[Rectangle, ...]:
        """Rectangles over what the detector takes for a face beside those that cover it."""
        assert self._finder is not None
        found, settings = tuple[Rectangle, ...](), self._settings
        for _ in range(LOOKS):
            covered = masks.cover_planar(picture, found, settings.mask) if found else picture
            faces = self._finder.again(covered, settings.second_chance)
            beside = leak_check.outside(faces, masks.region((*rectangles, *found), *picture.size))
            if not len(beside):
                break
            found += masks.enlarge(beside[:, :4], 0.0, *picture.size)
        return found

    def _refuse_if_lost(self) -> None:
        """
        Raises:
            Refused: no person is found in too many of the frames with a covered face, or in any.
        """
        with_face = sum(bool(of) and of != self._whole for of in self._rectangles)
        accepted = self._settings.on_missing != "refuse" and len(self.lost) < with_face
        if len(self.lost) > MOST_LOST * with_face and not accepted:
            what, source = "the outline of no person is found", self._kept.video.path
            mends = MENDS if len(self.lost) < with_face else MENDS_OF_ALL
            raise refusal_messages.unsure_frames(source, what, self.lost, self._kept.times, mends)


def _with_neighbours(seen: Iterator[_Seen]) -> Iterator[_Near]:
    """Each picture between the one before and the one after it; at an end itself stands for the one that lacks."""
    first = next(seen, None)
    if first is None:
        return
    before, now = first, first
    for after in itertools.chain(seen, (None,)):
        yield before, now, after or now
        if after is not None:
            before, now = now, after
