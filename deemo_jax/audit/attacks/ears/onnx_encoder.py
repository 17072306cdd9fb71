"""A speaker encoder in an ONNX file, such as ECAPA-TDNN or WavLM: a waveform or 80 log-mel bands to a vector.

Axes: n samples, F frames, K mel bands, E embedding.
"""

from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float

from deemo_jax.audit.attacks.onnx_vector import OnnxVector
from deemo_jax.core.errors import UserError
from deemo_jax.media import SAMPLE_RATE
from deemo_jax.media.kaldi_mel import HOP, WINDOW, log_mel

BANDS = 80
# Full scale of the waveform whose mel bands are taken: that of 16-bit samples, as Kaldi has them.
FULL_SCALE = 1 << 15
# Seconds of sound that a network of any length gets at least; a shorter voice is repeated.
LEAST_S = 1.0


class OnnxEncoder:
    """A `SpeakerEncoder` in an ONNX file with one input of float32, whose shape says what it is.

    (1, n) or (n,): the waveform, 16 kHz, in [-1, 1]. (1, F, 80) or (1, 80, F): log-mel energies as WeSpeaker's models
    have them (Kaldi's, Hamming window, less their mean over time). n or F is free, or fixed: then the voice is cut into
    pieces. The vector is the output whose name begins with "emb", or else the first.

    Args:
        path: of the file.

    Raises:
        UserError: there is no such file, or it is no model of this kind.
    """

    def __init__(self, path: Path):
        self._path = path
        self._net = OnnxVector(
            path,
            "not a speaker encoder; an ONNX model is needed from one waveform of 16 kHz, (1, n), or from"
            f" {BANDS} log-mel bands, (1, F, {BANDS}), to one vector",
        )
        shape = self._net.shape
        self._bands_last = len(shape) == 3 and shape[2] == BANDS
        self._mel = self._bands_last or (len(shape) == 3 and shape[1] == BANDS)
        self._batched = len(shape) > 1
        if len(shape) not in (1, 2) and not self._mel:
            raise self._net.refusal()
        side: Any = shape[1 if self._bands_last else -1]
        self._length = side if isinstance(side, int) and side > 1 else None
        self.embed(np.zeros(SAMPLE_RATE), SAMPLE_RATE)

    def embed(self, waveform: Float[np.ndarray, " n"], sample_rate: int) -> Float[np.ndarray, " E"]:
        """The vector of a voice; of several pieces the mean of their vectors, each of length 1.

        Raises:
            UserError: a sample rate other than 16 kHz, or the network gives no vector.
        """
        if sample_rate != SAMPLE_RATE:
            raise UserError(f"the voice has {sample_rate} samples a second; {self._path} needs {SAMPLE_RATE}")
        clean = np.nan_to_num(np.asarray(waveform, np.float32), nan=0.0, posinf=0.0, neginf=0.0)
        length = self._length or max(round(LEAST_S * SAMPLE_RATE), clean.size)
        if self._length and self._mel:
            length = WINDOW + (self._length - 1) * HOP
        clean = np.resize(clean if clean.size else np.zeros(1, np.float32), max(length, clean.size))
        starts = range(0, clean.size - length + 1, length)
        found = [self._run(clean[start : start + length]) for start in starts]
        return np.mean(found, axis=0) if len(found) > 1 else found[0]

    def _run(self, piece: Float[np.ndarray, " n"]) -> Float[np.ndarray, " E"]:
        given = piece
        if self._mel:
            given = log_mel(piece.astype(np.float64) * FULL_SCALE, BANDS, np.hamming(WINDOW))
            given = given - given.mean(axis=1, keepdims=True)
            given = given.T if self._bands_last else given
        given = np.ascontiguousarray(given[None] if self._batched else given, np.float32)
        vector = self._net(given)
        return vector / max(float(np.linalg.norm(vector)), 1e-12)
