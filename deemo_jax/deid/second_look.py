"""What was written is looked at again: at other frames than before, where not every frame was looked at.

What still passes for a face beside the masks is covered too, and written again, until nothing does.
"""

import dataclasses
from collections.abc import Callable
from pathlib import Path

import numpy as np
from jaxtyping import Float32

from deemo_jax.deid import masks, residual
from deemo_jax.deid.faces import face_detector
from deemo_jax.deid.masks import Rectangles
from deemo_jax.deid.settings import Settings
from deemo_jax.deid.tracks import AROUND_S, Boxes
from deemo_jax.errors import UserError
from deemo_jax.media.video import read_pictures

# Times that a clip is written and looked at again before it is given up. A mask's edges may themselves pass for a face,
# but seldom twice.
LOOKS = 4
Seen = Float32[np.ndarray, "N 5"]
TIME_TOLERANCE_S = 0.002


@dataclasses.dataclass(frozen=True, slots=True)
class Copy:
    """A copy in the making.

    Attributes:
        video: where it is written.
        source: what it is a copy of.
        times: of the frames that it must have, clip seconds.
        size: of its picture.
        threads: for the decoder.
    """

    video: Path
    source: Path
    times: tuple[float, ...]
    size: tuple[int, int]
    threads: int = 1


def write_until_clean(
    write: Callable[[Rectangles], None],
    copy: Copy,
    rectangles: Rectangles,
    looks: frozenset[int],
    settings: Settings,
) -> tuple[Rectangles, tuple[int, ...]]:
    """Writes the video until a second look finds no face beside its masks.

    Args:
        write: writes the copy with these rectangles.
        copy: what is written and looked at.
        rectangles: of every frame, to begin with.
        looks: frames to look at.
        settings: detector and margin; under "mask_frame" what cannot be settled is covered whole.

    Returns:
        What is covered, and the frames in which a face is still seen.

    Raises:
        UserError: the copy has other frames than it must have.
    """
    for look in range(1, LOOKS + 2):
        write(rectangles)
        seen = look_again(copy, rectangles, looks, settings)
        if not seen:
            return rectangles, ()
        if look > LOOKS:
            break
        if look < LOOKS:
            # What was looked at and clean is left as it is at first; a report that comes back is covered for longer.
            rectangles = tuple(
                old + tuple(r for r in masks.enlarge(boxes, settings.margin, *copy.size) if r not in old)
                for old, boxes in zip(
                    rectangles, _around(seen, copy.times, looks if look == 1 else frozenset()), strict=True
                )
            )
        elif settings.on_missing != "mask_frame":
            return rectangles, tuple(sorted(seen))
        else:
            rectangles = tuple(masks.whole(*copy.size) if t in seen else old for t, old in enumerate(rectangles))
    return rectangles, tuple(sorted(seen))


def look_again(copy: Copy, rectangles: Rectangles, looks: frozenset[int], settings: Settings) -> dict[int, Seen]:
    """Faces beside the masks, by frame; the copy must have the frames that it should."""
    detector = face_detector(*copy.size, settings.detection_scale(*copy.size))
    seen, times = {}, []
    for picture in read_pictures(copy.video, threads=copy.threads):
        times.append(picture.time_s)
        if picture.index in looks and picture.index < len(rectangles):
            faces = detector(picture.rgb(*detector.input_size), settings.threshold)
            beside = residual.outside(faces, masks.region(rectangles[picture.index], *copy.size))
            if len(beside):
                seen[picture.index] = beside
    if len(times) != len(copy.times) or not np.allclose(times, copy.times, rtol=0, atol=TIME_TOLERANCE_S):
        raise UserError(
            f"{copy.source}: the copy has other frame times ({len(times)} frames of {len(copy.times)}); nothing is kept"
        )
    return seen


def _around(seen: dict[int, Seen], times: tuple[float, ...], clean: frozenset[int]) -> list[Boxes]:
    """What was seen, also for the frames shortly before and after, but for those of `clean` in which it was not."""
    found: list[list[Boxes]] = [[np.zeros((0, 4))] for _ in times]
    for frame, faces in seen.items():
        for t in range(len(times)):
            if t == frame or (t not in clean and abs(times[t] - times[frame]) <= AROUND_S + 1e-3):
                found[t].append(faces[:, :4].astype(np.float64))
    return [np.concatenate(boxes) for boxes in found]
