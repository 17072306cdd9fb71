"""Words as eSpeak NG says them, stretched to given times: the envelope, loudness and tone of every frame.

eSpeak says phrases on a monotone of a known pitch. So its spectra are smoothed over the distance of harmonics, after
CheapTrick (Morise 2015), and whether a frame is tone or noise is how well it repeats after one period.
Axes: n samples, W words, F frames, L samples of a frame, K FFT bins, Q quefrencies.
"""

import dataclasses
from collections.abc import Iterator

import numpy as np
from jaxtyping import Complex, Float, Int
from scipy import fft

from deemo_jax.deid.voice.neutral.cepstra import log_minimum_phase
from deemo_jax.deid.voice.neutral.frames import FFT, HOP, frame_count, smooth
from deemo_jax.deid.voice.spoken.words import Words
from deemo_jax.media import SAMPLE_RATE, espeak

# The voice, words a minute, and its pitch on a monotone (measured).
VARIANT, RATE_WPM, PITCH_HZ = "f5", 160, 183.0
# Words of a phrase, at most; and seconds between two words from which on they are in phrases of their own.
PHRASE, PAUSE_S = 40, 0.3
# Seconds that a word takes, at least.
LEAST_S = 0.03
# Samples of a frame: three periods. Quefrencies that are kept: one and a half periods.
PERIOD = SAMPLE_RATE / PITCH_HZ
WINDOW, QUEFRENCIES = round(3 * PERIOD), 128
# How the mean over a period's quefrency is made up for (CheapTrick's constant).
COMPENSATION = -0.15
# Correlation after one period at which a frame has no tone, and at which it is all tone; by how much the period may be
# off.
NO_TONE, ALL_TONE, OFF = 0.3, 0.7, 0.05
# Mean square of a frame below which there is nothing; frames that are looked at at once; and over which is averaged.
LEAST_POWER, BLOCK, SPAN = 1e-9, 2000, 3


@dataclasses.dataclass(frozen=True, slots=True, eq=False)
class Utterances:
    """What is said in every frame of a clip, 10 ms apart.

    Attributes:
        cepstra: of the logarithm of the size of a filter, from quefrency 0 on; 0 outside of words.
        decibels: how loud eSpeak is; -inf outside of words.
        tone: how much of it is tone, from 0 to 1.
    """

    cepstra: Float[np.ndarray, "F Q"]
    decibels: Float[np.ndarray, " F"]
    tone: Float[np.ndarray, " F"]

    def filters(self, at: slice, gain: Float[np.ndarray, " F"], warp: float) -> Complex[np.ndarray, "_ K"]:
        """Minimum-phase filters of some frames.

        Args:
            at: which.
            gain: root mean square of each filter of all frames, over frequency.
            warp: factor of all frequencies, as of a shorter vocal tract.
        """
        found = log_minimum_phase(self.cepstra[at])
        if warp != 1:
            bins = np.arange(FFT // 2 + 1) / warp
            low = np.minimum(bins.astype(int), FFT // 2 - 1)
            part = np.minimum(bins - low, 1).astype(np.float32)
            found = found[:, low] * (1 - part) + found[:, low + 1] * part
        found = np.exp(found)
        size = np.sqrt(np.mean(found.real**2 + found.imag**2, axis=1))
        return found * (gain[at] / size)[:, None]


def say_words(words: Words, size: int) -> Utterances:
    """Says words at their times.

    Args:
        words: of the clip.
        size: samples of the clip, at 16 kHz.

    Raises:
        UserError: eSpeak is not installed.
    """
    count = frame_count(size)
    cepstra = np.zeros((count, QUEFRENCIES), np.float32)
    decibels, tone = np.full(count, -np.inf), np.zeros(count, np.float32)
    for first, last in _phrases(words):
        sound, starts, ends = _phrase(words.texts[first:last])
        frames, places = [], []
        for k, (start, end) in enumerate(zip(starts, ends, strict=True), first):
            begin = words.starts[k]
            finish = max(words.ends[k], begin + LEAST_S)
            numbers = np.arange(max(round(begin * SAMPLE_RATE / HOP), 0), min(round(finish * SAMPLE_RATE / HOP), count))
            share = (numbers * HOP / SAMPLE_RATE - begin) / (finish - begin)
            frames.append(numbers)
            places.append(np.round((start + np.clip(share, 0, 1) * (end - start)) * SAMPLE_RATE).astype(int))
        at, where = np.concatenate(frames), np.concatenate(places)
        for block in range(0, len(at), BLOCK):
            here = slice(block, block + BLOCK)
            cepstra[at[here]], decibels[at[here]], tone[at[here]] = _frames(sound, where[here])
    # A single frame that differs from both of its neighbours is an irregular period of eSpeak's voice.
    tone = np.median(np.lib.stride_tricks.sliding_window_view(np.pad(tone, 1, "edge"), 3), axis=1)
    return Utterances(smooth(cepstra, SPAN), decibels, smooth(tone, SPAN))


def _phrases(words: Words) -> Iterator[tuple[int, int]]:
    """The first word of each phrase, and the one after its last."""
    first = 0
    for k in range(1, len(words.texts) + 1):
        if k == len(words.texts) or k - first == PHRASE or words.starts[k] - words.ends[k - 1] > PAUSE_S:
            yield first, k
            first = k


def _phrase(
    texts: tuple[str, ...],
) -> tuple[Float[np.ndarray, " n"], Float[np.ndarray, " W"], Float[np.ndarray, " W"]]:
    """A phrase at 16 kHz, with the start and end of each word, seconds."""
    import soxr

    said = " ".join(texts)
    samples, words = espeak.trimmed(*espeak.say(said, VARIANT, RATE_WPM, 50, 0), said)
    sound = np.asarray(soxr.resample(samples, espeak.RATE, SAMPLE_RATE), np.float32)
    return sound, np.array([word.start_s for word in words]), np.array([word.end_s for word in words])


def _frames(
    sound: Float[np.ndarray, " n"], places: Int[np.ndarray, " F"]
) -> tuple[Float[np.ndarray, "F Q"], Float[np.ndarray, " F"], Float[np.ndarray, " F"]]:
    """Cepstra, loudness (dB) and tone of frames in the middle of which are these samples."""
    window = np.hanning(WINDOW + 2)[1:-1].astype(np.float32)
    at = places[:, None] + np.arange(WINDOW) - WINDOW // 2
    samples = np.take(sound, at, mode="clip")
    samples[(at < 0) | (at >= sound.size)] = 0.0
    samples *= window
    power = np.abs(fft.rfft(samples, 2 * FFT, axis=1)) ** 2
    lags = fft.irfft(power, axis=1)
    own = fft.irfft(np.abs(fft.rfft(window, 2 * FFT)) ** 2)
    mean_square = np.maximum(lags[:, 0] / own[0], LEAST_POWER)
    near = np.arange(round(PERIOD * (1 - OFF)), round(PERIOD * (1 + OFF)) + 1)
    repeats = (lags[:, near] / own[near]).max(axis=1) / mean_square
    tone = np.clip((repeats - NO_TONE) / (ALL_TONE - NO_TONE), 0, 1)
    late = np.minimum(np.arange(2 * FFT), 2 * FFT - np.arange(2 * FFT)) / PERIOD  # periods
    # A mean over two thirds of the distance of harmonics is a product over lags.
    flat = fft.rfft(lags * np.sinc(late * 2 / 3), axis=1).real
    flat = np.maximum(flat, 1e-4 * flat.mean(axis=1, keepdims=True) + LEAST_POWER)
    lifter = np.sinc(late) * (1 - 2 * COMPENSATION + 2 * COMPENSATION * np.cos(2 * np.pi * late))
    cepstra = 0.5 * fft.irfft(np.log(flat), axis=1) * lifter  # half, since filters are of size and not of power
    return cepstra[:, :QUEFRENCIES].astype(np.float32), 10 * np.log10(mean_square), tone.astype(np.float32)
