"""Where people are in a picture: MediaPipe's selfie segmentation, run by OpenCV.

The file `models/selfie_segmentation.tflite` is that of the package mediapipe 0.10.21 (Apache-2.0, licence beside it),
which is never imported. The network sees 256x256 pixels, whatever the shape of the picture, and was made for people
within about two metres of the camera. Axes: H and W of the network's picture.
"""

import functools
from pathlib import Path

import cv2
import numpy as np
from jaxtyping import Float32, UInt8

from deemo_jax.core import files, parallel
from deemo_jax.core.errors import UserError

MODEL = Path(__file__).with_name("models") / "selfie_segmentation.tflite"
SHA256 = "9ee168ec7c8f2a16c56fe8e1cfbc514974cbbb7e434051b455635f1bd1462f5c"
# Width and height of the network's picture.
SIDE = 256
# OpenCV spends two fifths of its time on the last layers, which make 2x2 pixels of each place's 16 numbers: they are
# left out, and done here. Where the file says how many operations it has, and which tensor they give: byte -> number.
WITHOUT_LAST = {216436: 242, 227704: 245}
# Where these layers' float16 weights and bias are, bytes.
WEIGHTS, BIAS = slice(2052, 2180), slice(2036, 2038)


def person_probability(image: UInt8[np.ndarray, "H W 3"]) -> Float32[np.ndarray, "H W"]:
    """How probable it is that a pixel is of a person, 0 to 1.

    Args:
        image: RGB, 256x256.

    Raises:
        UserError: the network's file is missing, or is another one.
    """
    model = _checked()
    network = _network(model)
    network.setInput(np.array(cv2.split(image), np.float32)[None] / 255)
    places = network.forward()[0].reshape(16, -1)
    weights, bias = (np.frombuffer(model[at], "<f2").astype(np.float32) for at in (WEIGHTS, BIAS))
    half = SIDE // 2
    # OpenCV's product of matrices, which has one thread.
    pixels = cv2.gemm(weights.reshape(4, 16), places, 1.0, np.full((4, half**2), bias[0]), 1.0)
    logits = np.asarray(pixels).reshape(2, 2, half, half).transpose(2, 0, 3, 1).reshape(SIDE, SIDE)
    return 1 / (1 + np.asarray(cv2.exp(-logits)))


@functools.cache
def _checked() -> bytes:
    """The network's file without its last layers, once its hash is known to be right.

    Raises:
        UserError: it is missing, or is another file.
    """
    if not MODEL.is_file() or files.sha256(MODEL) != SHA256:
        raise UserError(f"{MODEL}: is missing or damaged; install deemo-jax again: pip install --force-reinstall .")
    model = bytearray(MODEL.read_bytes())
    for at, number in WITHOUT_LAST.items():
        model[at : at + 4] = number.to_bytes(4, "little")
    return bytes(model)


@parallel.kept_by_thread(1)
def _network(model: bytes) -> "cv2.dnn.Net":
    """The network; threads cannot share one."""
    return cv2.dnn.readNetFromTFLite(np.frombuffer(model, np.uint8))
