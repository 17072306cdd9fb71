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


def person_probability(image: UInt8[np.ndarray, "H W 3"]) -> Float32[np.ndarray, "H W"]:
    """How probable it is that a pixel is of a person, 0 to 1.

    Args:
        image: RGB, 256x256.

    Raises:
        UserError: the network's file is missing, or is another one.
    """
    network = _network(_checked())
    network.setInput(np.array(cv2.split(image), np.float32)[None] / 255)
    # Copied: the network writes its next answer to the same place.
    return np.array(network.forward()[0, 0], np.float32)


@functools.cache
def _checked() -> bytes:
    """The network's file, once its hash is known to be right.

    Raises:
        UserError: it is missing, or is another file.
    """
    if not MODEL.is_file() or files.sha256(MODEL) != SHA256:
        raise UserError(f"{MODEL}: is missing or damaged; install deemo-jax again: pip install --force-reinstall .")
    return MODEL.read_bytes()


@parallel.kept_by_thread(1)
def _network(model: bytes) -> "cv2.dnn.Net":
    """The network; threads cannot share one."""
    return cv2.dnn.readNetFromTFLite(np.frombuffer(model, np.uint8))
