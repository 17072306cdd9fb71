"""PP-OCRv6's small text detector in ONNX Runtime: how likely each pixel of a picture is within a line of text.

The file travels in the `rapidocr` wheel (Apache-2.0), whose package is not imported. OpenCV runs it too, with the same
output, in twice the time.
Axes: h and w of the network's input, multiples of 32.
"""

import functools
import math

import numpy as np
from jaxtyping import Float32, UInt8

from deemo_jax.core.packaged_files import PackagedFile
from deemo_jax.deid.video.detection.batched_network import Network
from deemo_jax.deid.video.detection.onnx_device import device, network_on

MODEL = PackagedFile(
    "the text detector of --text_in_picture",
    "rapidocr/models/PP-OCRv6_det_small.onnx",
    "090f04abcd9d9a7498bc4ebf677e4cb9bdce1fe4197ddb7e529f1ef44e1ff94f",
    "rapidocr==3.10.0",
)
# Pixels of the input's shorter side, at most: then letters of 2 % of a film's height are 11 pixels high. Smaller films
# are not enlarged: in those of 360 lines letters of 2 % are found as they are.
FINE_SIDE = 576
# Pixels of an input, at most: those of 21:9.
MOST_PIXELS = FINE_SIDE * 1344
# Further looks are at pictures smaller by these factors, since large letters fall into pieces: the network finds lines
# of 8 to 50 pixels as a whole.
COARSER = (1.0, 0.4, 1 / 6)
# A further look has at least so many pixels to its shorter side: in smaller ones faces and hands look like signs.
LEAST_SIDE = 96
# Sides of inputs are multiples of so many pixels.
SIDE_STEP = 32


@functools.cache
def network() -> Network:
    """The network, on the device of `onnx_device`; loaded once a process.

    Raises:
        UserError: its file is missing, or another one; or that device cannot be used.
    """
    return network_on(device(), MODEL.read())


def input_sizes(width: int, height: int) -> tuple[tuple[int, int], ...]:
    """Widths and heights, pixels, at which the network sees a picture of this size; the finest first."""
    finest = min(1.0, FINE_SIDE / min(width, height), math.sqrt(MOST_PIXELS / (width * height)))
    sizes = (tuple(_stepped(side * finest * factor) for side in (width, height)) for factor in COARSER)
    first, *further = ((across, down) for across, down in sizes)
    return first, *dict.fromkeys(size for size in further if size != first and min(size) >= LEAST_SIDE)


def text_probability(image: UInt8[np.ndarray, "h w 3"]) -> Float32[np.ndarray, "h w"]:
    """How likely each pixel is within a line of text, 0 to 1.

    Args:
        image: RGB; its sides are multiples of 32.
    """
    planes = np.ascontiguousarray(image[..., ::-1].transpose(2, 0, 1), np.float32)  # it was trained on B, G, R
    (likely,) = network().run(None, {"x": planes[None] / 127.5 - 1})
    return likely[0, 0]


def _stepped(side: float) -> int:
    return max(1, round(side / SIDE_STEP)) * SIDE_STEP
