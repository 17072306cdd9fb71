"""Detectors that search for faces left: CenterFace, from which the masks come, and a third one that a person chooses.

Axes: N faces, H height, W width; a face is x0, y0, x1, y1, score in pixels of the picture as displayed.
"""

import functools
from pathlib import Path
from typing import Protocol, runtime_checkable

import cv2
import numpy as np
from jaxtyping import Float32, UInt8

from deemo_jax.audit.face_detection import mtcnn
from deemo_jax.audit.face_detection.mtcnn import Mtcnn
from deemo_jax.core.errors import UserError
from deemo_jax.deid.video.detection.centerface import FaceDetector
from deemo_jax.media.picture import RgbPicture

# Name of the detector that needs no file of the user's.
MTCNN = "mtcnn"
# Bytes of a model file, at most.
MAX_MODEL_BYTES = 1 << 30
# Of YuNet: greatest overlap (IoU) of two detections, most detections before overlapping ones are removed, and the
# numbers of a detection: x, y, width, height, five landmarks, score.
NMS_IOU = 0.3
MOST_FACES = 5000
YUNET_COLUMNS = 15
# Lowest score of YuNet, as OpenCV sets it.
YUNET_THRESHOLD = 0.9


@runtime_checkable
class Detector(Protocol):
    """Anything that finds faces in a picture."""

    def __call__(self, picture: RgbPicture) -> Float32[np.ndarray, "N 5"]:
        """The faces in a picture, which the detector may scale, down to the lowest score that it was made for."""
        ...


class CenterFace:
    """The detector of `deemo_jax.deid`, on pictures at full size, also where the clip was searched at a smaller one.

    Args:
        width: of the pictures, pixels.
        height: of the pictures, pixels.
        threshold: lowest score of a detection, 0 to 1.
    """

    def __init__(self, width: int, height: int, threshold: float):
        self._detector, self._threshold = FaceDetector(width, height), threshold

    def __call__(self, picture: RgbPicture) -> Float32[np.ndarray, "N 5"]:
        return self._detector(picture.rgb(*self._detector.input_size), self._threshold)


class YuNet:
    """An ONNX file with YuNet's inputs and outputs, run by OpenCV's `FaceDetectorYN`.

    Wu et al., "YuNet: A Tiny Millisecond-level Face Detector" (2023); `face_detection_yunet_*.onnx` of OpenCV's model
    zoo. It was trained independently of CenterFace, so that both seldom miss the same face.

    Args:
        path: of the file.
        threshold: lowest score of a detection, 0 to 1.

    Raises:
        UserError: there is no such file, or it is no model of this kind.
    """

    def __init__(self, path: Path, threshold: float):
        checked_model(path)
        try:
            self._net = cv2.FaceDetectorYN.create(str(path), "", (64, 64), threshold, NMS_IOU, MOST_FACES)
            self._faces(np.zeros((64, 64, 3), np.uint8))
        except (cv2.error, ValueError) as error:
            raise UserError(
                f"{path}: not a YuNet face detector (face_detection_yunet_*.onnx of OpenCV's zoo)"
            ) from error

    def __call__(self, picture: RgbPicture) -> Float32[np.ndarray, "N 5"]:
        return self._faces(picture.rgb())

    def _faces(self, image: UInt8[np.ndarray, "H W 3"]) -> Float32[np.ndarray, "N 5"]:
        height, width = image.shape[:2]
        self._net.setInputSize((width, height))
        _, rows = self._net.detect(cv2.cvtColor(image, cv2.COLOR_RGB2BGR))
        if rows is None:
            return np.zeros((0, 5), np.float32)
        if rows.ndim != 2 or rows.shape[1] != YUNET_COLUMNS or not np.isfinite(rows).all():
            raise ValueError("its faces are no rows of 15 finite numbers")
        corner, far = rows[:, :2], rows[:, :2] + rows[:, 2:4]
        limits = np.array([width, height])
        parts = [np.clip(corner, 0, limits), np.clip(far, 0, limits), rows[:, -1:]]
        return np.concatenate(parts, axis=1).astype(np.float32)


@functools.lru_cache(maxsize=2)
def given_detector(detector: Path | str, threshold: float) -> Mtcnn | YuNet:
    """The third detector, loaded once a process.

    Args:
        detector: "mtcnn", or the ONNX file of a `YuNet`.
        threshold: lowest score of a detection, 0 to 1.

    Raises:
        UserError: it cannot be loaded.
    """
    if detector == MTCNN:
        return Mtcnn(threshold)
    if not Path(detector).exists():
        raise UserError(f"--detector {detector}: no such file; give mtcnn, or the ONNX file of YuNet")
    return YuNet(Path(detector), threshold)


def confirming_detector(detector: Path | str) -> Mtcnn | YuNet:
    """The third detector as it votes: at the lowest score that its publisher sets.

    Raises:
        UserError: it cannot be loaded.
    """
    return given_detector(detector, mtcnn.THRESHOLD if detector == MTCNN else YUNET_THRESHOLD)


def detector_name(detector: Path | str) -> str:
    """The name of the third detector, for tables."""
    return "MTCNN" if detector == MTCNN else "YuNet"


def checked_model(path: Path) -> None:
    """Checks that the file of a model exists and is of a plausible size.

    Raises:
        UserError: it does not, or is empty or larger than 1 GiB.
    """
    if not path.is_file():
        raise UserError(f"{path}: no such file; give an ONNX model")
    if not 0 < path.stat().st_size <= MAX_MODEL_BYTES:
        raise UserError(f"{path}: {path.stat().st_size} bytes; an ONNX model has between 1 and {MAX_MODEL_BYTES}")
