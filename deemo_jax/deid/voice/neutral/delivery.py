"""How somebody who does not exist says a clip: how high, and how loud on the whole. Axes: n samples, F frames."""

import dataclasses

import numpy as np
from jaxtyping import Bool, Float

from deemo_jax.deid.voice.neutral.frames import smooth
from deemo_jax.deid.voice.neutral.manner import Manner
from deemo_jax.deid.voice.neutral.melody import Melody

# Loudness of all that sounds, dB of full scale; by how much speech is made louder at most, so that the hiss of a silent
# room stays soft.
LEVEL_DB, MOST_GAIN_DB = -26.0, 30.0
# How far pitch may move from its middle, octaves; and frames over which that is averaged: a syllable's turn is kept,
# what the tracker mistakes is not.
MOST_OCTAVES, PITCH_SPAN = 1.0, 25
# How far the loudness of a clip may be from that of its speaker, dB.
MOST_OFF_DB = 10.0
# Greatest sample of the result.
PEAK = 0.999


@dataclasses.dataclass(frozen=True, slots=True)
class Person:
    """Somebody who does not exist.

    Attributes:
        pitch_hz: in the middle of their voice.
        warp: factor of the frequencies of their envelopes, as of a shorter vocal tract.
    """

    pitch_hz: float
    warp: float = 1.0


# The one voice, its pitch between those of most women and most men; and those of further people in the same clip.
NOBODY = Person(150.0)
PEOPLE = (NOBODY, Person(110.0, 0.92), Person(205.0, 1.09))


def said_pitch(pitch: Melody, usual: Manner | None, prosody: float, person: Person) -> Float[np.ndarray, " F"]:
    """The pitch of each frame, Hz.

    Args:
        pitch: of the waveform.
        usual: the speaker's manner, around whose middle pitch is taken; None for the waveform's own.
        prosody: how much of the course is kept, from 0 to 1.
        person: who says it.
    """
    centre = usual.octave if usual is not None and usual.voiced else pitch.middle
    octaves = np.clip(pitch.octaves - centre, -MOST_OCTAVES, MOST_OCTAVES)
    return person.pitch_hz * 2 ** (prosody * smooth(octaves if pitch.voiced else 0 * octaves, PITCH_SPAN))


def said_level(
    decibels: Float[np.ndarray, " F"],
    sounds: Bool[np.ndarray, " F"],
    middle_db: float,
    usual: Manner | None,
    prosody: float,
) -> Float[np.ndarray, " F"]:
    """The root mean square of each frame: of one loudness over all that sounds, or as far from it as the clip is.

    Args:
        decibels: how loud each frame is beside the others.
        sounds: which frames count for the loudness.
        middle_db: mean loudness of the waveform's speech, dB of full scale.
        usual: the speaker's manner, beside whose loudness the clip's is taken; None for one loudness.
        prosody: how much of what the clip is off that is kept, from 0 to 1.
    """
    mean_power = np.mean(10 ** (decibels[sounds] / 10)) if sounds.any() else 1.0
    level = decibels + min(LEVEL_DB, middle_db + MOST_GAIN_DB) - 10 * np.log10(mean_power)
    if usual is not None and usual.spoken:
        level += prosody * np.clip(middle_db - usual.decibels, -MOST_OFF_DB, MOST_OFF_DB)
    return (10 ** (level / 20)).astype(np.float32)


def within_scale(waveform: Float[np.ndarray, " n"]) -> Float[np.ndarray, " n"]:
    """The waveform, softer where it would be louder than full scale."""
    peak = float(np.abs(waveform).max(initial=0.0))
    return waveform * np.float32(PEAK / peak) if peak > PEAK else waveform
