"""MTCNN, a third face detector of the audit: a cascade that was trained apart from the other two.

Zhang et al. (2016), Section II. A first network proposes boxes at every place of an image pyramid, a second and a third
judge what is left, and each moves the boxes.
Axes: N faces, K faces kept, S side of a square, H height, W width.
"""

import math

import cv2
import numpy as np
from jaxtyping import Float32, Float64, UInt8

from deemo_jax.audit.face_detection.mtcnn_networks import OUTPUT, PROPOSE, REFINE, Network, answers, published_weights
from deemo_jax.core import packaged_files
from deemo_jax.media.picture import RgbPicture

# Lowest probabilities of a face: of the first network, of the second, and of the third.
PROPOSED, REFINED, THRESHOLD = 0.6, 0.7, 0.7
# Height of the smallest faces, pixels, and factor from one picture of the pyramid to the next: the root of a half.
SMALLEST, SHRINK = 16, math.sqrt(0.5)
# Pixels from one judgement of the first network to the next.
STRIDE = 2
# Greatest overlap (IoU) of two boxes: of one picture of the pyramid, between the networks, and of the faces told.
OF_ONE_SIZE, BETWEEN, NMS_IOU = 0.5, 0.7, 0.3
# Pictures that the second and the third network judge at a time.
BATCH = 128


def is_installed() -> bool:
    """Whether the weights are there."""
    return packaged_files.find(PROPOSE.file.place) is not None


class Mtcnn:
    """Searches a picture for faces from 16 pixels up.

    Args:
        threshold: lowest score of a detection, 0 to 1; the probability of the third network.

    Raises:
        UserError: facenet-pytorch's wheel, whose weights are read, is not installed or another one.
    """

    def __init__(self, threshold: float = THRESHOLD):
        self._threshold = threshold
        self._weights = {network: published_weights(network) for network in (PROPOSE, REFINE, OUTPUT)}

    def __call__(self, picture: RgbPicture) -> Float32[np.ndarray, "N 5"]:
        """The faces in a picture, best first: x0, y0, x1, y1, score; pixels of the picture, clipped to it."""
        image = picture.rgb()
        scales = pyramid(*image.shape[:2])
        found = np.concatenate([np.zeros((0, 5)), *(self._proposed(image, scale) for scale in scales)])
        found = _separate(found, BETWEEN)
        found = _separate(self._judged(REFINE, image, found, REFINED), BETWEEN)
        found = _separate(self._judged(OUTPUT, image, found, self._threshold), NMS_IOU)
        found[:, :4] = np.clip(found[:, :4], 0, np.tile(image.shape[1::-1], 2))
        return found.astype(np.float32)

    def _proposed(self, image: UInt8[np.ndarray, "H W 3"], scale: float) -> Float64[np.ndarray, "N 5"]:
        height, width = (math.ceil(scale * length) for length in image.shape[:2])
        faces, moves = answers(PROPOSE, self._weights[PROPOSE], _pixels([_resized(image, width, height)]))
        # Judged are squares of 12 pixels; the last of a row may reach a pixel beyond the picture.
        columns = math.ceil((width - PROPOSE.side) / STRIDE) + 1
        seen = np.flatnonzero(faces >= PROPOSED)
        corners = STRIDE * np.stack([seen % columns, seen // columns], axis=1)
        boxes = np.concatenate([corners, corners + PROPOSE.side], axis=1) / scale
        return _separate(_moved(boxes, moves[seen], faces[seen]), OF_ONE_SIZE)

    def _judged(
        self, network: Network, image: UInt8[np.ndarray, "H W 3"], found: Float64[np.ndarray, "N 5"], lowest: float
    ) -> Float64[np.ndarray, "K 5"]:
        """The boxes, made square, in which a network sees a face, as it moves them."""
        boxes = squares(found[:, :4])
        kept = [np.zeros((0, 5))]
        for start in range(0, len(boxes), BATCH):
            batch = boxes[start : start + BATCH]
            parts = [_resized(_cut(image, box), network.side, network.side) for box in batch]
            faces, moves = answers(network, self._weights[network], _pixels(parts))
            seen = faces >= lowest
            kept.append(_moved(batch[seen], moves[seen], faces[seen]))
        return np.concatenate(kept)


def pyramid(height: int, width: int) -> list[float]:
    """The scales at which the smallest faces, and larger ones, have the 12 pixels that the first network sees."""
    scales = [PROPOSE.side / SMALLEST]
    while scales[-1] * min(height, width) >= PROPOSE.side:
        scales.append(scales[-1] * SHRINK)
    return scales[:-1]


def squares(boxes: Float64[np.ndarray, "N 4"]) -> Float64[np.ndarray, "N 4"]:
    """Squares, in whole pixels, about the middles of boxes, as wide as the longer side of each."""
    middles = (boxes[:, :2] + boxes[:, 2:]) / 2
    sides = np.maximum(np.round((boxes[:, 2:] - boxes[:, :2]).max(axis=1, keepdims=True)), 1)
    corners = np.round(middles - sides / 2)
    return np.concatenate([corners, corners + sides], axis=1)


def _moved(
    boxes: Float64[np.ndarray, "N 4"], moves: Float32[np.ndarray, "N 4"], scores: Float32[np.ndarray, " N"]
) -> Float64[np.ndarray, "N 5"]:
    sizes = np.tile(boxes[:, 2:] - boxes[:, :2], 2)
    return np.concatenate([boxes + moves * sizes, scores[:, None]], axis=1)


def _separate(found: Float64[np.ndarray, "N 5"], overlap: float) -> Float64[np.ndarray, "K 5"]:
    """The best of boxes that overlap by more than so much, best first."""
    corners = np.concatenate([found[:, :2], found[:, 2:4] - found[:, :2]], axis=1)
    kept = cv2.dnn.NMSBoxes(corners.tolist(), found[:, 4].tolist(), 0.0, overlap)
    return found[np.asarray(kept, np.int64).reshape(-1)]


def _cut(image: UInt8[np.ndarray, "H W 3"], box: Float64[np.ndarray, "4"]) -> UInt8[np.ndarray, "S S 3"]:
    """A square of the picture, black beyond it."""
    height, width = image.shape[:2]
    x0, y0, x1, y1 = (int(x) for x in box)
    # A box that a network has moved out of the picture is all black.
    left, top = (min(max(at, 0), length) for at, length in ((x0, width), (y0, height)))
    right, bottom = (min(max(at, 0), length) for at, length in ((x1, width), (y1, height)))
    square = np.zeros((y1 - y0, x1 - x0, 3), np.uint8)
    square[top - y0 : bottom - y0, left - x0 : right - x0] = image[top:bottom, left:right]
    return square


def _resized(image: UInt8[np.ndarray, "H W 3"], width: int, height: int) -> UInt8[np.ndarray, "h w 3"]:
    way = cv2.INTER_AREA if width < image.shape[1] else cv2.INTER_LINEAR
    return cv2.resize(image, (width, height), interpolation=way)


def _pixels(parts: list[UInt8[np.ndarray, "H W 3"]]) -> Float32[np.ndarray, "N H W 3"]:
    """Pictures of one size, as the networks take them: from -1 to 1."""
    return ((np.stack(parts).astype(np.float32) - 127.5) / 128).astype(np.float32)
