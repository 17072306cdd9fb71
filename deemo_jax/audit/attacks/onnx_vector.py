"""Networks in ONNX files that turn one input into one vector. Axes: E embedding."""

from pathlib import Path

import numpy as np
from jaxtyping import Float, Float32

from deemo_jax.audit.face_detection.detectors import checked_model
from deemo_jax.core.errors import UserError
from deemo_jax.deid.video.detection.onnx_device import session

# Numbers of a vector, at most.
MOST_NUMBERS = 65_536


class OnnxVector:
    """A network with one input of float32, in ONNX Runtime.

    Args:
        path: of the file.
        wanted: what the file should be, for the message that it is something else.

    Attributes:
        shape: of the input; a side that is free is no whole number.

    Raises:
        UserError: there is no such file, or it is no such network.
    """

    def __init__(self, path: Path, wanted: str):
        checked_model(path)
        self._path, self._wanted = path, wanted
        # ONNX Runtime's errors have no class in common.
        try:
            self._net = session(path.read_bytes())
        except Exception as error:
            raise self.refusal() from error
        inputs, outputs = self._net.get_inputs(), [output.name for output in self._net.get_outputs()]
        if len(inputs) != 1 or inputs[0].type != "tensor(float)":
            raise self.refusal()
        self._name, self.shape = inputs[0].name, tuple(inputs[0].shape)
        # The vector is the output whose name begins with "emb", or else the first.
        self._output = next((name for name in outputs if name.startswith("emb")), outputs[0])

    def __call__(self, given: Float32[np.ndarray, "..."]) -> Float[np.ndarray, " E"]:
        """The vector of an input.

        Raises:
            UserError: the network gives no vector.
        """
        try:
            vector = np.asarray(self._net.run([self._output], {self._name: given})[0], np.float64)
        except Exception as error:
            raise self.refusal() from error
        if not 2 <= vector.size == max(vector.shape) <= MOST_NUMBERS or not np.isfinite(vector).all():
            raise self.refusal()
        return vector.reshape(-1)

    def refusal(self) -> UserError:
        """That the file is something else."""
        return UserError(f"{self._path}: {self._wanted}")
