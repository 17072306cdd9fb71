"""Face embedders: a protocol of one method; dlib's recogniser, an ONNX file, or grey pixels behind it.

Axes: H height, W width, E embedding.
"""

import functools
from pathlib import Path
from typing import Protocol, runtime_checkable

import cv2
import numpy as np
from jaxtyping import Float, UInt8

from deemo_jax.audit.attacks.onnx_vector import OnnxVector
from deemo_jax.audit.attacks.recogniser import DlibRecogniser, is_installed
from deemo_jax.audit.attacks.vectors import check_encoder

# Names of the embedders that need no file of the user's.
DLIB, GREY = "dlib", "grey"
# Side of ArcFace's input, pixels.
SIDE = 112
# Side of the picture that `GreyPixels` compares, pixels.
GREY_SIDE = 16


@runtime_checkable
class FaceEmbedder(Protocol):
    """Anything that turns a picture of a face into a vector close to those of the same person."""

    def embed(self, crop: UInt8[np.ndarray, "H W 3"]) -> Float[np.ndarray, " E"]:
        """The vector of an RGB crop of any size; vectors are compared by cosine.

        The crop is the box of a face, and on each side so much more of the picture, in widths and heights of the box,
        as an attribute `around` says where the embedder has one.
        """
        ...


class OnnxEmbedder:
    """An embedder in an ONNX file, by ArcFace's convention: RGB (1, 3, 112, 112), (pixel - 127.5) / 127.5, to a vector.

    Raises:
        UserError: there is no such file, or it is no model of this kind.
    """

    def __init__(self, path: Path):
        self._net = OnnxVector(path, "not a face embedder; an ONNX model from RGB 1x3x112x112 to one vector is needed")
        self.embed(np.zeros((SIDE, SIDE, 3), np.uint8))

    def embed(self, crop: UInt8[np.ndarray, "H W 3"]) -> Float[np.ndarray, " E"]:
        return self._net(cv2.dnn.blobFromImage(crop, 1 / 127.5, (SIDE, SIDE), (127.5, 127.5, 127.5), swapRB=False))


class GreyPixels:
    """A weak embedder: the crop in 16 by 16 grey pixels, less their mean."""

    def embed(self, crop: UInt8[np.ndarray, "H W 3"]) -> Float[np.ndarray, " E"]:
        grey = cv2.cvtColor(crop, cv2.COLOR_RGB2GRAY)
        small = cv2.resize(grey, (GREY_SIDE, GREY_SIDE), interpolation=cv2.INTER_AREA).astype(np.float64)
        return (small - small.mean()).reshape(-1)


def face_embedder(embedder: str | FaceEmbedder | None) -> FaceEmbedder | None:
    """The embedder behind a name or file, loaded once a process.

    Args:
        embedder: "dlib", "grey", or the path of an ONNX file; an object is returned as it is; None for dlib's where it
            is installed.

    Returns:
        None where none was given and dlib's is not installed.

    Raises:
        UserError: it cannot be loaded, or the object has no method `embed`.
    """
    if embedder is None:
        return _by_name(DLIB) if is_installed() else None
    if isinstance(embedder, str):
        return _by_name(embedder)
    check_encoder(embedder, "face embedder")
    return embedder


def described(embedder: str | FaceEmbedder | None) -> str:
    """The embedder that `face_embedder` returns, in words, without the path of its file."""
    if embedder is None or embedder == DLIB:
        return "dlib's recogniser (ResNet, 128 numbers)"
    if embedder == GREY:
        return "small grey pixels, a weak embedder"
    if isinstance(embedder, str):
        return "the ONNX file that was given"
    return f"an object that was given ({type(embedder).__name__})"


@functools.lru_cache(maxsize=2)
def _by_name(name: str) -> FaceEmbedder:
    if name == DLIB:
        return DlibRecogniser()
    return GreyPixels() if name == GREY else OnnxEmbedder(Path(name))
