"""Sound from filters and pitch: pulses and noise, made here, through a filter every 10 ms.

Axes: n samples, F frames, B frames of a block, m samples of a block, F1 = F + 1, m1 = m + 1, K FFT bins.
"""

from collections.abc import Callable

import numpy as np
from jaxtyping import Complex, Float
from scipy import fft

from deemo_jax.deid.voice.neutral.frames import FFT, HOP
from deemo_jax.media import SAMPLE_RATE

# How much of a voiced frame is tone, by frequency: the treble of a voice is breath.
TONE_HZ, TONE_SHARE = (0, 2500, 4500, 8000), (0.99, 0.95, 0.6, 0.4)
# Standard deviation of what is added to the phase of the pulses in every frame, cycles: no tone stays in step with one
# of the input.
DRIFT = 0.02
# Frames that are made at once; bounds the memory.
BLOCK = 1000


def synthesise(
    filters: Callable[[slice], Complex[np.ndarray, "B K"]],
    pitch: Float[np.ndarray, " F"],
    tone: Float[np.ndarray, " F"],
    size: int,
    rng: np.random.Generator,
) -> Float[np.ndarray, " n"]:
    """Speaks.

    Args:
        filters: gives those of a block of frames, which are 10 ms apart; a frame is as loud as its filter.
        pitch: Hz.
        tone: how much of each frame is tone, from 0 to 1; the rest is noise.
        size: n.
        rng: draws the phase of the pulses and the noise.

    Returns:
        float32 (n,); it may be louder than full scale.
    """
    count = len(pitch)
    band = np.interp(np.arange(FFT // 2 + 1) * SAMPLE_RATE / FFT, TONE_HZ, TONE_SHARE).astype(np.float32)
    window = (0.5 - 0.5 * np.cos(np.pi * np.arange(2 * HOP) / HOP)).astype(np.float32)
    phase = float(rng.random())
    drift = DRIFT * rng.standard_normal(count)
    pitch = np.append(pitch, pitch[-1])  # for the samples after the last frame
    output = np.zeros((count + FFT // HOP + 2) * HOP, np.float32)
    before, rest = np.zeros((2, HOP), np.float32), 0.0
    for first in range(0, count, BLOCK):
        last = min(first + BLOCK, count)
        pulses, phase = _pulses(pitch[first : last + 1], drift[first:last], phase)
        pulses[0] += rest
        pulses, rest = pulses[:-1], float(pulses[-1])
        noise = rng.standard_normal(pulses.size, np.float32)
        # Frame f is made of the sound from one frame before it to one after it.
        sources = np.concatenate([before, np.stack([pulses, noise])], axis=1)
        before = sources[:, -HOP:]
        frames = np.lib.stride_tricks.sliding_window_view(sources, 2 * HOP, axis=1)[:, ::HOP] * window
        spectra = fft.rfft(frames, FFT, axis=2)
        share = np.clip(tone[first:last, None], 0, 1) * band
        mixed = spectra[0] * np.sqrt(share) + spectra[1] * np.sqrt(1 - share)
        pieces = fft.irfft(mixed * filters(slice(first, last)), FFT, axis=1)
        for k in range(-(-FFT // HOP)):
            part = pieces[:, k * HOP : (k + 1) * HOP]
            rows = output[(first + k) * HOP : (last + k) * HOP].reshape(-1, HOP)
            rows[:, : part.shape[1]] += part
    return output[HOP : HOP + size]


def _pulses(
    pitch: Float[np.ndarray, " F1"], drift: Float[np.ndarray, " F"], phase: float
) -> tuple[Float[np.ndarray, " m1"], float]:
    """Pulses of unit power in the m samples between F + 1 frames and in the one after them, and the phase at that.

    Args:
        pitch: Hz.
        drift: cycles that are added from each frame to the next.
        phase: cycles, at the first sample.
    """
    steps = np.arange(HOP) / HOP
    hertz = (pitch[:-1, None] * (1 - steps) + pitch[1:, None] * steps).ravel()
    cycles = phase + np.concatenate([[0.0], np.cumsum(hertz / SAMPLE_RATE + np.repeat(drift / HOP, HOP))])
    whole = np.floor(cycles)
    at = np.flatnonzero(np.diff(whole) > 0)  # a cycle ends between this sample and the next one
    late = (whole[at + 1] - cycles[at]) / (cycles[at + 1] - cycles[at])
    height = np.sqrt(SAMPLE_RATE / hertz[at])
    pulses = np.zeros(cycles.size, np.float32)
    pulses[at] += height * (1 - late)
    pulses[at + 1] += height * late
    return pulses, float(cycles[-1] % 1)
