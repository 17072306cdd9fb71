"""Which places are covered in every frame of a film, by the text that was found in some of them.

Text is covered from the frame searched before it was found to the one searched after it, and for half a second before
and after; what has moved from one searched frame to the next is covered on all of its way.
Axes: N, M boxes; a box is x0, y0, x1, y1 in pixels.
"""

import bisect
import itertools
from collections.abc import Iterator, Mapping, Sequence

import numpy as np
from jaxtyping import Bool, Float

from deemo_jax.deid.manifest import Rectangles
from deemo_jax.deid.video import masks
from deemo_jax.deid.video.detection.boxes import Boxes

# Seconds for which text is covered before it is first found and after it is last found.
AROUND_S = 0.5
# Share of the smaller one of two boxes above which one of them covers enough of the way to the other.
MEET = 0.3
# Share of the smaller extent by which two boxes must overlap across the direction in which text moves, and the ratio of
# these extents, at most: a line that scrolls keeps its height, a list that rolls its width.
SAME_LINE, ALIKE = 0.6, 1.6
# Longest way of a line along itself in a second, in picture widths; and of text in any direction from one search to
# the next, in its shorter sides; what is farther is other text.
MOST_SPEED, MOST_STEP = 1.5, 3.0


def rectangles_over_time(found: Mapping[int, Boxes], times: Sequence[float], size: tuple[int, int]) -> Rectangles:
    """The rectangles over text in every frame.

    Args:
        found: searched frame -> boxes of text in it; the frames ascend.
        times: of all frames, seconds.
        size: width and height of the pictures, pixels.
    """
    covered: list[list[Boxes]] = [[] for _ in times]
    looked = list(found)
    for place, (t, boxes) in enumerate(found.items()):
        if len(boxes):
            first = bisect.bisect_left(times, times[t] - AROUND_S - 1e-3)
            stop = bisect.bisect_right(times, times[t] + AROUND_S + 1e-3)
            first = min(first, looked[place - 1] if place else 0)
            stop = max(stop, looked[place + 1] + 1 if place + 1 < len(looked) else len(times))
            for among in covered[first:stop]:
                among.append(boxes)
    for before, after in itertools.pairwise(looked):
        ways = ways_between(found[before], found[after], times[after] - times[before], size[0])
        if len(ways):
            for among in covered[before : after + 1]:
                among.append(ways)
    return tuple(masks.enlarge(np.concatenate(among), 0.0, *size) if among else () for among in covered)


def ways_between(before: Boxes, after: Boxes, seconds: float, width: int) -> Boxes:
    """Boxes around the places where text was and where it is later, for text that may have moved from one to the other.

    Args:
        before: boxes in the earlier frame.
        after: boxes in the later frame.
        seconds: between the frames.
        width: of the picture, pixels.
    """
    if not len(before) or not len(after):
        return np.empty((0, 4))
    met = _overlaps(before, after)
    gone, come = before[~met.any(axis=1)], after[~met.any(axis=0)]
    return np.array(list(_hulls(gone, come, MOST_SPEED * seconds * width)), np.float64).reshape(-1, 4)


def _hulls(gone: Boxes, come: Boxes, farthest: float) -> Iterator[Float[np.ndarray, "4"]]:
    for one, other in itertools.product(gone, come):
        shared = np.minimum(one[2:], other[2:]) - np.maximum(one[:2], other[:2])
        sides = np.stack([one[2:] - one[:2], other[2:] - other[:2]])
        alike = sides.max(axis=0) <= ALIKE * sides.min(axis=0)
        on_one_line = bool((alike & (shared >= SAME_LINE * sides.min(axis=0))).any())
        way = np.abs((one[:2] + one[2:]) - (other[:2] + other[2:])) / 2
        is_near = alike.all() and np.hypot(*way) <= MOST_STEP * sides.min()
        if is_near or (on_one_line and np.hypot(*way) <= farthest):
            yield np.concatenate([np.minimum(one[:2], other[:2]), np.maximum(one[2:], other[2:])])


def _overlaps(before: Boxes, after: Boxes) -> Bool[np.ndarray, "N M"]:
    """Which pairs of boxes overlap so much that both together cover the way from one to the other."""
    near = np.maximum(before[:, None, :2], after[None, :, :2])
    far = np.minimum(before[:, None, 2:], after[None, :, 2:])
    shared = np.clip(far - near, 0, None).prod(axis=2)
    areas = [(boxes[:, 2:] - boxes[:, :2]).prod(axis=1) for boxes in (before, after)]
    return shared > MEET * np.maximum(np.minimum(areas[0][:, None], areas[1][None]), 1e-9)
