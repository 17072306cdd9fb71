"""How loud each frame of the one voice is: as its phone is by itself, and as the waveform is beyond that.

Axes: F frames, D cepstra.
"""

import numpy as np
from jaxtyping import Bool, Float

from deemo_jax.deid.voice.neutral.cepstra import BANDS
from deemo_jax.deid.voice.neutral.frames import smooth
from deemo_jax.deid.voice.neutral.model import Model

# Decibels that a unit of the first cepstrum stands for: the mean of the log-powers of all bands.
DB_PER_CEPSTRUM = 10 / np.log(10) / np.sqrt(BANDS)
# Decibels above the mean loudness of speech from which on, and at which, a frame is a pause whatever it sounds like.
QUIET_DB = (-35.0, -45.0)
# How much softer a frame of digital silence is than a pause, dB. Rooms are louder: how soft is no sign of them.
DEEPER_DB = 40.0
# How far the waveform's loudness may be from the mean of speech, down and up, dB; and how far the course may go.
GIVEN_DB, COURSE_DB = (-40.0, 12.0), (-20.0, 12.0)
# Frames over which the course is averaged, a word or two: within a phone it tells of the channel and of the speaker.
# The share of speech in them that an average is divided by, at least.
COURSE_SPAN, LEAST_SPEECH = 75, 0.05
# How much softer pauses are made than the model has them, dB, and frames over which that is averaged.
PAUSE_DB, PAUSE_SPAN = 25.0, 5


def quietness(above: Float[np.ndarray, " F"]) -> Float[np.ndarray, " F"]:
    """From 0 to 1, how surely a frame is too soft for speech.

    Args:
        above: loudness above the mean of speech, dB.
    """
    return np.clip((QUIET_DB[0] - above) / (QUIET_DB[0] - QUIET_DB[1]), 0, 1)


def own_loudness(
    cepstra: Float[np.ndarray, "F D"], quiet: Float[np.ndarray, " F"], sounds: Bool[np.ndarray, " F"], model: Model
) -> Float[np.ndarray, " F"]:
    """How loud each frame is by itself, dB above the mean of speech; quiet ones are no louder than a pause.

    Args:
        cepstra: of the one voice, with the level of each frame in the first one.
        quiet: of `quietness`.
        sounds: which frames are not of digital silence.
        model: of `load_model`.
    """
    own = DB_PER_CEPSTRUM * cepstra[:, 0]
    pause = DB_PER_CEPSTRUM * model.tied[model.triphones[model.pause, model.pause, model.pause], 0].max()
    return own + quiet * np.minimum(pause - own, 0) - DEEPER_DB * smooth(1.0 - sounds, PAUSE_SPAN)


def course_of_loudness(
    above: Float[np.ndarray, " F"], own: Float[np.ndarray, " F"], speech: Float[np.ndarray, " F"]
) -> Float[np.ndarray, " F"]:
    """How much louder than its phones the waveform is around each frame, dB; without its mean over speech.

    Args:
        above: loudness above the mean of speech, dB.
        own: of `own_loudness`.
        speech: from 0 to 1, how surely a frame is speech.
    """
    beyond = smooth(speech * (np.clip(above, *GIVEN_DB) - own), COURSE_SPAN)
    course = beyond / np.maximum(smooth(speech, COURSE_SPAN), LEAST_SPEECH)
    return np.clip(course - (course * speech).sum() / (speech.sum() + 1e-6), *COURSE_DB)


def said_loudness(
    own: Float[np.ndarray, " F"], course: Float[np.ndarray, " F"], speech: Float[np.ndarray, " F"], prosody: float
) -> Float[np.ndarray, " F"]:
    """How loud the one voice says each frame, dB.

    Args:
        own: of `own_loudness`.
        course: of `course_of_loudness`.
        speech: from 0 to 1, how surely a frame is speech; the rest is made softer.
        prosody: how much of the course is kept, from 0 to 1.
    """
    return own + prosody * course * speech - PAUSE_DB * smooth(1 - speech, PAUSE_SPAN)
