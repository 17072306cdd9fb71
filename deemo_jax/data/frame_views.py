"""Which frames of a clip a training row shows, and which part of them, where a recipe draws them at random.

Axes: F frames, H height, W width.
"""

import dataclasses
import math

import cv2
import numpy as np
from jaxtyping import UInt8

from deemo_jax.core.recipe import FrameSampling
from deemo_jax.media.video import uniform_indices

# Of a crop: its share of the frame's area, and width over height (Video-LLaMA's training transform).
AREA = (0.5, 1.0)
RATIO = (3 / 4, 4 / 3)
# Draws of a crop that may lie outside of the frame, before the whole frame is taken.
TRIES = 10


@dataclasses.dataclass(frozen=True, slots=True)
class FrameViews:
    """How frames are drawn.

    Attributes:
        sampling: which frames.
        crop: whether one part of the picture, the same in all frames of a clip, is scaled to the whole.
    """

    sampling: FrameSampling = FrameSampling.UNIFORM
    crop: bool = False

    @property
    def random(self) -> bool:
        """Whether a clip has more than one view."""
        return self.crop or self.sampling is not FrameSampling.UNIFORM


def drawn_indices(length: int, count: int, sampling: FrameSampling, rng: np.random.Generator) -> list[int]:
    """Which of `length` frames are shown, `count` of them, in order of time.

    `head_tail`: half of them at random from the first half of the clip, the others from the second (Video-LLaMA, on
    WebVid). A half with too few frames shows all of them, and its last again. A clip of one frame is an image.

    Raises:
        ValueError: `length` is below 1.
    """
    if sampling is FrameSampling.UNIFORM or length < 2:
        return uniform_indices(length, count)
    middle, head = length // 2, count // 2
    first = _sorted_draw(0, middle, head, rng)
    return first + _sorted_draw(middle, length, count - head, rng)


def _sorted_draw(start: int, stop: int, count: int, rng: np.random.Generator) -> list[int]:
    there = stop - start
    chosen = np.sort(rng.choice(there, min(count, there), replace=False)).tolist()
    return [start + place for place in chosen + chosen[-1:] * (count - len(chosen))]


def drawn_box(size: int, rng: np.random.Generator) -> tuple[int, int, int, int]:
    """A part of a square picture of `size` pixels: top, left, height, width.

    Area and the logarithm of width over height are uniform; what does not fit is drawn again.
    """
    for _ in range(TRIES):
        area = size * size * rng.uniform(*AREA)
        ratio = math.exp(rng.uniform(math.log(RATIO[0]), math.log(RATIO[1])))
        width, height = round(math.sqrt(area * ratio)), round(math.sqrt(area / ratio))
        if 0 < width <= size and 0 < height <= size:
            return int(rng.integers(size - height + 1)), int(rng.integers(size - width + 1)), height, width
    return 0, 0, size, size


def cropped(frames: UInt8[np.ndarray, "F H H 3"], box: tuple[int, int, int, int]) -> UInt8[np.ndarray, "F H H 3"]:
    """A part of all frames, scaled to their size: bicubic, pixel centres kept, and cut off to whole numbers.

    Args:
        frames: square pictures.
        box: top, left, height, width.
    """
    (top, left, height, width), size = box, frames.shape[1]
    parts = frames[:, top : top + height, left : left + width].astype(np.float32)
    scaled = [cv2.resize(part, (size, size), interpolation=cv2.INTER_CUBIC) for part in parts]
    return np.clip(scaled, 0, 255).astype(np.uint8)
