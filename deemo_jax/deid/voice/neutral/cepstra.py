"""Mel cepstra as pocketsphinx's English model was trained on, and the way back from a cepstrum to a filter.

pocketsphinx 5.1.1, `feat.params` of its en-us model: 25 bands from 130 to 6800 Hz, DCT-II, lifter 22, `1s_c_d_dd`.
Axes: F frames, K FFT bins, B mel bands, D cepstra, V features, S frames of speech, Q quefrencies.
"""

import functools

import numpy as np
from jaxtyping import Complex, Float, Int
from scipy import fft

from deemo_jax.deid.voice.neutral.frames import FFT, PREEMPHASIS
from deemo_jax.media import SAMPLE_RATE

BANDS, CEPSTRA = 25, 13
LOWEST_HZ, HIGHEST_HZ = 130.0, 6800.0
# What each cepstrum is multiplied by.
LIFTER = (1 + 11 * np.sin(np.pi * np.arange(CEPSTRA) / 22)).astype(np.float32)
# The mean cepstrum of speech, which the features lack: what pocketsphinx's running mean starts from (`cmninit`).
MEAN_OF_SPEECH = np.array(
    [41.00, -5.29, -0.12, 5.09, 2.48, -4.07, -1.37, -1.78, -5.08, -2.05, -6.45, -1.42, 1.17], np.float32
)
# Width of the stretch below Nyquist into which the edges of a warped filter bank are squeezed that would lie beyond it.
SQUEEZED_HZ = 400.0


def mel_cepstra(power: Float[np.ndarray, "F K"], warp: float) -> Float[np.ndarray, "F D"]:
    """Lifted mel cepstra of power spectra.

    Args:
        power: of `frames.power_spectra`.
        warp: factor of all frequencies, as of a shorter vocal tract; 1 takes the filter bank as the model has it.
    """
    return np.log(power @ _filters(warp) + np.float32(1.0)) @ (_cosines() * LIFTER)


def features(cepstra: Float[np.ndarray, "F D"], spoken: Int[np.ndarray, " S"]) -> Float[np.ndarray, "F V"]:
    """Cepstra without their mean over speech, and their first and second differences: 39 numbers a frame.

    Args:
        cepstra: of `mel_cepstra`.
        spoken: numbers of the frames of speech.
    """
    centred = cepstra - cepstra[spoken].mean(axis=0)
    count = len(centred)
    far = np.pad(centred, ((3, 3), (0, 0)), "edge")
    at = [far[3 + k : 3 + k + count] for k in range(-3, 4)]  # at[3 + k] is k frames later
    return np.concatenate([centred, at[5] - at[1], (at[6] - at[2]) - (at[4] - at[0])], axis=1)


@functools.cache
def _edges() -> Float[np.ndarray, " E"]:
    """The ends and centres of the bands, Hz: E = BANDS + 2, evenly spread on the mel scale."""
    mel = 2595 * np.log10(1 + np.array([LOWEST_HZ, HIGHEST_HZ]) / 700)
    return 700 * (10 ** (np.linspace(mel[0], mel[1], BANDS + 2) / 2595) - 1)


@functools.cache
def _hertz() -> Float[np.ndarray, " K"]:
    return np.arange(FFT // 2 + 1) * SAMPLE_RATE / FFT


@functools.cache
def _filters(warp: float) -> Float[np.ndarray, "K B"]:
    """Triangles over frequency, each of area one."""
    nyquist = SAMPLE_RATE / 2
    edges = np.minimum(_edges() * warp, np.linspace(nyquist - SQUEEZED_HZ, nyquist, BANDS + 2))
    if warp == 1.0:  # pocketsphinx puts them onto FFT bins
        edges = np.round(edges * FFT / SAMPLE_RATE) * SAMPLE_RATE / FFT
    low, middle, high = edges[:-2], edges[1:-1], edges[2:]
    hertz = _hertz()[:, None]
    shape = np.maximum(0, np.minimum((hertz - low) / (middle - low), (high - hertz) / (high - middle)))
    return (shape * 2 / (high - low)).astype(np.float32)


@functools.cache
def _cosines() -> Float[np.ndarray, "B D"]:
    """The orthonormal DCT-II."""
    basis = np.cos(np.pi * np.arange(CEPSTRA) * (np.arange(BANDS)[:, None] + 0.5) / BANDS) * np.sqrt(2 / BANDS)
    basis[:, 0] /= np.sqrt(2)
    return basis.astype(np.float32)


def filters(
    cepstra: Float[np.ndarray, "F D"], gain: Float[np.ndarray, " F"], warp: float = 1.0
) -> Complex[np.ndarray, "F K"]:
    """Minimum-phase filters with the envelopes of cepstra.

    Args:
        cepstra: of `features`; the first one, which is the level, is not used.
        gain: root mean square of each filter over frequency.
        warp: factor of the frequencies of the envelopes.
    """
    whole = ((cepstra + MEAN_OF_SPEECH) / LIFTER)[:, 1:]
    levels, phases = _log_filters(warp)
    size = np.exp(whole @ levels[1:] + levels[0])
    size *= (gain / np.sqrt(np.mean(size * size, axis=1)))[:, None]
    angle = whole @ phases[1:] + phases[0]
    found = np.empty(size.shape, np.complex64)
    found.real, found.imag = size * np.cos(angle), size * np.sin(angle)
    return found


@functools.cache
def _log_filters(warp: float) -> tuple[Float[np.ndarray, "D K"], Float[np.ndarray, "D K"]]:
    """Log-size and phase of the minimum-phase filter of a flat cepstrum; and of one unit of each further cepstrum.

    Bands become bins by interpolation. The flat one lowers the treble again as much as `PREEMPHASIS` raised it.
    """
    # Half, since cepstra are of power and filters are of size.
    rows = 0.5 * np.stack([np.interp(_hertz() / warp, _edges()[1:-1], column) for column in _cosines().T])
    angle = np.maximum(np.pi * np.arange(FFT // 2 + 1) / (FFT // 2), 0.04)  # 100 Hz: constant below
    rows[0] = -np.log(np.abs(1 - PREEMPHASIS * np.exp(-1j * angle)))
    found = log_minimum_phase(fft.irfft(rows, axis=1)[:, : FFT // 2 + 1])
    return found.real.astype(np.float32), found.imag.astype(np.float32)


def log_minimum_phase(cepstra: Float[np.ndarray, "F Q"]) -> Complex[np.ndarray, "F K"]:
    """Log-size and phase of the minimum-phase filters with the sizes of these.

    It is the log-spectrum of a causal cepstrum (Oppenheim and Schafer 1975).

    Args:
        cepstra: of the logarithms of sizes, from quefrency 0 on, at most FFT / 2 + 1 of them.
    """
    weight = np.full(cepstra.shape[1], 2, cepstra.dtype)
    weight[0] = 1
    weight[FFT // 2 :] = 1
    return fft.rfft(cepstra * weight, FFT, axis=1)
