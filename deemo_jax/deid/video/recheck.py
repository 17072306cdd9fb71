"""What will be written is looked at again: at other frames than before, where not every frame was looked at.

What still passes for a face beside the masks is covered too, until nothing does; only then is a file written. Encoding
moves scores a little: what comes near to passing is covered as well, so that nothing passes in the file.
"""

import bisect
import dataclasses
import functools
from collections.abc import Iterator, Mapping, Sequence

import numpy as np
from jaxtyping import Float32

from deemo_jax.core import parallel
from deemo_jax.deid.manifest import Rectangle, Rectangles
from deemo_jax.deid.video import leak_check, masks
from deemo_jax.deid.video.detection.boxes import Boxes
from deemo_jax.deid.video.detection.close_up import faces_close_up, refuted
from deemo_jax.deid.video.detection.face_finder import FaceFinder
from deemo_jax.deid.video.kept_frames import KeptFrames
from deemo_jax.deid.video.small_faces import CONTEXT
from deemo_jax.deid.video.tracks import AROUND_S
from deemo_jax.media.picture import Picture, Planar

# Looks at a picture, and passes over the film, before a clip is given up. A mask's edges may themselves pass for a
# face, but seldom many times over.
LOOKS = 8
# Share of a report that must be covered: more than is asked of the file, since encoding moves boxes too.
INSIDE = 0.95
# Share of a report from which on it is of a mask, with something beside it.
MOSTLY = 0.5


@dataclasses.dataclass(frozen=True, slots=True)
class Recheck:
    """What is looked at again, and how.

    Attributes:
        finder: detector and margin; under "mask_frame" what cannot be settled is covered whole.
        looks: frames of the copy.
        small: by frame of the copy where small faces are; they are looked for from near.
        full_size: frames of the copy that are looked at in full size, too.
    """

    finder: FaceFinder
    looks: frozenset[int]
    small: Mapping[int, Boxes] = dataclasses.field(default_factory=dict)
    full_size: frozenset[int] = frozenset()

    def faces(self, t: int, picture: Planar, threshold: float) -> Float32[np.ndarray, "N 5"]:
        """What is seen in a frame of the copy."""
        found = [self.finder.whole(picture, threshold)]
        if t in self.full_size and not self.finder.sees_all(picture.size):
            found.append(self.finder.full_size(picture, threshold))
        if len(small := self.small.get(t, ())):
            image = picture.rgb(*picture.size)
            found += [faces_close_up(image, box, CONTEXT, threshold, self.finder.turns) for box in small]
        return np.concatenate(found)


def cover_until_clean(kept: KeptFrames, rectangles: Rectangles, recheck: Recheck) -> tuple[Rectangles, tuple[int, ...]]:
    """Adds rectangles until a look at the covered pictures finds no face beside them.

    Args:
        kept: what will be copied.
        rectangles: of every frame of the copy, to begin with.
        recheck: what to look at.

    Returns:
        What is to be covered, and the frames in which a face is still seen.
    """
    looks, asked, passing = recheck.looks, recheck.looks, frozenset[int]()
    for turn in range(LOOKS):
        seen, lost = _beside(kept, rectangles, asked, recheck)
        settled = _joined(rectangles, {t: (*first, *later) for t, (first, later) in seen.items()})
        # What was looked at and clean is left as it is at first; a report that comes back is covered for longer.
        at_first = {t: first for t, (first, _) in seen.items()}
        back = {t: later for t, (_, later) in seen.items()}
        wider = _joined(settled, _around(at_first, kept.times, frozenset() if turn else looks))
        rectangles = _joined(wider, _around(back, kept.times, frozenset()))
        passing |= lost
        asked = frozenset(t for t in looks - passing if rectangles[t] != settled[t])
        if not asked:
            break
    passing |= asked  # they were not looked at again
    if passing and recheck.finder.settings.on_missing == "mask_frame":
        whole = masks.whole(*kept.size)
        return tuple(whole if t in passing else old for t, old in enumerate(rectangles)), ()
    return rectangles, tuple(sorted(passing))


def faces_still_seen(
    kept: KeptFrames, rectangles: Rectangles, recheck: Recheck, not_faces: Sequence[Sequence[float]]
) -> tuple[int, ...]:
    """The frames in which what is surely a face is seen beside the masks that a person has corrected.

    Args:
        kept: what will be copied.
        rectangles: of every frame of the copy.
        recheck: what to look at.
        not_faces: boxes in which there is none.
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
    """The frames of the copy to look at, not covered yet."""
    last, kept.video.stage = max(looks, default=-1), "looking again"
    for t, picture in enumerate(kept.pictures()):
        if t in looks:
            yield t, picture
        if t >= last:
            return


# Rectangles over what a first look saw beside those that a frame has, and over what later looks saw beside these.
_Seen = tuple[tuple[Rectangle, ...], tuple[Rectangle, ...]]


def _beside(
    kept: KeptFrames, rectangles: Rectangles, looks: frozenset[int], recheck: Recheck
) -> tuple[dict[int, _Seen], frozenset[int]]:
    """What is seen, by frame of the copy; and the frames in which a face is seen in the end."""
    look = functools.partial(_look, recheck, rectangles)
    found = list(parallel.ahead(look, _pictures(kept, looks), kept.video.threads))
    return {t: seen for t, seen, _ in found if seen[0]}, frozenset(t for t, _, passes in found if passes)


def _look(recheck: Recheck, rectangles: Rectangles, frame: tuple[int, Picture]) -> tuple[int, _Seen, bool]:
    """Looks at one picture, covering what is seen, until nothing is; whether a face still is after `LOOKS` of them."""
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
    """Rectangles over what passes for a face beside those that cover a picture, and whether any of it scores as one."""
    (t, picture), (width, height), settings = frame, planar.size, recheck.finder.settings
    faces = recheck.faces(t, masks.cover_planar(planar, covering, settings.mask), settings.second_chance)
    hidden = masks.region(covering, width, height)
    beside = leak_check.outside(faces, hidden, INSIDE)
    # What is no face from near is covered all the same, but no more than it: hands are what is to be seen. So is what
    # lies within masks for the most part and is not surely a face: it is the mask that looks like one.
    exact = refuted(picture, beside, settings.second_chance, settings.sure, recheck.finder.turns)
    within = np.array([leak_check.covered_share(face[:4], hidden) for face in beside])
    exact |= (within >= MOSTLY) & (beside[:, 4] < settings.sure)
    grown = masks.enlarge(beside[~exact, :4], settings.margin, width, height)
    found = grown + masks.enlarge(beside[exact, :4], 0.0, width, height)
    return found, bool((beside[:, 4] >= settings.threshold).any())


def _joined(rectangles: Rectangles, more: Mapping[int, tuple[Rectangle, ...]]) -> Rectangles:
    """Both, without what lies in one of those that were there."""
    return tuple(
        old + tuple(r for r in dict.fromkeys(more.get(t, ())) if not any(_lies_in(r, o) for o in old))
        for t, old in enumerate(rectangles)
    )


def _lies_in(inner: Rectangle, outer: Rectangle) -> bool:
    return outer[0] <= inner[0] and outer[1] <= inner[1] and outer[2] >= inner[2] and outer[3] >= inner[3]


def _around(
    seen: Mapping[int, tuple[Rectangle, ...]], times: tuple[float, ...], clean: frozenset[int]
) -> dict[int, tuple[Rectangle, ...]]:
    """What was seen, for the frames shortly before and after, but for those of `clean`."""
    found: dict[int, tuple[Rectangle, ...]] = {}
    for frame, boxes in seen.items():
        first = bisect.bisect_left(times, times[frame] - AROUND_S - 1e-3)
        stop = bisect.bisect_right(times, times[frame] + AROUND_S + 1e-3)
        for t in range(first, stop):
            if t not in clean:
                found[t] = (*found.get(t, ()), *boxes)
    return found
