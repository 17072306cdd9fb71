"""Decides what is covered in each frame of a copy so that no text is left in it, or refuses a film that shows text.

Text is searched for twice a second, in the first and last frame, and where fine contrast comes up; then, in the covered
pictures, halfway between these frames, in frames with text that have none halfway, such as that of a still, and again
near what is found, until nothing is.
Axes: H height, W width.
"""

import dataclasses
import functools
import itertools
import math
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import numpy as np
from jaxtyping import Bool, UInt8

from deemo_jax.core import parallel
from deemo_jax.deid.manifest import Rectangles
from deemo_jax.deid.settings import IGNORE, REFUSE, Settings
from deemo_jax.deid.video import leak_check, masks
from deemo_jax.deid.video.detection.boxes import Boxes
from deemo_jax.deid.video.kept_frames import KeptFrames
from deemo_jax.deid.video.refusal_messages import unsure_frames
from deemo_jax.deid.video.screen_text.new_contrast import contrast, shows_new_contrast, thumbnail_size
from deemo_jax.deid.video.screen_text.text_boxes import MAYBE, SURE, find_text
from deemo_jax.deid.video.screen_text.text_over_time import rectangles_over_time
from deemo_jax.media.picture import Picture

# Seconds between two searched frames before the covered pictures are searched: at most, and where contrast comes up in
# every frame.
LOOK_EVERY_S, SOON_S = 0.5, 0.1
# Passes over the covered pictures before a clip is refused.
LOOKS = 6
# Share of a box of text that must be covered.
INSIDE = 0.8
MENDS = "cut it out, choose --text_in_picture cover, or ignore if the text may stay"
STILL_MENDS = "cut it out, run this file alone with --on_missing mask_frame, or choose --text_in_picture ignore"


@dataclasses.dataclass(frozen=True, slots=True)
class TextCovering:
    """What is covered because of text, and how that was found.

    Attributes:
        rectangles: of every frame of the copy; none where text is ignored.
        looked: how many frames were searched.
        found: how many boxes of text were found beside the other masks.
        seen_again: frames that were covered further after the covered pictures were searched.
    """

    rectangles: Rectangles
    looked: int = 0
    found: int = 0
    seen_again: int = 0

    def on_record(self, settings: Settings) -> dict[str, Any]:
        """The manifest's `text`."""
        if settings.text_in_picture == IGNORE:
            return {}
        frames = sum(bool(covering) for covering in self.rectangles)
        return {"looked": self.looked, "found": self.found, "frames": frames, "seen_again": self.seen_again}


def cover_text(kept: KeptFrames, hidden: Rectangles, settings: Settings) -> TextCovering:
    """Finds the text that the masks of faces do not cover.

    Args:
        kept: the frames of the copy.
        hidden: rectangles that are covered already, of every frame of the copy.
        settings: what is done about text.

    Returns:
        What is covered. With `on_missing` "mask_frame", frames in which text is found to the end are covered whole.

    Raises:
        Refused: text was found and is to be refused, or is found to the end.
        UserError: the text detector is not installed.
    """
    if settings.text_in_picture == IGNORE:
        return TextCovering(tuple(() for _ in kept.times))
    kept.video.stage = "looking for text"
    found = dict(_searched(kept, _worth_a_look(kept), hidden, settings.mask, MAYBE))
    first = rectangles_over_time(found, kept.times, kept.size)
    rectangles, exposed = first, frozenset[int]()
    asked = _halfway(found, len(kept.times)) | _hemmed_in(found, len(kept.times))
    for _ in range(LOOKS):
        together = tuple((*faces, *text) for faces, text in zip(hidden, rectangles, strict=True))
        news = dict(_searched(kept, _pictures(kept, asked), together, settings.mask, SURE))
        exposed = frozenset(t for t, boxes in news.items() if len(boxes))
        merged = {t: np.concatenate([found.get(t, boxes[:0]), boxes]) for t, boxes in news.items()}
        found = dict(sorted((found | merged).items()))
        if not exposed or settings.text_in_picture == REFUSE:
            break
        rectangles = rectangles_over_time(found, kept.times, kept.size)
        asked = exposed | frozenset(t for t in _halfway(found, len(kept.times)) if _is_beside(t, exposed, found))
    shown = [t for t, boxes in found.items() if len(boxes)]
    if settings.text_in_picture == REFUSE and shown:
        raise unsure_frames(kept.video.path, "text is seen in the picture", shown, kept.times, MENDS)
    if exposed and settings.on_missing != "mask_frame":
        what = "text is still seen beside the masks"
        raise unsure_frames(kept.video.path, what, sorted(exposed), kept.times, STILL_MENDS)
    whole = masks.whole(*kept.size)
    rectangles = tuple(whole if t in exposed else covering for t, covering in enumerate(rectangles))
    again = sum(now != before for now, before in zip(rectangles, first, strict=True))
    return TextCovering(rectangles, len(found), sum(map(len, found.values())), again)


def _worth_a_look(kept: KeptFrames) -> Iterator[tuple[int, Picture]]:
    """The frames of the copy to search first."""
    before: UInt8[np.ndarray, "h w"] | None = None
    last, looked_s, size = len(kept.times) - 1, -math.inf, thumbnail_size(*kept.shown)
    for t, picture in enumerate(kept.pictures()):
        now = contrast(picture.grey(*size))
        since_s = picture.time_s + picture.lasts_s - looked_s
        is_due = since_s > LOOK_EVERY_S + 1e-3 or t == last
        if before is None or is_due or (since_s > SOON_S + 1e-3 and shows_new_contrast(before, now)):
            before, looked_s = now, picture.time_s
            yield t, picture


def _pictures(kept: KeptFrames, asked: frozenset[int]) -> Iterator[tuple[int, Picture]]:
    if asked:
        yield from (pair for pair in enumerate(kept.pictures()) if pair[0] in asked)


def _searched(
    kept: KeptFrames, pictures: Iterable[tuple[int, Picture]], covering: Rectangles, mask: str, least: float
) -> Iterator[tuple[int, Boxes]]:
    """Frame -> the text in its covered picture that does not lie within covered pixels."""
    look = functools.partial(_look, kept.size, covering, mask, least)
    yield from parallel.ahead(look, pictures, kept.video.threads)


def _look(
    size: tuple[int, int], covering: Rectangles, mask: str, least: float, frame: tuple[int, Picture]
) -> tuple[int, Boxes]:
    t, picture = frame
    covered, hidden = masks.cover_planar(picture.planar(), covering[t], mask), masks.region(covering[t], *size)
    return t, text_beside(find_text(covered, size, least, hidden), hidden)


def text_beside(boxes: Boxes, hidden: Bool[np.ndarray, "H W"]) -> Boxes:
    """The boxes of which too little lies within hidden pixels."""
    return boxes[[leak_check.covered_share(box, hidden) < INSIDE for box in boxes]]


def _halfway(found: Mapping[int, Boxes], count: int) -> frozenset[int]:
    """The frames, of `count`, in the middle between two searched ones."""
    looked = [*found, count]
    return frozenset((a + b) // 2 for a, b in itertools.pairwise(looked) if b - a > 1)


def _hemmed_in(found: Mapping[int, Boxes], count: int) -> frozenset[int]:
    """The frames with text, of `count`, that have no frame left to search on either side, such as that of a still."""
    gaps = itertools.pairwise(b - a > 1 for a, b in itertools.pairwise([-1, *found, count]))
    return frozenset(t for t, sides in zip(found, gaps, strict=True) if len(found[t]) and not any(sides))


def _is_beside(t: int, exposed: frozenset[int], found: Mapping[int, Boxes]) -> bool:
    """Whether the searched frame before or after `t` is an exposed one."""
    before = max((s for s in found if s < t), default=t)
    after = min((s for s in found if s > t), default=t)
    return before in exposed or after in exposed
