"""Searches the covered pictures for faces before they are written, mostly in frames that were not searched before.

What the detector reports beside the masks is covered too, until it reports nothing there. Encoding changes scores a
little, so detections that score somewhat below the threshold are covered as well.
"""

import bisect
import dataclasses
import functools
import itertools
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence

import numpy as np
from jaxtyping import Float32, UInt8

from deemo_jax.core import parallel
from deemo_jax.deid.manifest import Rectangle, Rectangles
from deemo_jax.deid.video import leak_check, masks
from deemo_jax.deid.video.changes import shows_something_new
from deemo_jax.deid.video.detection.boxes import Boxes
from deemo_jax.deid.video.detection.centerface import input_size
from deemo_jax.deid.video.detection.close_up import faces_close_up, refuted
from deemo_jax.deid.video.detection.detections import Faces
from deemo_jax.deid.video.detection.face_finder import FaceFinder
from deemo_jax.deid.video.kept_frames import KeptFrames
from deemo_jax.deid.video.small_faces import CONTEXT
from deemo_jax.deid.video.tracks import AROUND_S
from deemo_jax.media.picture import Picture, Planar

# Searches of a picture, and passes over the film, before a clip is refused. The edges of a new mask may look like a
# face, but seldom several times in a row.
LOOKS = 8
# Seconds between two frames that are searched again, at most.
AGAIN_EVERY_S = 0.5
# Share of a detection that must be covered: more than the 0.8 of `leak_check`, since encoding moves boxes.
INSIDE = 0.95
# A detection that is covered by this share or more, and not surely a face, is taken for the mask itself.
MOSTLY = 0.5


@dataclasses.dataclass(frozen=True, slots=True)
class Recheck:
    """What is searched again, and how.

    Attributes:
        finder: the detector and its settings.
        looks: frames of the copy that are searched whatever they show.
        small: frame of the copy -> boxes of small faces, around which close-ups are searched, too.
        full_size: frames of the copy that are searched at full size, too.
        known: frame of the copy -> detections of the first pass, where that searched the frame. If there are any, the
            frames that show something new beside their masks since then are searched, too, one in `AGAIN_EVERY_S`, and
            the last.
    """

    finder: FaceFinder
    looks: frozenset[int]
    small: Mapping[int, Boxes] = dataclasses.field(default_factory=dict)
    full_size: frozenset[int] = frozenset()
    known: Mapping[int, Faces] = dataclasses.field(default_factory=dict)

    def faces(self, t: int, picture: Planar, threshold: float) -> Float32[np.ndarray, "N 5"]:
        """The detections in the covered picture of frame `t` of the copy that score at least `threshold`."""
        found = [self.finder.again(picture, threshold)]
        if t in self.full_size and not self.finder.sees_all(picture.size):
            found.append(self.finder.full_size(picture, threshold))
        if len(small := self.small.get(t, ())):
            image = picture.rgb(*picture.size)
            found += [faces_close_up(image, box, CONTEXT, threshold, self.finder.turns) for box in small]
        return np.concatenate(found)


def cover_until_clean(kept: KeptFrames, rectangles: Rectangles, recheck: Recheck) -> tuple[Rectangles, tuple[int, ...]]:
    """Adds rectangles until the detector reports no face beside them.

    Args:
        kept: the frames of the copy.
        rectangles: of every frame of the copy, before.
        recheck: what is searched, and how.

    Returns:
        The rectangles of every frame, after; and the frames in which a face is still seen. With "mask_frame" those
            frames are covered whole instead.
    """
    looks, asked, passing = frozenset[int](), recheck.looks, frozenset[int]()
    for turn in range(LOOKS):
        pictures = _pictures(kept, asked) if turn else _worth_a_look(kept, rectangles, recheck)
        looked, seen, lost = _beside(kept, rectangles, pictures, recheck)
        looks |= looked
        settled = _joined(rectangles, {t: (*first, *later) for t, (first, later) in seen.items()})
        # In the first turn, frames that were searched without a find are left as they are; in later turns, and around
        # detections that come back once covered, the frames nearby are covered, too.
        at_first = {t: first for t, (first, _) in seen.items()}
        back = {t: later for t, (_, later) in seen.items()}
        wider = _joined(settled, _around(at_first, kept.times, frozenset() if turn else looks))
        rectangles = _joined(wider, _around(back, kept.times, frozenset()))
        passing |= lost
        asked = frozenset(t for t in looks - passing if rectangles[t] != settled[t])
        asked |= _up_to_clean(frozenset(seen), looks, len(kept.times))
        if not asked:
            break
    passing |= asked  # their last rectangles were not searched again
    if passing and recheck.finder.settings.on_missing == "mask_frame":
        whole = masks.whole(*kept.size)
        return tuple(whole if t in passing else old for t, old in enumerate(rectangles)), ()
    return rectangles, tuple(sorted(passing))


def faces_still_seen(
    kept: KeptFrames, rectangles: Rectangles, recheck: Recheck, not_faces: Sequence[Sequence[float]]
) -> tuple[int, ...]:
    """The frames of the copy that surely show a face beside masks that a person has corrected.

    Args:
        kept: the frames of the copy.
        rectangles: of every frame of the copy.
        recheck: what is searched, and how.
        not_faces: boxes in which, by that person, there is no face.
    """
    (width, height), settings = kept.size, recheck.finder.settings
    spared = masks.enlarge(np.array(not_faces, np.float64).reshape(-1, 4), 0.0, width, height)

    def look(frame: tuple[int, Picture]) -> tuple[int, bool]:
        t, picture = frame
        covered = masks.cover_planar(picture.planar(), rectangles[t], settings.mask)
        faces = recheck.faces(t, covered, settings.sure)
        return t, bool(len(leak_check.outside(faces, masks.region((*rectangles[t], *spared), width, height))))

    found = parallel.ahead(look, _pictures(kept, recheck.looks), kept.video.threads)
    return tuple(t for t, passes in found if passes)


def _pictures(kept: KeptFrames, looks: frozenset[int]) -> Iterator[tuple[int, Picture]]:
    """Number and picture of the frames that are searched, before they are covered."""
    last, kept.video.stage = max(looks, default=-1), "looking again"
    for t, picture in enumerate(kept.pictures()):
        if t in looks:
            yield t, picture
        if t >= last:
            return


def _worth_a_look(kept: KeptFrames, rectangles: Rectangles, recheck: Recheck) -> Iterator[tuple[int, Picture]]:
    """The frames of the copy to search in the first turn, not covered yet."""
    if not recheck.known:
        yield from _pictures(kept, recheck.looks)
        return
    size, again_s = kept.size, -math.inf
    seen_as = input_size(*size, recheck.finder.settings.detection_scale(*size))
    before: UInt8[np.ndarray, "h w"] | None = None
    faces: Faces = np.empty((0, 6))
    for t, picture in _pictures(kept, frozenset(range(len(kept.times)))):
        now = picture.grey(*seen_as)
        if t in recheck.known:
            before, faces, is_new = now, recheck.known[t], False
        else:
            beside = leak_check.outside(faces[:, :5], masks.region(rectangles[t], *size), INSIDE)
            is_new = (
                before is None
                or t in recheck.small  # close-ups alone show small faces
                or len(beside) > 0
                or shows_something_new(before, now, size, rectangles[t])
            )
        is_due = picture.time_s + picture.lasts_s - again_s > AGAIN_EVERY_S + 1e-3
        if is_new or is_due or t in recheck.looks or t == len(kept.times) - 1:
            again_s = picture.time_s
            yield t, picture


# Rectangles over what a first search of a frame found beside its masks, and over what further searches found then.
_Seen = tuple[tuple[Rectangle, ...], tuple[Rectangle, ...]]


def _beside(
    kept: KeptFrames, rectangles: Rectangles, pictures: Iterable[tuple[int, Picture]], recheck: Recheck
) -> tuple[frozenset[int], dict[int, _Seen], frozenset[int]]:
    """Searches frames of the copy.

    Returns:
        The frames; frame -> rectangles over what is found, where something is; and the frames in which a face is found
        to the end.
    """
    look = functools.partial(_look, recheck, rectangles)
    found = list(parallel.ahead(look, pictures, kept.video.threads))
    looked = frozenset(t for t, _, _ in found)
    return looked, {t: seen for t, seen, _ in found if seen[0]}, frozenset(t for t, _, passes in found if passes)


def _look(recheck: Recheck, rectangles: Rectangles, frame: tuple[int, Picture]) -> tuple[int, _Seen, bool]:
    """Searches one picture and covers what is found, until nothing is.

    Returns:
        The frame, the rectangles, and whether a face is still found after `LOOKS` searches.
    """
    t, picture = frame
    planar = picture.planar()
    first, passes = _reports(recheck, frame, planar, rectangles[t])
    new, later = first, tuple[Rectangle, ...]()
    for _ in range(LOOKS - 1):
        if not new:
            break
        new, passes = _reports(recheck, frame, planar, (*rectangles[t], *first, *later))
        later = (*later, *new)
    return t, (first, later), passes


def _reports(
    recheck: Recheck, frame: tuple[int, Picture], planar: Planar, covering: tuple[Rectangle, ...]
) -> tuple[tuple[Rectangle, ...], bool]:
    """One search of a picture.

    Returns:
        Rectangles over the detections beside those that cover it; and whether one of them scores as a face.
    """
    (t, picture), (width, height), settings = frame, planar.size, recheck.finder.settings
    faces = recheck.faces(t, masks.cover_planar(planar, covering, settings.mask), settings.second_chance)
    hidden = masks.region(covering, width, height)
    beside = leak_check.outside(faces, hidden, INSIDE)
    # Detections that a close-up denies, and those that are mostly mask, are covered without a margin: body language,
    # such as hands, is to stay visible.
    exact = refuted(picture, beside, settings.second_chance, settings.sure, recheck.finder.turns)
    within = np.array([leak_check.covered_share(face[:4], hidden) for face in beside])
    exact |= (within >= MOSTLY) & (beside[:, 4] < settings.sure)
    grown = masks.enlarge(beside[~exact, :4], settings.margin, width, height)
    found = grown + masks.enlarge(beside[exact, :4], 0.0, width, height)
    return found, bool((beside[:, 4] >= settings.threshold).any())


def _joined(rectangles: Rectangles, more: Mapping[int, tuple[Rectangle, ...]]) -> Rectangles:
    """The rectangles of each frame with more of them, except those that lie within one that is there."""
    return tuple(
        old + tuple(r for r in dict.fromkeys(more.get(t, ())) if not any(_lies_in(r, o) for o in old))
        for t, old in enumerate(rectangles)
    )


def _lies_in(inner: Rectangle, outer: Rectangle) -> bool:
    return outer[0] <= inner[0] and outer[1] <= inner[1] and outer[2] >= inner[2] and outer[3] >= inner[3]


def _up_to_clean(seen: frozenset[int], looks: frozenset[int], count: int) -> frozenset[int]:
    """The frames, of `count`, between one in which something was seen and the searched ones before and after it."""
    searched, asked = [-1, *sorted(looks), count], frozenset[int]()
    for before, after in itertools.pairwise(searched):
        if before in seen or after in seen:
            asked |= frozenset(range(before + 1, after))
    return asked


def _around(
    seen: Mapping[int, tuple[Rectangle, ...]], times: tuple[float, ...], clean: frozenset[int]
) -> dict[int, tuple[Rectangle, ...]]:
    """Frame -> what was found in frames up to `AROUND_S` before or after it; frames in `clean` are left out."""
    found: dict[int, tuple[Rectangle, ...]] = {}
    for frame, boxes in seen.items():
        first = bisect.bisect_left(times, times[frame] - AROUND_S - 1e-3)
        stop = bisect.bisect_right(times, times[frame] + AROUND_S + 1e-3)
        for t in range(first, stop):
            if t not in clean:
                found[t] = (*found.get(t, ()), *boxes)
    return found
