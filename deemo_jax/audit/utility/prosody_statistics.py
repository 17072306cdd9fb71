"""What plain statistics say of how something is said: the second ear of the probes, which has learnt nothing.

Pitch, loudness and tempo are what acoustic studies of emotion find it in (Eyben et al. 2016). All is taken within the
clip, and nothing of it depends on how loud the clip is on the whole.
Axes: n samples, F frames of 10 ms, S statistics.
"""

import numpy as np
from jaxtyping import Bool, Float
from scipy import signal

from deemo_jax.audit.voice_cues import HOP, level_db, pitch
from deemo_jax.media import SAMPLE_RATE

# Frames so many dB below the loud ones (95 % quantile) are no speech; such a stretch is a pause from so many frames on,
# since stops are shorter.
SILENT_DB, LEAST_PAUSE = 25.0, 10
# A syllable is a peak of the loudness, averaged over so many frames, by at least so many dB (de Jong and Wempe 2009).
SYLLABLE_SPAN, SYLLABLE_DB = 7, 2.0
# Octaves from the median of a clip's pitch at which a frame is an error of the tracker, which mistakes octaves.
LEAP = 0.75
# Quantiles between which a range lies.
RANGE = (0.05, 0.95)
SECOND = SAMPLE_RATE / HOP  # frames
# Octaves and octaves a second; shares; dB and dB a second; syllables a second; seconds.
NAMES = (
    *("pitch_mean", "pitch_spread", "pitch_range", "pitch_slope", "voiced_share"),
    *("level_spread", "level_range", "level_slope"),
    *("syllable_rate", "pause_share", "pause_mean", "pause_longest"),
)


def prosody_statistics(waveform: Float[np.ndarray, " n"]) -> Float[np.ndarray, " S"]:
    """The statistics of a waveform, as `NAMES` lists them; 0 where one has nothing to be of.

    Args:
        waveform: mono, 16 kHz, in [-1, 1].
    """
    clean = np.nan_to_num(np.asarray(waveform, np.float64))
    level, hertz = level_db(clean), pitch(clean)
    loud = level >= np.quantile(level, 0.95) - SILENT_DB
    first, last = np.flatnonzero(loud)[[0, -1]]
    loud, level, hertz = (rows[first : last + 1] for rows in (loud, level, hertz[: len(level)]))
    voiced = np.isfinite(hertz)
    octaves = np.log2(hertz, where=voiced, out=np.zeros_like(hertz))
    middle = np.median(octaves[voiced]) if voiced.any() else 0.0
    melody = _course(octaves, voiced & (np.abs(octaves - middle) < LEAP))
    loudness = _course(level, loud)
    pauses = _pauses(~loud) / SECOND
    span = len(level) / SECOND
    found = [
        *melody,
        voiced.mean(),
        *loudness[1:],
        _syllables(level, loud) / span,
        pauses.sum() / span,
        pauses.mean() if pauses.size else 0.0,
        pauses.max(initial=0.0),
    ]
    return np.array(found, np.float32)


def _course(rows: Float[np.ndarray, " F"], counted: Bool[np.ndarray, " F"]) -> tuple[float, float, float, float]:
    """Mean, spread, range and slope a second, over the frames that count."""
    if counted.sum() < 2:
        return 0.0, 0.0, 0.0, 0.0
    values, seconds = rows[counted], np.flatnonzero(counted) / SECOND
    low, high = np.quantile(values, RANGE)
    slope = np.polynomial.Polynomial.fit(seconds, values, 1).convert(domain=None).coef
    return float(values.mean()), float(values.std()), float(high - low), float(slope[1] if len(slope) > 1 else 0.0)


def _pauses(silent: Bool[np.ndarray, " F"]) -> Float[np.ndarray, " _"]:
    """The length of each pause, frames."""
    edges = np.flatnonzero(np.diff(np.concatenate([[False], silent, [False]]).astype(int)))
    lengths = (edges[1::2] - edges[::2]).astype(np.float64)
    return lengths[lengths >= LEAST_PAUSE]


def _syllables(level: Float[np.ndarray, " F"], loud: Bool[np.ndarray, " F"]) -> int:
    window = np.hanning(SYLLABLE_SPAN + 2)[1:-1]
    even = np.convolve(np.pad(level, SYLLABLE_SPAN // 2, "edge"), window / window.sum(), "valid")
    peaks, _ = signal.find_peaks(even, prominence=SYLLABLE_DB)
    return int(loud[peaks].sum())
