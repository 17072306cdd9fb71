"""Speech of invented speakers, by eSpeak NG, with the time of every word."""

import math

import numpy as np
from jaxtyping import Float
from scipy import signal

from deemo_jax.media import espeak
from deemo_jax.media.espeak import RATE, Word
from deemo_jax.sample.identity import Voice

LEVEL = 0.08  # RMS of the spoken part, about -22 dBFS
# eSpeak's pitch parameter 0, 50, 99 as a factor of the voice's own pitch, in semitones (measured on ten voices).
_PITCH_PARAMETERS, _PITCH_SEMITONES = (0.0, 50.0, 99.0), (-8.6, 0.0, 9.8)


def speak(
    text: str, voice: Voice, pitch: float = 0.0, rate: float = 170.0, pitch_range: float = 50.0
) -> tuple[Float[np.ndarray, " n"], int, list[Word]]:
    """Speaks English text.

    Args:
        text: what to say; words are split at spaces.
        voice: who says it.
        pitch: semitones above the speaker's own pitch.
        rate: words a minute, 80 to 400, as eSpeak counts them.
        pitch_range: 0 (monotone) to 99.

    Returns:
        Mono float32 samples in [-1, 1] at RMS `LEVEL`, without silence around them; their rate in Hz; the words.

    Raises:
        UserError: eSpeak is not installed.
    """
    target_hz = voice.pitch_hz * 2 ** (pitch / 12) / voice.tract
    semitones = 12 * math.log2(target_hz / voice.natural_hz)
    pitch_parameter = round(float(np.interp(semitones, _PITCH_SEMITONES, _PITCH_PARAMETERS)))
    samples, starts = espeak.say(text, voice.variant, round(rate / voice.tract), pitch_parameter, round(pitch_range))
    # Resampling scales pitch, formants and tempo together; pitch and tempo were asked for with the inverse factor.
    samples = signal.resample(samples, round(len(samples) / voice.tract)).astype(np.float32)
    samples, words = espeak.trimmed(samples, [(start / voice.tract, position) for start, position in starts], text)
    samples *= LEVEL / max(float(np.sqrt(np.mean(samples**2))), 1e-6)
    return np.clip(samples, -0.98, 0.98), RATE, words
