"""What speaker encoders have in common that hear a voice window by window.

Axes: n samples, W windows, F frames, K mel bands, E embedding.
"""

import abc
from collections.abc import Sequence

import numpy as np
from jaxtyping import Float, Float32

from deemo_jax.core.errors import UserError
from deemo_jax.media import SAMPLE_RATE


class WindowEncoder(abc.ABC):
    """A `SpeakerEncoder` that also gives a vector for each window."""

    __slots__ = ()

    @abc.abstractmethod
    def hear(self, waveform: Float[np.ndarray, " n"]) -> Float32[np.ndarray, "W F K"]:
        """The mel bands of each window of a waveform (16 kHz); at least one window."""

    @abc.abstractmethod
    def vectors(self, mels: Float32[np.ndarray, "W F K"]) -> Float32[np.ndarray, "W E"]:
        """Of each window a vector of unit length."""

    def embed(self, waveform: Float[np.ndarray, " n"], sample_rate: int) -> Float[np.ndarray, " E"]:
        """The mean over windows.

        Raises:
            UserError: a sample rate other than 16 kHz.
        """
        if sample_rate != SAMPLE_RATE:
            raise UserError(f"the voice has {sample_rate} samples a second; this encoder needs {SAMPLE_RATE}")
        return self.windows([waveform])[0].mean(axis=0)

    def windows(self, waveforms: Sequence[Float[np.ndarray, " _"]]) -> list[Float32[np.ndarray, "_ E"]]:
        """Of each waveform (16 kHz), a vector of unit length for every window; at least one."""
        if not waveforms:
            return []
        heard = [self.hear(waveform) for waveform in waveforms]
        found = self.vectors(np.concatenate(heard))
        return np.split(found, np.cumsum([len(windows) for windows in heard])[:-1])
