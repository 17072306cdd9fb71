"""dlib's face recogniser, as an attacker's eye that anyone can install.

King, "Dlib-ml: A Machine Learning Toolkit" (2009); its network, a ResNet with 29 convolutions trained on 3 million
photographs, gives 128 numbers for a face that is turned upright by the corners of the eyes and the base of the nose.
The package face_recognition_models (CC0) carries the weights; only these two files of it are used, and it is not
imported. Axes: H height, W width.
"""

import importlib.util
from pathlib import Path

import numpy as np
from jaxtyping import Float, UInt8

from deemo_jax.core.errors import UserError

# What to do where it is not installed.
HOW = "make audit_models installs one (dlib's, 104 MB), or --face_embedder FILE"
NETWORK, CORNERS = "dlib_face_recognition_resnet_model_v1.dat", "shape_predictor_5_face_landmarks.dat"
# Side of a face for the network, pixels; share of it that lies around the face on each side, as in its training.
SIDE, AROUND_FACE = 150, 0.25
# Side of dlib's square face boxes, in heights of CenterFace's.
SQUARE = 0.9


class DlibRecogniser:
    """Tells faces apart by dlib's 128 numbers.

    Attributes:
        around: how much of a picture around the box of a face `embed` is to be given, on each side, in its width and
            height.

    Raises:
        UserError: dlib or the weights are not installed.
    """

    around = 0.75

    def __init__(self) -> None:
        files = {name: _installed(name) for name in (NETWORK, CORNERS)}
        if None in files.values() or importlib.util.find_spec("dlib") is None:
            raise UserError(f"dlib's face recogniser is not installed; {HOW}")
        import dlib

        self._dlib = dlib
        try:
            self._network = dlib.face_recognition_model_v1(str(files[NETWORK]))
            self._corners = dlib.shape_predictor(str(files[CORNERS]))
        except RuntimeError as error:
            raise UserError(f"dlib's face recogniser cannot be loaded ({error}); install it again: {HOW}") from error

    def embed(self, crop: UInt8[np.ndarray, "H W 3"]) -> Float[np.ndarray, "128"]:
        """The 128 numbers of the face in the middle of an RGB picture, around which `around` of its box is shown."""
        height, width = crop.shape[:2]
        half = SQUARE * height / (1 + 2 * self.around) / 2
        sides = (width / 2 - half, height / 2 - half, width / 2 + half, height / 2 + half)
        found = self._corners(crop, self._dlib.rectangle(*map(round, sides)))
        upright = self._dlib.get_face_chip(crop, found, SIDE, AROUND_FACE)
        return np.array(self._network.compute_face_descriptor(upright), np.float64)


def is_installed() -> bool:
    """Whether dlib and the weights are installed."""
    return importlib.util.find_spec("dlib") is not None and None not in map(_installed, (NETWORK, CORNERS))


def _installed(name: str) -> Path | None:
    spec = importlib.util.find_spec("face_recognition_models")
    paths = [Path(folder) / "models" / name for folder in (spec.submodule_search_locations if spec else None) or ()]
    return next((path for path in paths if path.is_file()), None)
