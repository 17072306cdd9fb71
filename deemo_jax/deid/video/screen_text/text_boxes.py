"""The boxes of what looks like text in one picture.

Axes: N boxes, H and W of the picture, h and w of the network's input; a box is x0, y0, x1, y1 in pixels of the picture.
"""

import cv2
import numpy as np
from jaxtyping import Bool, Float32

from deemo_jax.deid.video.detection.boxes import Boxes
from deemo_jax.deid.video.leak_check import covered_share
from deemo_jax.deid.video.screen_text.letters_extent import trimmed
from deemo_jax.deid.video.screen_text.text_network import input_sizes, text_probability
from deemo_jax.media.picture import Picture, Planar

# Probability from which a pixel counts as text; and means of a connected region: the detector's own, from which it is
# text, and the one from which it may be, so that what is covered at first is not found by a second look at the encoded
# or covered picture.
PIXEL, SURE, MAYBE = 0.3, 0.5, 0.45
# Pixels of the network's input to the shorter side of a region, at least; letters of 2 % of the height have 4.
LEAST_CORE = 3
# The network marks the core of a line, about half as high as its letters with their ascenders and descenders: share of
# a core's shorter side that is added on each side, and then trimmed where nothing is drawn. Boxes of 112 captions in
# four typefaces and five scripts then hold 99 % of their ink but for hairlines and for what is not found at all; with
# 0.5 two more do not.
AROUND = 0.7
# Boxes that end within this share of their shorter side of an edge of the picture reach it: text that scrolls in. The
# reach is at most this share of the picture's shorter side, so that what is taken for huge letters does not fill it.
TO_THE_EDGE, FARTHEST = 1.0, 0.25
# Share of a core from which it is no text if it lies under covered pixels: the outlines of masks look like letters.
UNDER_MASKS = 0.5


def find_text(
    picture: Picture | Planar,
    size: tuple[int, int],
    least: float = MAYBE,
    hidden: Bool[np.ndarray, "H W"] | None = None,
) -> Boxes:
    """The boxes of text in a picture, found at several sizes of it.

    Args:
        picture: the picture.
        size: its width and height, pixels.
        least: mean probability of a region from which it counts, 0 to 1.
        hidden: the pixels of the picture that are covered; None for none.
    """
    sizes = input_sizes(*size)
    finest = picture.rgb(*sizes[0])
    found = [np.empty((0, 4))]
    for across, down in sizes:
        image = (
            finest if (across, down) == sizes[0] else cv2.resize(finest, (across, down), interpolation=cv2.INTER_AREA)
        )
        to_finest = np.tile(np.divide(sizes[0], (across, down)), 2)
        found.append(cores_of(text_probability(image), least) * to_finest)
    cores, to_picture = np.concatenate(found), np.tile(np.divide(size, sizes[0]), 2)
    if hidden is not None:
        cores = cores[[covered_share(core, hidden) < UNDER_MASKS for core in cores * to_picture]]
    boxes = trimmed(cores, grown(cores), finest)
    return _to_the_edges(boxes * to_picture, size)


def cores_of(likely: Float32[np.ndarray, "h w"], least: float) -> Boxes:
    """The boxes around the regions of an output of the network, in its own pixels."""
    count, labels, stats, _ = cv2.connectedComponentsWithStats((likely > PIXEL).astype(np.uint8))
    sums = np.bincount(labels.ravel(), likely.ravel(), count)
    x, y, width, height, area = stats.T.astype(np.float64)
    boxes = np.stack([x, y, x + width, y + height], axis=1)
    is_line = (sums / area >= least) & (np.minimum(width, height) >= LEAST_CORE)
    return boxes[1:][is_line[1:]]


def grown(cores: Boxes) -> Boxes:
    """The cores, enlarged by as much as letters may reach beyond them."""
    grow = AROUND * (cores[:, 2:] - cores[:, :2]).min(axis=1, keepdims=True) + 1
    return np.concatenate([cores[:, :2] - grow, cores[:, 2:] + grow], axis=1)


def _to_the_edges(boxes: Boxes, size: tuple[int, int]) -> Boxes:
    """The boxes within the picture, those near an edge up to it."""
    reach = np.minimum(TO_THE_EDGE * (boxes[:, 2:] - boxes[:, :2]).min(axis=1, keepdims=True), FARTHEST * min(size))
    near, far, limits = boxes[:, :2], boxes[:, 2:], np.array(size, np.float64)
    near = np.where(near < reach, 0.0, near)
    far = np.where(far > limits - reach, limits, far)
    return np.concatenate([np.clip(near, 0, limits), np.clip(far, 0, limits)], axis=1)
