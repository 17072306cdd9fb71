"""One voice for everybody: says what is said, and how, as a speaker who does not exist.

The sound is heard as a row of phones (`phone_classes`). Each is spoken with the spectral envelope that the many
speakers of a speech recogniser's model have between the same two phones (`envelopes`), by pulses and noise that are
made here (`vocoder`). So nothing of the waveform is in the result, whatever the sound is: silence gives silence,
anything else phones. What is carried over is the slow course of pitch and loudness (`loudness_course`) around its
middle, as much of it as `prosody` says, and all times: pauses and tempo.
Axes: n samples, F frames.
"""

import numpy as np
from jaxtyping import Float

from deemo_jax.deid.settings import DETAIL, PROSODY
from deemo_jax.deid.voice.neutral.cepstra import filters
from deemo_jax.deid.voice.neutral.delivery import NOBODY, Person, said_level, said_pitch, within_scale
from deemo_jax.deid.voice.neutral.envelopes import said_cepstra
from deemo_jax.deid.voice.neutral.frames import SILENT_DB, loudness, smooth, spoken
from deemo_jax.deid.voice.neutral.loudness_course import course_of_loudness, own_loudness, quietness, said_loudness
from deemo_jax.deid.voice.neutral.manner import Manner, is_silent, without_gaps
from deemo_jax.deid.voice.neutral.melody import melody
from deemo_jax.deid.voice.neutral.model import STATES, load_model
from deemo_jax.deid.voice.neutral.phone_classes import hear_phones
from deemo_jax.deid.voice.neutral.vocoder import synthesise

# Envelopes are averages of many speakers, and flatter than those of any of them: what they are multiplied by.
EMPHASIS = 1.25
# Frames over which envelopes and tone are averaged.
ENVELOPE_SPAN = 3


def neutral(
    waveform: Float[np.ndarray, " n"],
    rng: np.random.Generator,
    prosody: float = PROSODY,
    detail: float = DETAIL,
    usual: Manner | None = None,
    person: Person = NOBODY,
) -> Float[np.ndarray, " n"]:
    """The waveform said by the one voice.

    Args:
        waveform: mono, 16 kHz, in [-1, 1]; samples that are not finite count as silence.
        rng: draws the phase of the pulses and the noise; the voice does not depend on it.
        prosody: 0 for one pitch and the loudness that each phone has by itself, to 1 for the waveform's own course.
        detail: 0 for one envelope of a phone between two others, to 1 for that of the model's speakers who are nearest
            to the frame: clearer words, and more of who speaks.
        usual: the speaker's, around whose middle pitch and loudness are taken; None for the waveform's own.
        person: who says it.

    Returns:
        float32 (n,), peak below 1; at one loudness, or as far from it as the clip is from its speaker's.
    """
    clean = without_gaps(waveform)
    if is_silent(clean):
        return np.zeros(clean.shape, np.float32)
    model, level, pitch = load_model(), loudness(clean), melody(clean)
    loud = spoken(level)
    middle_db = float(level[loud].mean())
    above, sounds = level - middle_db, level > SILENT_DB
    quiet = quietness(above)
    heard = hear_phones(clean, level, model)
    phones = heard.path // STATES
    cepstra = smooth(said_cepstra(heard, model, detail), ENVELOPE_SPAN)
    speech = 1 - np.maximum(model.silent[phones], quiet)
    own = own_loudness(cepstra, quiet, sounds, model)
    # The mean over speech tells of speaker and channel; that of the model's features is 0.
    mean = (cepstra * speech[:, None]).sum(axis=0) / (speech.sum() + 1e-6)
    cepstra = (EMPHASIS * (cepstra - speech[:, None] * mean)).astype(np.float32)

    decibels = said_loudness(own, course_of_loudness(above, own, speech), speech, prosody)
    gain = said_level(decibels, sounds, middle_db, usual, prosody)
    hertz = said_pitch(pitch, usual, prosody, person)
    tone = smooth(model.tone[phones], ENVELOPE_SPAN)
    changed = synthesise(lambda at: filters(cepstra[at], gain[at], person.warp), hertz, tone, clean.size, rng)
    return within_scale(changed)
