"""One voice for everybody: says what is said, and how, as a speaker who does not exist.

The sound is heard as classes of speech (`phone_classes`). Each is spoken with the spectral envelope that the many
speakers of a speech recogniser's model have on average, by pulses and noise that are made here (`vocoder`). So nothing
of the waveform is in the result, whatever the sound is: silence gives silence, anything else classes of speech. What is
carried over is the course of pitch and loudness around its middle, as much of it as `prosody` says, and all times:
pauses and tempo.
Axes: n samples, F frames.
"""

import dataclasses

import numpy as np
from jaxtyping import Float

from deemo_jax.deid.voice.neutral.cepstra import BANDS
from deemo_jax.deid.voice.neutral.frames import loudness, smooth, spoken
from deemo_jax.deid.voice.neutral.manner import Manner, is_silent, without_gaps
from deemo_jax.deid.voice.neutral.melody import melody
from deemo_jax.deid.voice.neutral.model import load_model
from deemo_jax.deid.voice.neutral.phone_classes import hear_classes
from deemo_jax.deid.voice.neutral.vocoder import synthesise

# Loudness of speech, dB of full scale; by how much it is made louder at most, so that the hiss of a silent room stays
# soft.
LEVEL_DB, MOST_GAIN_DB = -26.0, 30.0
# How far pitch may move from its middle, octaves; and loudness, down and up, dB.
MOST_OCTAVES, MOST_SOFTER_DB, MOST_LOUDER_DB = 1.0, -40.0, 12.0
# Decibels above the mean loudness of speech from which on, and at which, a frame is a pause whatever it sounds like.
QUIET_DB = (-35.0, -45.0)
# How far the loudness of a clip may be from that of its speaker, dB; how much softer pauses are made.
MOST_OFF_DB, PAUSE_DB = 10.0, 25.0
# Envelopes are averages of many speakers, and flatter than those of any of them: what they are multiplied by.
EMPHASIS = 1.25
# Frames over which envelopes and tone, and pauses, are averaged.
ENVELOPE_SPAN, PAUSE_SPAN = 3, 5
# Decibels that a unit of the first cepstrum stands for: the mean of the log-powers of all bands.
DB_PER_CEPSTRUM = 10 / np.log(10) / np.sqrt(BANDS)
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


def neutral(
    waveform: Float[np.ndarray, " n"],
    rng: np.random.Generator,
    prosody: float = 1.0,
    detail: float = 0.0,
    usual: Manner | None = None,
    person: Person = NOBODY,
) -> Float[np.ndarray, " n"]:
    """The waveform said by the one voice.

    Args:
        waveform: mono, 16 kHz, in [-1, 1]; samples that are not finite count as silence.
        rng: draws the phase of the pulses and the noise; the voice does not depend on it.
        prosody: 0 for one pitch and the loudness that each class has on average, to 1 for the waveform's own course.
        detail: 0 for one envelope a class, to 1 for that of the model's speakers who are nearest to the frame: clearer
            words, and more of who speaks.
        usual: the speaker's, around whose middle pitch and loudness are taken; None for the waveform's own.
        person: who says it.

    Returns:
        float32 (n,), peak below 1; at one loudness, or as far from it as the clip is from its speaker's.
    """
    clean = without_gaps(waveform)
    if is_silent(clean):
        return np.zeros(clean.shape, np.float32)
    level, pitch = loudness(clean), melody(clean)
    speech = spoken(level)
    middle_db = float(level[speech].mean())
    said = hear_classes(clean, speech, load_model(), detail)
    # What is much softer than speech is a pause, whatever it sounds like.
    soft = np.clip((QUIET_DB[0] - level + middle_db) / (QUIET_DB[0] - QUIET_DB[1]), 0, 1)
    silence = np.maximum(said.silence, soft.astype(np.float32))
    cepstra = smooth(said.cepstra, ENVELOPE_SPAN)
    heard = (1 - silence)[:, None]
    # The mean over speech tells of speaker and channel; that of the model's features is 0.
    mean = (cepstra * heard).sum(axis=0) / (heard.sum() + 1e-6)
    own_level = DB_PER_CEPSTRUM * cepstra[:, 0]
    cepstra = EMPHASIS * (cepstra - heard * mean)

    course = np.clip(level - middle_db, MOST_SOFTER_DB, MOST_LOUDER_DB)
    own_level = own_level + MOST_SOFTER_DB * soft
    decibels = prosody * course + (1 - prosody) * own_level - PAUSE_DB * smooth(silence, PAUSE_SPAN)
    decibels += min(LEVEL_DB, middle_db + MOST_GAIN_DB) - 10 * np.log10(np.mean(10 ** (decibels[speech] / 10)))
    if usual is not None and usual.spoken:
        decibels += prosody * np.clip(middle_db - usual.decibels, -MOST_OFF_DB, MOST_OFF_DB)

    centre = usual.octave if usual is not None and usual.voiced else pitch.middle
    octaves = np.clip(pitch.octaves - centre, -MOST_OCTAVES, MOST_OCTAVES) if pitch.voiced else np.zeros(len(level))
    hertz = person.pitch_hz * 2 ** (prosody * octaves)
    gain = (10 ** (decibels / 20)).astype(np.float32)
    tone = smooth(said.tone, ENVELOPE_SPAN)
    changed = synthesise(cepstra, gain, hertz, tone, clean.size, rng, person.warp)
    peak = float(np.abs(changed).max(initial=0.0))
    if peak > PEAK:
        changed *= np.float32(PEAK / peak)
    return changed
