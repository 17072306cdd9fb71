"""How much a changed voice keeps of pitch, loudness and, by a proxy, intelligibility.

Axes: n samples, F frames of 10 ms, L frame length, B bands.
"""

import dataclasses
import functools

import numpy as np
from jaxtyping import Float
from scipy import signal

from deemo_jax.media import SAMPLE_RATE

# Samples between two frames: 10 ms.
HOP = 160
# The pitch tracker: autocorrelation over 640 samples (40 ms), divided by that of the window (Boersma 1993). A frame is
# voiced from a normalised autocorrelation of `VOICED` on.
PITCH_WINDOW = 640
LOWEST_HZ, HIGHEST_HZ = 60.0, 400.0
VOICED = 0.5
# The waveform is low-passed first, since formants above this are not pitch.
LOW_PASS_HZ = 900.0
# Octaves from the median of 7 frames (70 ms) at which a frame is dropped as an octave error.
LEAP = 0.25
# Semitones from the median shift of a voice at which a frame counts as a gross error.
GROSS_SEMITONES = 3.0
# Frames voiced in both waveforms below which pitch is not compared.
LEAST_FRAMES = 10
# Frames so many dB below the loud ones (95 % quantile) are pauses.
PAUSE_DB = 35.0
# Short-time intelligibility (Taal et al. 2011): third-octave bands from 150 Hz, in stretches of 384 ms, here 38 frames.
FIRST_BAND_HZ, BANDS = 150.0, 15
STRETCH = 38


@dataclasses.dataclass(frozen=True, slots=True)
class Kept:
    """How much a changed voice keeps of the original; correlations are Pearson's.

    Attributes:
        pitch_correlation: of log F0 over frames that are voiced in both, without gross errors; NaN with fewer than ten
            frames.
        pitch_gross_errors: share of frames voiced in both that are more than three semitones off the median shift:
            errors of the tracker, or a voice that became rough; NaN likewise.
        pitch_shift: the median shift, semitones; NaN likewise.
        loudness_correlation: of the levels (dB) over frames of speech.
        envelope_correlation: of band envelopes within 384 ms, mean over bands and stretches (STOI without its
            clipping). A proxy of intelligibility: it falls with every shift of a formant, also where words stay clear.
    """

    pitch_correlation: float
    pitch_gross_errors: float
    pitch_shift: float
    loudness_correlation: float
    envelope_correlation: float


def kept(before: Float[np.ndarray, " n"], after: Float[np.ndarray, " n"]) -> Kept:
    """Compares a voice with its changed form.

    Args:
        before: the original, mono, 16 kHz.
        after: the changed voice, beginning at the same time; of the longer of both the end is left out.
    """
    length = min(before.size, after.size)
    pair = [np.nan_to_num(np.asarray(x[:length], np.float64)) for x in (before, after)]
    melodies = [12 * np.log2(pitch(x)) for x in pair]
    both = np.isfinite(melodies[0]) & np.isfinite(melodies[1])
    levels = [level_db(x) for x in pair]
    speech = levels[0] >= np.quantile(levels[0], 0.95) - PAUSE_DB
    correlation = gross = shift = float("nan")
    if both.sum() >= LEAST_FRAMES:
        moved = melodies[1][both] - melodies[0][both]
        shift = float(np.median(moved))
        followed = np.abs(moved - shift) <= GROSS_SEMITONES
        gross = float(1 - followed.mean())
        correlation = _correlation(*(melody[both][followed] for melody in melodies))
    return Kept(
        pitch_correlation=correlation,
        pitch_gross_errors=gross,
        pitch_shift=shift,
        loudness_correlation=_correlation(levels[0][speech], levels[1][speech]),
        envelope_correlation=_envelope_correlation(pair[0], pair[1], speech),
    )


def pitch(waveform: Float[np.ndarray, " n"]) -> Float[np.ndarray, " F"]:
    """F0 of a waveform of 16 kHz, Hz, every 10 ms; NaN where it is not voiced."""
    window = np.hanning(PITCH_WINDOW)
    frames = _frames(signal.sosfiltfilt(_low_pass(), waveform), PITCH_WINDOW)
    own = _autocorrelation(window[None])[0]
    correlation = _autocorrelation((frames - frames.mean(axis=1, keepdims=True)) * window) / own
    first, last = int(SAMPLE_RATE / HIGHEST_HZ), int(SAMPLE_RATE / LOWEST_HZ)
    lags = np.arange(first, last + 1)
    # Long lags are penalised: the octave below correlates nearly as well.
    favoured = correlation[:, lags] - 0.02 * np.log2(lags / first)
    best = lags[np.argmax(favoured, axis=1)]
    rows = np.arange(len(best))
    left, here, right = (correlation[rows, best + step] for step in (-1, 0, 1))
    bend = left - 2 * here + right
    offset = np.where(bend < -1e-9, 0.5 * (left - right) / np.where(bend < -1e-9, bend, 1.0), 0.0)
    level = level_db(waveform)[: len(best)]
    voiced = (here > VOICED) & (level >= np.quantile(level, 0.95) - PAUSE_DB)
    hertz = np.where(voiced, SAMPLE_RATE / (best + np.clip(offset, -1, 1)), np.nan)
    # A frame far from the median around it is an octave error.
    around = np.lib.stride_tricks.sliding_window_view(np.pad(hertz, 3, constant_values=np.nan), 7)
    smooth = np.full(len(hertz), np.nan)
    smooth[voiced] = np.nanmedian(around[voiced], axis=1)
    return np.where(np.abs(np.log2(hertz / smooth)) < LEAP, hertz, np.nan)


@functools.cache
def _low_pass() -> Float[np.ndarray, "S 6"]:
    return signal.butter(4, LOW_PASS_HZ, fs=SAMPLE_RATE, output="sos")


def level_db(waveform: Float[np.ndarray, " n"]) -> Float[np.ndarray, " F"]:
    """The level of a waveform of 16 kHz: RMS over 40 ms, dB, every 10 ms."""
    return 20 * np.log10(np.sqrt(np.mean(np.square(_frames(waveform, PITCH_WINDOW)), axis=1)) + 1e-6)


def _frames(waveform: Float[np.ndarray, " n"], length: int) -> Float[np.ndarray, "F L"]:
    padded = np.pad(np.asarray(waveform, np.float64), (length // 2, length // 2))
    return np.lib.stride_tricks.sliding_window_view(padded, length)[::HOP]


def _autocorrelation(frames: Float[np.ndarray, "F L"]) -> Float[np.ndarray, "F L"]:
    """The autocorrelation of each frame for lags below L, divided by that of lag 0."""
    length = frames.shape[1]
    power = np.abs(np.fft.rfft(frames, 2 * length, axis=1)) ** 2
    correlation = np.fft.irfft(power, axis=1)[:, :length]
    return correlation / np.maximum(correlation[:, :1], 1e-12)


def _envelope_correlation(before: Float[np.ndarray, " n"], after: Float[np.ndarray, " n"], speech: np.ndarray) -> float:
    envelopes = [_bands(x) for x in (before, after)]
    found = []
    for start in range(0, envelopes[0].shape[1] - STRETCH + 1, STRETCH // 2):
        if speech[start : start + STRETCH].mean() < 0.5:
            continue
        cut = [e[:, start : start + STRETCH] for e in envelopes]
        cut = [e - e.mean(axis=1, keepdims=True) for e in cut]
        norms = [np.linalg.norm(e, axis=1) for e in cut]
        found.append(np.mean(np.sum(cut[0] * cut[1], axis=1) / np.maximum(norms[0] * norms[1], 1e-12)))
    return float(np.mean(found)) if found else float("nan")


def _bands(waveform: Float[np.ndarray, " n"]) -> Float[np.ndarray, "B F"]:
    spectra = np.abs(np.fft.rfft(_frames(waveform, 512) * np.hanning(512), axis=1)) ** 2
    centres = FIRST_BAND_HZ * 2 ** (np.arange(BANDS) / 3)
    hertz = np.fft.rfftfreq(512, 1 / SAMPLE_RATE)
    members = (hertz >= centres[:, None] * 2 ** (-1 / 6)) & (hertz < centres[:, None] * 2 ** (1 / 6))
    return np.sqrt(members.astype(np.float64) @ spectra.T)


def _correlation(a: Float[np.ndarray, " F"], b: Float[np.ndarray, " F"]) -> float:
    if a.size < 2 or a.std() < 1e-9 or b.std() < 1e-9:
        return float("nan")
    return float(np.corrcoef(a, b)[0, 1])
