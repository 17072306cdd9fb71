"""The course of the pitch of a voice: the path of candidates that fits the autocorrelation best (Talkin 1995).

Axes: n samples, F frames, G candidates of pitch, L samples of a frame, K FFT bins.
"""

import dataclasses
import functools

import numpy as np
from jaxtyping import Float, Int
from scipy import fft

from deemo_jax.deid.voice.neutral.frames import HOP, frame_count, smooth
from deemo_jax.media import SAMPLE_RATE

LOWEST_HZ, HIGHEST_HZ, CANDIDATES = 60.0, 400.0, 80
# Half the sample rate is enough. Samples of a frame at it (40 ms), and of its transform: no candidate's lag reaches
# around it.
RATE, WINDOW, FFT = SAMPLE_RATE // 2, 320, 512
# Of a pitch and the octave below it, which fits as well, the higher is meant: what an octave adds to a correlation.
OCTAVE_BONUS = 0.06
# What a step of an octave from frame to frame costs, and how much of the path so far counts a frame later.
LEAP_COST, MEMORY = 2.0, 0.98
# Correlation from which a frame has a pitch, and its least energy, as a share of that of loud frames.
VOICED, LEAST_ENERGY = 0.55, 1e-4
# Frames with a pitch, at least, for a melody; frames over which it is averaged; frames that are looked at at once.
LEAST_VOICED, SPAN, BLOCK = 5, 5, 2000


@dataclasses.dataclass(frozen=True, slots=True)
class Melody:
    """The pitch of a voice.

    Attributes:
        octaves: above 1 Hz, of every frame; between frames with a pitch by interpolation, flat where there is none.
        middle: the median over the frames with a pitch; 0 where there is none.
        voiced: how many frames have a pitch; 0 where they are too few for a melody.
    """

    octaves: Float[np.ndarray, " F"]
    middle: float
    voiced: int


def melody(waveform: Float[np.ndarray, " n"]) -> Melody:
    """Follows the pitch of a waveform: float32, mono, 16 kHz."""
    count = frame_count(waveform.size)
    score, energy = np.empty((count, CANDIDATES), np.float32), np.empty(count, np.float32)
    for start in range(0, count, BLOCK):
        numbers = np.arange(start, min(start + BLOCK, count))
        score[numbers], energy[numbers] = _fits(waveform, numbers)
    best = _path(score)
    every = np.arange(count)
    periodic = (score[every, best] > VOICED) & (energy > LEAST_ENERGY * np.quantile(energy, 0.95))
    if periodic.sum() < LEAST_VOICED:
        return Melody(np.zeros(count), 0.0, 0)
    found = _between(score, best)[periodic]
    octaves = np.interp(every, np.flatnonzero(periodic), found)
    return Melody(smooth(octaves, SPAN), float(np.median(found)), int(periodic.sum()))


@functools.cache
def _candidates() -> Float[np.ndarray, " G"]:
    """Octaves above 1 Hz, evenly spread: 2.8 a semitone."""
    return np.linspace(np.log2(LOWEST_HZ), np.log2(HIGHEST_HZ), CANDIDATES)


def _fits(
    waveform: Float[np.ndarray, " n"], numbers: Int[np.ndarray, " F"]
) -> tuple[Float[np.ndarray, "F G"], Float[np.ndarray, " F"]]:
    """How well each candidate fits each frame: 1 for a periodic sound; and the energy of the frame."""
    places = HOP * numbers[:, None] + 2 * np.arange(-WINDOW // 2, WINDOW // 2)
    frames = np.take(waveform, places, mode="clip") + np.take(waveform, places + 1, mode="clip")
    frames[(places < 0) | (places + 1 >= waveform.size)] = 0.0
    hann = np.hanning(WINDOW).astype(np.float32)
    frames = (frames - frames.mean(axis=1, keepdims=True)) * hann
    own = _correlation(hann[None])[0]
    found = _correlation(frames)
    energy = found[:, :1]
    lags = RATE / 2 ** _candidates()
    low = lags.astype(int)
    part = (lags - low).astype(np.float32)
    # The correlation of a frame falls as that of its window does (Boersma 1993).
    score = found[:, low] * ((1 - part) / own[low] * own[0]) + found[:, low + 1] * (part / own[low + 1] * own[0])
    bonus = (OCTAVE_BONUS * (_candidates() - _candidates()[0])).astype(np.float32)
    return score / np.maximum(energy, 1e-9) + bonus, energy[:, 0]


def _correlation(frames: Float[np.ndarray, "F L"]) -> Float[np.ndarray, "F K"]:
    spectra = fft.rfft(frames, FFT, axis=1)
    return fft.irfft(spectra.real**2 + spectra.imag**2, FFT, axis=1)


def _path(score: Float[np.ndarray, "F G"]) -> Int[np.ndarray, " F"]:
    """The candidate of each frame on the best path; leaps cost."""
    octaves = _candidates()
    cost = (LEAP_COST * np.abs(octaves[:, None] - octaves)).astype(np.float32)
    every = np.arange(len(octaves))
    total, origin = score[0], np.zeros(score.shape, np.uint8)
    for t in range(1, len(score)):
        reached = total - cost
        origin[t] = reached.argmax(axis=1)
        total = np.maximum(reached[every, origin[t]], 0) * np.float32(MEMORY) + score[t]
    best = np.empty(len(score), np.int64)
    best[-1] = total.argmax()
    for t in range(len(score) - 1, 0, -1):
        best[t - 1] = origin[t, best[t]]
    return best


def _between(score: Float[np.ndarray, "F G"], best: Int[np.ndarray, " F"]) -> Float[np.ndarray, " F"]:
    """Octaves above 1 Hz: between the candidates by a parabola through three of them."""
    octaves, every = _candidates(), np.arange(len(best))
    inner = np.clip(best, 1, len(octaves) - 2)
    left, middle, right = (score[every, inner + k] for k in (-1, 0, 1))
    bend = np.minimum(left - 2 * middle + right, np.float32(-1e-6))
    shift = np.clip(0.5 * (left - right) / bend, -0.5, 0.5)
    return octaves[inner] + shift * (octaves[1] - octaves[0])
