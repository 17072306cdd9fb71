"""A stronger change of voice than McAdams alone: replaces what speaker encoders rely on, and keeps the prosody.

They rely on the long-term spectrum, the formants and the level of the pitch. So three things are drawn for every clip:
a shift of the pitch, with the formants, by at most two semitones; a further shift of the formants, by McAdams; and a
long-term spectrum that takes the place of the speaker's own, which cannot be undone, since that is not in the result.
The course of pitch and loudness is that of the original; times move by at most 15 ms.
Axes: n samples, m samples of another count, F frames, K FFT bins.
"""

import numpy as np
import soxr
from jaxtyping import Float
from scipy import signal

from deemo_jax.deid.voice.mcadams import as_loud, mcadams
from deemo_jax.media import SAMPLE_RATE

# Semitones of the pitch shift, at most, and range of the McAdams coefficient.
SEMITONES = 2.0
ALPHA = (0.65, 0.95)
# WSOLA, overlap-add of similar waveforms (Verhelst and Roelands 1993): windows of 640 samples (40 ms) are taken up to
# 240 samples (15 ms) beside their place, where they fit best.
WINDOW, REACH = 640, 240
# Samples of a frame whose spectrum is computed.
FFT = 512
# Cepstral coefficients that a smoothed spectrum keeps; how many coefficients of a spectrum are drawn, and their
# standard deviation, dB.
QUEFRENCIES, DRAWN, DEVIATION_DB = 16, 8, 4.0
# Gain of the equaliser, up or down, at most.
MOST_GAIN_DB = 15.0
# Frames of which the long-term spectrum is computed, at most.
MOST_FRAMES = 4096
# Gain that restores the course of loudness, up or down, at most.
MOST_LEVEL_DB = 12.0


def recast(waveform: Float[np.ndarray, " n"], rng: np.random.Generator) -> Float[np.ndarray, " n"]:
    """The waveform in a drawn voice, as loud as before at every time.

    Args:
        waveform: mono, 16 kHz, in [-1, 1]; samples that are not finite count as silence.
        rng: of the draws; who knows them can undo the shifts of pitch and formants.

    Returns:
        float32 (n,), peak at most 1.
    """
    clean = np.nan_to_num(np.asarray(waveform, np.float64), nan=0.0, posinf=0.0, neginf=0.0)
    semitones, alpha = rng.uniform(-SEMITONES, SEMITONES), rng.uniform(*ALPHA)
    spectrum = drawn_spectrum(rng)
    changed = mcadams(shift_pitch(clean, semitones), alpha, SAMPLE_RATE)
    return as_loud(_with_levels_of(clean, equalise(changed, spectrum)), clean).astype(np.float32)


def shift_pitch(waveform: Float[np.ndarray, " n"], semitones: float) -> Float[np.ndarray, " n"]:
    """Shifts pitch and formants by a number of semitones, at the same tempo."""
    if not waveform.size:
        return waveform
    factor = 2 ** (semitones / 12)
    return stretch(soxr.resample(waveform, SAMPLE_RATE * factor, SAMPLE_RATE), waveform.size)


def stretch(waveform: Float[np.ndarray, " m"], length: int) -> Float[np.ndarray, " n"]:
    """The same voice in `length` samples, by WSOLA: each window is taken where it continues the one before best."""
    hop = WINDOW // 2
    window = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(WINDOW) / WINDOW)
    padded = np.pad(waveform, (hop + REACH, 2 * WINDOW + REACH))
    pace = waveform.size / length
    output = np.zeros(length + 2 * WINDOW)
    here = REACH
    for start in range(0, length + WINDOW, hop):
        wanted = min(round(start * pace), waveform.size + hop) + REACH
        if start:
            goal = padded[here + hop : here + hop + WINDOW]
            near = padded[wanted - REACH : wanted + REACH + WINDOW]
            energy = np.convolve(near**2, np.ones(WINDOW), "valid")[: 2 * REACH + 1]
            fit = np.correlate(near, goal, "valid")[: energy.size] / np.sqrt(np.maximum(energy, 1e-9))
            wanted += int(np.argmax(fit)) - REACH
        here = wanted
        output[start : start + WINDOW] += padded[here : here + WINDOW] * window
    return output[hop : hop + length]


def equalise(waveform: Float[np.ndarray, " n"], spectrum: Float[np.ndarray, " K"]) -> Float[np.ndarray, " n"]:
    """Filters a waveform so that its long-term spectrum becomes `spectrum` (dB, up to a constant)."""
    have = long_term_spectrum(waveform)
    gain = spectrum - have
    # The mean gain is 0 dB weighted by power, so that the limit concerns frequencies with little sound.
    gain = np.clip(gain - np.average(gain, weights=10 ** (have / 10)), -MOST_GAIN_DB, MOST_GAIN_DB)
    taps = np.roll(np.fft.irfft(10 ** (gain / 20)), FFT // 2) * np.hanning(FFT)
    return signal.oaconvolve(waveform, taps)[FFT // 2 : FFT // 2 + waveform.size]


def long_term_spectrum(waveform: Float[np.ndarray, " n"]) -> Float[np.ndarray, " K"]:
    """The mean power spectrum of the loud frames, dB, smoothed over frequency; of up to 4096 frames, evenly spread."""
    padded = np.pad(np.asarray(waveform, np.float64), (0, FFT))
    frames = np.lib.stride_tricks.sliding_window_view(padded, FFT)[:: FFT // 2]
    frames = frames[:: -(-len(frames) // MOST_FRAMES)]
    power = np.abs(np.fft.rfft(frames * np.hanning(FFT), axis=1)) ** 2
    level = power.sum(axis=1)
    power = power[level >= 1e-3 * np.quantile(level, 0.95)]
    return _smooth(10 * np.log10(power.mean(axis=0) + 1e-12))


def drawn_spectrum(rng: np.random.Generator) -> Float[np.ndarray, " K"]:
    """Draws a long-term spectrum, dB: flat to 500 Hz, 9 dB an octave less above, with smooth random deviations."""
    hertz = np.linspace(0, SAMPLE_RATE / 2, FFT // 2 + 1)
    typical = -9.0 * np.log2(np.maximum(hertz, 500.0) / 500.0)
    order = np.arange(1, DRAWN + 1)
    waves = np.cos(np.pi * order[:, None] * hertz / (SAMPLE_RATE / 2))
    return _smooth(typical) + DEVIATION_DB * (rng.normal(size=DRAWN) / np.sqrt(order)) @ waves


def _smooth(decibels: Float[np.ndarray, " K"]) -> Float[np.ndarray, " K"]:
    """A spectrum that keeps only its first `QUEFRENCIES` cepstral coefficients."""
    cepstrum = np.fft.irfft(decibels)
    cepstrum[QUEFRENCIES : 1 - QUEFRENCIES] = 0.0
    return np.fft.rfft(cepstrum).real


def _with_levels_of(original: Float[np.ndarray, " n"], changed: Float[np.ndarray, " n"]) -> Float[np.ndarray, " n"]:
    """`changed` with the course of loudness of `original` (in 40 ms), by gains at most 12 dB off their mean."""
    window = np.hanning(WINDOW)
    before, after = (
        np.sqrt(np.maximum(signal.oaconvolve(x**2, window / window.sum(), "same"), 0) + 1e-10)
        for x in (original, changed)
    )
    gain = 20 * np.log10(before / after)
    middle = np.average(gain, weights=before**2) if gain.size else 0.0
    return changed * 10 ** (np.clip(gain, middle - MOST_LEVEL_DB, middle + MOST_LEVEL_DB) / 20)
