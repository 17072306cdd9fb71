"""Words of an invented speaker: what hears phones needs sounds that change as those of speech do."""

import functools

import numpy as np

RATE = 16_000
WORDS = "We were two goals behind, and nobody believed in us any more."


@functools.cache
def talk(semitones: float = 0.0, level: float = 0.1) -> np.ndarray:
    """About 3 s, float32 at 16 kHz.

    Args:
        semitones: above the speaker's own pitch.
        level: root mean square.
    """
    import soxr

    samples, rate, _ = _spoken(semitones)
    found = soxr.resample(samples, rate, RATE)
    return (level * found / found.std()).astype(np.float32)


def timed_words() -> list[tuple[float, float, str]]:
    """Start and end of each word of `talk()`, seconds, and the word."""
    return [(word.start_s, word.end_s, word.text) for word in _spoken(0.0)[2]]


@functools.cache
def _spoken(semitones: float):
    from deemo_jax.sample.identity import make_identity
    from deemo_jax.sample.speech import speak

    return speak(WORDS, make_identity(0, 11).voice, semitones, 170.0, 60.0)
