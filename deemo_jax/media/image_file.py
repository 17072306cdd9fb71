"""JPEG and PNG files of single frames, which other programs wrote. Axes: H height, W width, n bytes."""

import os
from pathlib import Path

import cv2
import numpy as np
from jaxtyping import UInt8

from deemo_jax.core.errors import UserError

# More than any frame has; read into memory whole.
MAX_FILE_BYTES = 256 << 20
# The bytes with which a file of each kind begins and ends, and with which the compressed pixels of a JPEG begin.
JPEG, JPEG_END, JPEG_SCAN = b"\xff\xd8\xff", b"\xff\xd9", b"\xff\xda"
PNG, PNG_END = b"\x89PNG\r\n\x1a\n", b"IEND\xae\x42\x60\x82"


def read_still(path: str | os.PathLike[str]) -> UInt8[np.ndarray, "H W 3"]:
    """A picture as viewers show it: turned by its EXIF flag, transparent parts black. Nothing but pixels is kept.

    Returns:
        RGB.

    Raises:
        UserError: too large, empty, cut off, damaged, no picture, or partly transparent and turned.
    """
    data = np.frombuffer(read_whole(path), np.uint8)
    image = _decoded(path, data, cv2.IMREAD_COLOR_RGB)
    if data[: len(JPEG)].tobytes() == JPEG:
        return image
    stored = _decoded(path, data, cv2.IMREAD_UNCHANGED)
    if stored.ndim < 3 or stored.shape[2] != 4:
        return image
    opaque = stored[..., 3:].astype(np.float32) / (65_535 if stored.dtype == np.uint16 else 255)
    if opaque.min() == 1:
        return image
    if not np.array_equal(image, _decoded(path, data, cv2.IMREAD_COLOR_RGB | cv2.IMREAD_IGNORE_ORIENTATION)):
        raise UserError(f"{path}: is partly transparent and turned by an EXIF flag; save it flat and upright")
    # Transparent pixels still have colours, which may show the face that they hide.
    return np.rint(image * opaque).astype(np.uint8)


def read_whole(path: str | os.PathLike[str]) -> bytes:
    """The bytes of a picture file whose end is there; it is not decoded.

    Raises:
        UserError: too large, empty, or cut off.
    """
    path = Path(path)
    if path.stat().st_size > MAX_FILE_BYTES:
        raise UserError(f"{path}: larger than {MAX_FILE_BYTES} bytes, which no frame should be")
    data = path.read_bytes()
    if not data:
        raise UserError(f"{path}: is empty; copy it again")
    cut = data.startswith(JPEG) and data.rfind(JPEG_END) <= data.rfind(JPEG_SCAN)
    if cut or (data.startswith(PNG) and PNG_END not in data):
        raise UserError(f"{path}: breaks off, as a half-written file does; copy or export it again")
    return data


def _decoded(path: str | os.PathLike[str], data: UInt8[np.ndarray, " n"], how: int) -> np.ndarray:
    try:
        image = cv2.imdecode(data, how)
    except cv2.error:
        image = None
    if image is None:
        raise UserError(f"{path}: cannot be decoded as an image; frames are whole JPEG or PNG files")
    return image
