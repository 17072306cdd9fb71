"""CenterFace, the face detector.

Xu et al., "CenterFace: Joint Face Detection and Alignment Using Face as Point" (2019). Axes: N faces, H and W pixels,
h and w cells of the stride-4 output grid. A face is a row x0, y0, x1, y1, score; coordinates are pixels of the given
picture.
"""

import math

import cv2
import numpy as np
from jaxtyping import Float32, UInt8

from deemo_jax.deid.video.detection.boxes import SAME_FACE_IOU
from deemo_jax.deid.video.detection.face_network import network

# Pixels of the network's input in a cell of its output, to a side.
STRIDE = 4
# Sides of the input are multiples of SIDE_STEP pixels; one may be smaller than asked for by the share SMALLER.
SIDE_STEP, SMALLER = 32, 0.02
# Names of the outputs: heat map, log sizes, centre offsets. The landmarks ("540") are not used.
INPUT, OUTPUTS = "input.1", ("537", "538", "539")


def input_size(width: int, height: int, scale: float) -> tuple[int, int]:
    """Width and height, pixels, of the network's input for a picture of this size that is scaled by `scale`."""
    steps = (max(1, math.ceil((1 - SMALLER) * side * scale / SIDE_STEP)) for side in (width, height))
    across, down = (SIDE_STEP * count for count in steps)
    return across, down


class FaceDetector:
    """CenterFace for pictures of one size.

    Attributes:
        input_size: width and height of the network's input, pixels, multiples of 32.
    """

    def __init__(self, width: int, height: int, scale: float = 1.0):
        """
        Args:
            width: of the pictures, pixels.
            height: of the pictures, pixels.
            scale: by which pictures are scaled for the network.
        """
        self._size = (width, height)
        self.input_size = input_size(width, height, scale)

    def __call__(self, image: UInt8[np.ndarray, "H W 3"], threshold: float) -> Float32[np.ndarray, "N 5"]:
        """Faces that score at least `threshold`, best first, in pixels of the whole picture and clipped to it.

        Args:
            image: RGB, of the pictures' size or scaled to `input_size`.
            threshold: lowest score, 0 to 1.

        Raises:
            ValueError: the image has another size.
        """
        if image.shape[1::-1] not in (self._size, self.input_size):
            raise ValueError(f"a picture of {image.shape[1::-1]}, made for {self._size} or {self.input_size}")
        if image.shape[1::-1] != self.input_size:
            image = cv2.resize(image, self.input_size)
        planes = np.array(cv2.split(image), np.float32)
        heat, size, offset = network().run(OUTPUTS, {INPUT: planes[None]})
        faces = decode(heat[0, 0], size[0], offset[0], threshold)
        stretch = np.divide(self._size, self.input_size, dtype=np.float32)
        faces[:, :4] = np.clip(faces[:, :4] * np.tile(stretch, 2), 0, np.tile(self._size, 2))
        return faces


def decode(
    heat: Float32[np.ndarray, "h w"],
    size: Float32[np.ndarray, "2 h w"],
    offset: Float32[np.ndarray, "2 h w"],
    threshold: float,
) -> Float32[np.ndarray, "N 5"]:
    """Turns outputs of the network into faces, in pixels of its input.

    Every cell that reaches the threshold is the centre of a face; overlapping faces are removed by non-maximum
    suppression.

    Args:
        heat: score of each cell.
        size: log height and log width of the face, in cells.
        offset: place of the centre within its cell, y and x.
        threshold: lowest score.
    """
    rows, columns = np.nonzero(heat >= threshold)
    if not rows.size:
        return np.empty((0, 5), np.float32)
    scores = heat[rows, columns]
    height, width = np.exp(size[:, rows, columns]) * STRIDE
    centre_y, centre_x = (np.stack([rows, columns]) + offset[:, rows, columns] + 0.5) * STRIDE
    left, top = centre_x - width / 2, centre_y - height / 2
    corners = np.stack([left, top, width, height], axis=1).astype(np.float64)
    kept = np.asarray(cv2.dnn.NMSBoxes(corners.tolist(), scores.tolist(), threshold, SAME_FACE_IOU), np.int64).reshape(
        -1
    )
    faces = np.stack([left, top, left + width, top + height, scores], axis=1)[kept]
    return faces.astype(np.float32)
