"""How somebody speaks on the whole: the middle of their pitch and of their loudness, around which a voice moves."""

import dataclasses
from collections.abc import Iterable

import numpy as np
from jaxtyping import Float

from deemo_jax.deid.voice.neutral.frames import WINDOW, loudness, spoken
from deemo_jax.deid.voice.neutral.melody import melody

# A waveform without any sample above this is silence: -80 dB of full scale.
SILENT_BELOW = 1e-4


@dataclasses.dataclass(frozen=True, slots=True)
class Manner:
    """The middle of a voice. It tells who speaks: it goes into no manifest.

    Attributes:
        octave: pitch, octaves above 1 Hz; the median over the frames with a pitch.
        decibels: mean loudness of the frames of speech, dB of full scale.
        voiced: how many frames have a pitch; with 0 the octave means nothing.
        spoken: how many frames are speech; with 0 the decibels mean nothing.
    """

    octave: float
    decibels: float
    voiced: int
    spoken: int


def manner_of(waveform: Float[np.ndarray, " n"]) -> Manner:
    """The manner of one clip.

    Args:
        waveform: mono, 16 kHz, in [-1, 1]; samples that are not finite count as silence.
    """
    clean = without_gaps(waveform)
    if is_silent(clean):
        return Manner(0.0, 0.0, 0, 0)
    level, pitch = loudness(clean), melody(clean)
    speech = spoken(level)
    return Manner(pitch.middle, float(level[speech].mean()), pitch.voiced, len(speech))


def mean_manner(manners: Iterable[Manner]) -> Manner:
    """The manner of a speaker: the mean over all of their clips, by their frames."""
    known = list(manners)
    voiced, speech = sum(one.voiced for one in known), sum(one.spoken for one in known)
    octave = sum(one.octave * one.voiced for one in known) / max(voiced, 1)
    decibels = sum(one.decibels * one.spoken for one in known) / max(speech, 1)
    return Manner(octave, decibels, voiced, speech)


def without_gaps(waveform: Float[np.ndarray, " n"]) -> Float[np.ndarray, " n"]:
    """The waveform as float32, with silence for what is not finite."""
    clean = np.asarray(waveform, np.float32)
    return clean if np.isfinite(clean).all() else np.nan_to_num(clean, nan=0.0, posinf=0.0, neginf=0.0)


def is_silent(waveform: Float[np.ndarray, " n"]) -> bool:
    """Whether a waveform holds no sound, or is shorter than a frame."""
    peak = max(float(waveform.max(initial=0.0)), -float(waveform.min(initial=0.0)))
    return waveform.size < WINDOW or peak <= SILENT_BELOW
