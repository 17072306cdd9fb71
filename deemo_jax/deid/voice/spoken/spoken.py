"""Says the words of a transcript at their times, as a speaker who does not exist.

eSpeak NG says the words (`utterances`), and pulses and noise that are made here are shaped as it does. Of the waveform
nothing is in the result but the slow course of pitch and loudness around its middle, as much of it as `prosody` says,
and through the times of the words its tempo and pauses. Where there is no word there is silence.
Axes: n samples, F frames.
"""

from typing import Any

import numpy as np
from jaxtyping import Float

from deemo_jax.core.errors import UserError
from deemo_jax.deid.settings import PROSODY
from deemo_jax.deid.voice.neutral.delivery import NOBODY, Person, said_level, said_pitch, within_scale
from deemo_jax.deid.voice.neutral.frames import HOP, loudness
from deemo_jax.deid.voice.neutral.frames import spoken as loud_frames
from deemo_jax.deid.voice.neutral.loudness_course import course_of_loudness, said_loudness
from deemo_jax.deid.voice.neutral.manner import Manner, is_silent, without_gaps
from deemo_jax.deid.voice.neutral.melody import melody
from deemo_jax.deid.voice.neutral.vocoder import synthesise
from deemo_jax.deid.voice.spoken.utterances import say_words
from deemo_jax.deid.voice.spoken.words import Words
from deemo_jax.media import SAMPLE_RATE

# How soft a frame of a word may be beside the mean of speech, dB, to count as speech; what is softer is a pause in it.
# What frames outside of words count as.
SPEECH_DB, NOTHING_DB = -30.0, -40.0
# Below this, dB of full scale, there is the hiss of a room, and no speech.
HISS_DB = -60.0
# Seconds around a word in which speech counts as said: recognisers' times are as far off. Share of the energy of speech
# that may be left unsaid: Whisper tiny leaves 2 % of it or less in nine of ten utterances of LibriSpeech, 12 % at most.
NEAR_S, MOST_UNSAID = 0.2, 0.2


def spoken(
    waveform: Float[np.ndarray, " n"],
    words: Words,
    rng: np.random.Generator,
    prosody: float = PROSODY,
    usual: Manner | None = None,
    person: Person = NOBODY,
) -> Float[np.ndarray, " n"]:
    """The words said at their times.

    Args:
        waveform: mono, 16 kHz, in [-1, 1]; samples that are not finite count as silence.
        words: that are said in it.
        rng: draws the phase of the pulses and the noise; the voice does not depend on it.
        prosody: 0 for one pitch and eSpeak's loudness, to 1 for the waveform's own course of both.
        usual: the speaker's, around whose middle pitch and loudness are taken; None for the waveform's own.
        person: who says it.

    Returns:
        float32 (n,), peak below 1; silent where there is no word.

    Raises:
        UserError: eSpeak is not installed.
    """
    clean = without_gaps(waveform)
    if is_silent(clean) or not words.texts:
        return np.zeros(clean.shape, np.float32)
    level, pitch = loudness(clean), melody(clean)
    middle_db = float(level[loud_frames(level)].mean())
    said = say_words(words, clean.size)
    inside = np.isfinite(said.decibels)
    if not inside.any():
        return np.zeros(clean.shape, np.float32)
    mean_db = 10 * np.log10(np.mean(10 ** (said.decibels[inside] / 10)))
    own = np.where(inside, np.maximum(said.decibels - mean_db, NOTHING_DB), NOTHING_DB)
    speech = (own > SPEECH_DB).astype(np.float64)
    decibels = said_loudness(own, course_of_loudness(level - middle_db, own, speech), speech, prosody)
    gain = said_level(decibels, inside, middle_db, usual, prosody)
    hertz = said_pitch(pitch, usual, prosody, person)
    return within_scale(synthesise(lambda at: said.filters(at, gain, person.warp), hertz, said.tone, clean.size, rng))


def unsaid(waveform: Float[np.ndarray, " n"], words: Words) -> float:
    """The share of the energy of speech that is near no word, and so becomes silence.

    Args:
        waveform: mono, 16 kHz.
        words: that are said in it.
    """
    clean = without_gaps(waveform)
    if is_silent(clean):
        return 0.0
    level = loudness(clean)
    loud = loud_frames(level)
    loud = loud[level[loud] > HISS_DB]
    power = 10 ** (level[loud] / 10)
    is_said = words.near(loud * HOP / SAMPLE_RATE, NEAR_S)
    return float(power[~is_said].sum() / power.sum()) if loud.size else 0.0


def check_words(
    waveform: Float[np.ndarray, " n"], words: Words, clip_id: str, start_s: float = 0.0, film_s: float = 0.0
) -> tuple[Words, dict[str, Any]]:
    """Checks that words are those of a clip, as far as their times tell it.

    Args:
        waveform: of the clip, mono, 16 kHz.
        words: of its recording.
        clip_id: for messages.
        start_s: of the clip in its recording.
        film_s: length of the recording, where that is known to go on after the clip.

    Returns:
        The words of the clip, in its time; and for the manifest: "words", how many there are; "hidden", of these, how
        many are hummed; "unsaid", of `unsaid`.

    Raises:
        UserError: a word begins after the end of the recording, or too much of the speech has no words.
    """
    end_s = start_s + waveform.size / SAMPLE_RATE
    words.refuse_beyond(max(end_s, film_s), clip_id)
    here = words.between(start_s, end_s)
    share = unsaid(waveform, here)
    if share > MOST_UNSAID:
        raise UserError(
            f"{clip_id}: {100 * share:.0f} % of the energy of its speech has no words in its transcript, and would"
            f" become silence; at most {100 * MOST_UNSAID:.0f} % may: give it all its words, or take --voice neutral"
        )
    return here, {"words": len(here.texts), "hidden": int(here.hidden.sum()), "unsaid": round(share, 3)}
