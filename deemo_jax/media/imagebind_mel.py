"""ImageBind's audio front end: a waveform becomes 2-second log-mel clips.

Kaldi's filter bank with ImageBind's settings (`imagebind/data.py`; torchaudio `compliance.kaldi.fbank`):
128 mel bins, 25 ms frames every 10 ms, symmetric Hann window, no dither. Axes: M clips, F frames, K FFT bins.
"""

import functools

import numpy as np
from jaxtyping import Float

from deemo_jax.core.errors import UserError
from deemo_jax.media import SAMPLE_RATE

# Of one clip: samples (2 s), mel bins, and columns. 198 columns come from the sound, the rest is padding.
CLIP_SAMPLES = 2 * SAMPLE_RATE
MEL_BINS = 128
MEL_FRAMES = 204

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
# Of the logarithms over ImageBind's training data.
MEAN, STD = -4.268, 9.138


def mel_clips(waveform: Float[np.ndarray, " n"], clips: int = 8) -> Float[np.ndarray, "M 128 204"]:
    """Normalised log-mel spectrograms of 2-second clips at even distances, the first at the start, the last at the end.

    A waveform shorter than 2 s is padded with zeros at its end (AffectGPT's rule).

    Args:
        waveform: mono, 16 kHz, in [-1, 1] (not 16-bit integers).
        clips: M.

    Returns:
        float32 (clips, 128 mel, 204 time); columns past the last frame are (0 - mean) / std.

    Raises:
        UserError: shorter than one 25 ms frame, or not finite.
    """
    waveform = np.asarray(waveform, np.float64)
    if waveform.ndim != 1 or waveform.size < WINDOW:
        raise UserError(f"the sound lasts {waveform.size / SAMPLE_RATE * 1e3:.1f} ms; at least 25 ms are needed")
    if not np.isfinite(waveform).all():
        raise UserError("the sound holds samples that are not finite; decode it again")
    waveform = np.pad(waveform, (0, max(0, CLIP_SAMPLES - waveform.size)))
    starts = [i * (waveform.size - CLIP_SAMPLES) // max(clips - 1, 1) for i in range(clips)]
    spectrograms = {start: _log_mel(waveform[start : start + CLIP_SAMPLES]) for start in dict.fromkeys(starts)}
    padded = np.zeros((clips, MEL_BINS, MEL_FRAMES))
    for row, start in zip(padded, starts, strict=True):
        mel = spectrograms[start]
        row[:, : mel.shape[1]] = mel
    return ((padded - MEAN) / STD).astype(np.float32)


def _log_mel(clip: Float[np.ndarray, " n"]) -> Float[np.ndarray, "128 F"]:
    """Natural logarithms of mel energies."""
    frames = np.lib.stride_tricks.sliding_window_view(clip - clip.mean(), WINDOW)[::HOP]
    frames = frames - frames.mean(axis=1, keepdims=True)
    before = np.concatenate([frames[:, :1], frames[:, :-1]], axis=1)
    frames = (frames - PREEMPHASIS * before) * np.hanning(WINDOW)
    power = np.abs(np.fft.rfft(frames, FFT)) ** 2
    return np.log(np.maximum(filter_bank() @ power.T, FLOOR))


@functools.cache
def filter_bank() -> Float[np.ndarray, "128 K"]:
    """Triangular filters, evenly spaced on the mel scale 1127 ln(1 + f/700) from 20 Hz to 8 kHz, each 1 at its middle.

    As in Kaldi, the last FFT bin (8 kHz) belongs to no filter, and filter 3 lies between two FFT bins and is empty.
    """
    low, high = _mel(np.array([LOW_HZ, SAMPLE_RATE / 2]))
    edges = np.linspace(low, high, MEL_BINS + 2)
    left, centre, right = edges[:-2, None], edges[1:-1, None], edges[2:, None]
    bins = _mel(np.arange(FFT // 2) * SAMPLE_RATE / FFT)[None]
    weights = np.clip(np.minimum((bins - left) / (centre - left), (right - bins) / (right - centre)), 0, None)
    return np.pad(weights, ((0, 0), (0, 1)))


def _mel(hertz: Float[np.ndarray, "..."]) -> Float[np.ndarray, "..."]:
    return 1127.0 * np.log1p(hertz / 700.0)
