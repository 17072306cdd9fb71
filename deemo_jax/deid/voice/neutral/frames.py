"""Frames of a waveform, one every 10 ms: their power spectra, their loudness, and averages over neighbours.

Axes: n samples, F frames, K FFT bins, L samples of a frame, S frames of speech.
"""

import functools

import numpy as np
from jaxtyping import Float, Int
from scipy import fft

# Samples between two frames (10 ms), of a frame (25.6 ms), and of its transform. Frame f is centred at sample HOP * f.
HOP, WINDOW, FFT = 160, 410, 512
# How much of each sample the next one loses, which raises the treble; and full scale. Both as pocketsphinx has them.
PREEMPHASIS, FULL_SCALE = 0.97, 32768.0
# Frames over which loudness is averaged: 70 ms, so that single pulses of a deep voice do not show.
LOUDNESS_SPAN = 7
# Mean square below which there is nothing: -90 dB of full scale.
LEAST_POWER = 1e-9
# Decibels below the loud frames (95 % quantile) down to which a frame counts as speech; and of full scale, at or below
# which there is no sound that counts.
SPOKEN_DB, SILENT_DB = 30.0, -89.0


def frame_count(size: int) -> int:
    """How many frames a number of samples has."""
    return size // HOP + 1


def power_spectra(waveform: Float[np.ndarray, " n"], numbers: Int[np.ndarray, " F"]) -> Float[np.ndarray, "F K"]:
    """Power of some frames by frequency, with the treble raised, at the scale of 16-bit samples.

    Args:
        waveform: float32, mono, 16 kHz, in [-1, 1]; there is silence around it.
        numbers: of the frames.
    """
    reach = np.arange(-(WINDOW // 2) - 1, WINDOW - WINDOW // 2)  # from the sample before the frame on
    places = numbers[:, None] * HOP + reach
    samples = np.take(waveform, places, mode="clip")
    samples[(places < 0) | (places >= waveform.size)] = 0.0
    raised = samples[:, 1:] - np.float32(PREEMPHASIS) * samples[:, :-1]
    found = fft.rfft(raised * _hamming(), FFT, axis=1)
    return found.real**2 + found.imag**2


@functools.cache
def _hamming() -> Float[np.ndarray, " L"]:
    """The window of a frame of L samples, times full scale."""
    turn = 2 * np.pi * np.arange(WINDOW) / (WINDOW - 1)
    return (FULL_SCALE * (0.54 - 0.46 * np.cos(turn))).astype(np.float32)


def loudness(waveform: Float[np.ndarray, " n"]) -> Float[np.ndarray, " F"]:
    """The root mean square around each frame, over about 70 ms, in dB of full scale; at least -90."""
    half = HOP // 2
    inner = waveform[half : half + max(waveform.size - half, 0) // HOP * HOP].reshape(-1, HOP)
    ends = (waveform[:half], waveform[half + inner.size :])
    first, last = (np.array([float(end @ end)]) for end in ends)
    power = np.concatenate([first, np.einsum("fn,fn->f", inner, inner), last])[: frame_count(waveform.size)] / HOP
    return 10 * np.log10(smooth(power, LOUDNESS_SPAN) + LEAST_POWER)


def spoken(decibels: Float[np.ndarray, " F"]) -> Int[np.ndarray, " S"]:
    """The numbers of the S frames that are loud enough for speech; at least one.

    Args:
        decibels: of `loudness`.
    """
    sounding = decibels[decibels > SILENT_DB]
    loud = np.quantile(sounding if sounding.size else decibels, 0.95)
    return np.flatnonzero(decibels >= loud - SPOKEN_DB)


def smooth(rows: Float[np.ndarray, "F ..."], span: int) -> Float[np.ndarray, "F ..."]:
    """Averages over `span` frames (an odd number) that weigh near ones more; the first and the last frame repeat."""
    window = np.hanning(span + 2)[1:-1].astype(rows.dtype)
    window /= window.sum()
    padded = np.pad(rows, ((span // 2, span // 2),) + ((0, 0),) * (rows.ndim - 1), "edge")
    averaged = window[0] * padded[: len(rows)]
    for k in range(1, span):
        averaged += window[k] * padded[k : k + len(rows)]
    return averaged
