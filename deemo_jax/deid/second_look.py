"""What will be written is looked at again: at other frames than before, where not every frame was looked at.

What still passes for a face beside the masks is covered too, until nothing does; only then is a file written. Encoding
moves scores a little: what comes near to passing is covered as well, so that nothing passes in the file.
"""

import bisect
import functools
from collections.abc import Iterator

from deemo_jax import parallel
from deemo_jax.deid import masks, residual
from deemo_jax.deid.close_look import doubtful
from deemo_jax.deid.faces import face_detector
from deemo_jax.deid.footage import Footage
from deemo_jax.deid.masks import Rectangle, Rectangles
from deemo_jax.deid.settings import Settings
from deemo_jax.deid.tracks import AROUND_S
from deemo_jax.media.picture import Picture

# Looks before a clip is given up. A mask's edges may themselves pass for a face, but seldom many times over.
LOOKS = 8
# Share of a report that must be covered: more than is asked of the file, since encoding moves boxes too.
INSIDE = 0.95


def cover_until_clean(
    footage: Footage, rectangles: Rectangles, looks: frozenset[int], settings: Settings
) -> tuple[Rectangles, tuple[int, ...]]:
    """Adds rectangles until a look at the covered pictures finds no face beside them.

    Args:
        footage: what will be copied.
        rectangles: of every frame of the copy, to begin with.
        looks: frames of the copy to look at.
        settings: detector and margin; under "mask_frame" what cannot be settled is covered whole.

    Returns:
        What is to be covered, and the frames in which a face is still seen.
    """
    asked = looks
    for look in range(1, LOOKS + 1):
        seen, passing = _beside(footage, rectangles, asked, settings)
        if not seen or look == LOOKS:
            break
        # What was looked at and clean is left as it is at first; a report that comes back is covered for longer.
        more = _around(seen, footage.times, looks if look == 1 else frozenset())
        wider = tuple(old + tuple(r for r in new if r not in old) for old, new in zip(rectangles, more, strict=True))
        asked = frozenset(t for t in looks if t in seen or wider[t] != rectangles[t])
        rectangles = wider
    if passing and settings.on_missing == "mask_frame":
        whole = masks.whole(*footage.size)
        return tuple(whole if t in passing else old for t, old in enumerate(rectangles)), ()
    return rectangles, tuple(sorted(passing))


def _beside(
    footage: Footage, rectangles: Rectangles, looks: frozenset[int], settings: Settings
) -> tuple[dict[int, tuple[Rectangle, ...]], set[int]]:
    """By frame of the copy, rectangles over what is seen beside those that it has; the frames where it is a face."""

    def worth_a_look() -> Iterator[tuple[int, Picture]]:
        last = max(looks, default=-1)
        for t, picture in enumerate(footage.pictures()):
            if t in looks:
                yield t, picture
            if t >= last:
                return

    look = functools.partial(_look, footage.size, rectangles, settings)
    found = list(parallel.ahead(look, worth_a_look(), footage.threads))
    return {t: boxes for t, boxes, _ in found if boxes}, {t for t, _, passes in found if passes}


def _look(
    size: tuple[int, int], rectangles: Rectangles, settings: Settings, frame: tuple[int, Picture]
) -> tuple[int, tuple[Rectangle, ...], bool]:
    """The frame, rectangles over what is seen beside its own, and whether any of it scores as a face."""
    t, picture = frame
    width, height = size
    covered = masks.cover_planar(picture.planar(), rectangles[t], settings.mask)
    detector = face_detector(width, height, settings.detection_scale(width, height))
    faces = detector(covered.rgb(*detector.input_size), settings.second_chance)
    beside = residual.outside(faces, masks.region(rectangles[t], width, height), INSIDE)
    # What is no face from near is covered all the same, but no more than it: hands are what is to be seen.
    nothing = doubtful(picture, beside, settings.second_chance, settings.sure)
    grown = masks.enlarge(beside[~nothing, :4], settings.margin, width, height)
    found = grown + masks.enlarge(beside[nothing, :4], 0.0, width, height)
    return t, found, bool((beside[:, 4] >= settings.threshold).any())


def _around(
    seen: dict[int, tuple[Rectangle, ...]], times: tuple[float, ...], clean: frozenset[int]
) -> list[tuple[Rectangle, ...]]:
    """What was seen, also for the frames shortly before and after, but for those of `clean` in which it was not."""
    found: list[tuple[Rectangle, ...]] = [()] * len(times)
    for frame, boxes in seen.items():
        first = bisect.bisect_left(times, times[frame] - AROUND_S - 1e-3)
        stop = bisect.bisect_right(times, times[frame] + AROUND_S + 1e-3)
        for t in range(first, stop):
            if t == frame or t not in clean:
                found[t] = (*found[t], *(box for box in boxes if box not in found[t]))
    return found
