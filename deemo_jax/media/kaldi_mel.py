"""Kaldi's filter bank: log-mel frames of 25 ms every 10 ms, no dither (torchaudio `compliance.kaldi.fbank`).

Axes: n samples, F frames, B mel bins, L frame length, K FFT bins.
"""

import functools

import numpy as np
from jaxtyping import Float

from deemo_jax.media import SAMPLE_RATE

# Samples: a frame (25 ms), from one frame to the next (10 ms), and the FFT, the next power of two.
WINDOW = 400
HOP = 160
FFT = 512
# Share of the sample before that is taken off each sample.
PREEMPHASIS = 0.97
# Lower edge of the lowest mel filter.
LOW_HZ = 20.0
# The least energy whose logarithm is taken.
FLOOR = float(np.finfo(np.float32).eps)


def log_mel(waveform: Float[np.ndarray, " n"], bins: int, taper: Float[np.ndarray, " L"]) -> Float[np.ndarray, "B F"]:
    """Natural logarithms of mel energies.

    Args:
        waveform: mono, 16 kHz, at least one frame long.
        bins: B.
        taper: by which each frame is multiplied, L = 400.
    """
    frames = np.lib.stride_tricks.sliding_window_view(waveform, WINDOW)[::HOP]
    frames = frames - frames.mean(axis=1, keepdims=True)
    before = np.concatenate([frames[:, :1], frames[:, :-1]], axis=1)
    frames = (frames - PREEMPHASIS * before) * taper
    power = np.abs(np.fft.rfft(frames, FFT)) ** 2
    return np.log(np.maximum(filter_bank(bins) @ power.T, FLOOR))


@functools.cache
def filter_bank(bins: int) -> Float[np.ndarray, "B K"]:
    """Triangular filters, evenly spaced on the mel scale 1127 ln(1 + f/700) from 20 Hz to 8 kHz, each 1 at its middle.

    As in Kaldi, the last FFT bin (8 kHz) belongs to no filter; of 128 filters, number 3 lies between two FFT bins and
    is empty.
    """
    low, high = _mel(np.array([LOW_HZ, SAMPLE_RATE / 2]))
    edges = np.linspace(low, high, bins + 2)
    left, centre, right = edges[:-2, None], edges[1:-1, None], edges[2:, None]
    places = _mel(np.arange(FFT // 2) * SAMPLE_RATE / FFT)[None]
    weights = np.clip(np.minimum((places - left) / (centre - left), (right - places) / (right - centre)), 0, None)
    return np.pad(weights, ((0, 0), (0, 1)))


def _mel(hertz: Float[np.ndarray, "..."]) -> Float[np.ndarray, "..."]:
    return 1127.0 * np.log1p(hertz / 700.0)
