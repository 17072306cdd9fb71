import itertools

import numpy as np
import pytest

from deemo_jax.sample import speech
from deemo_jax.sample.identity import make_identity

TEXT = "honestly, we were over the moon in the last minute."


@pytest.fixture(scope="module")
def voice():
    return make_identity(0, 3).voice


def _pitch(samples, rate):
    """Median fundamental frequency by autocorrelation of 46 ms windows."""
    found = []
    for start in range(0, len(samples) - 1024, 512):
        window = samples[start : start + 1024] * np.hanning(1024)
        correlation = np.fft.irfft(np.abs(np.fft.rfft(window, 4096)) ** 2)
        lags = np.arange(rate // 350, rate // 70)
        best = lags[np.argmax(correlation[lags] / (1 - lags / 1024))]
        if correlation[best] > 0.4 * correlation[0] > 1e-3:
            found.append(rate / best)
    return float(np.median(found))


def test_an_utterance_does_not_depend_on_what_was_said_before(voice):
    first, rate, words = speech.speak(TEXT, voice)
    speech.speak("the coach said it was all fine.", make_identity(0, 11).voice, 6.0, 230.0, 90.0)
    again, _, _ = speech.speak(TEXT, voice)
    assert rate == 22050 and first.dtype == np.float32
    np.testing.assert_array_equal(first, again)
    assert [word.text for word in words] == TEXT.replace(",", "").rstrip(".").split()


def test_words_follow_each_other_and_fill_the_utterance(voice):
    samples, rate, words = speech.speak(TEXT, voice)
    assert words[0].start_s == 0 and words[-1].end_s == pytest.approx(len(samples) / rate)
    assert all(a.end_s == b.start_s for a, b in itertools.pairwise(words))
    assert min(word.end_s - word.start_s for word in words) > 0.02
    assert np.sqrt(np.mean(samples**2)) == pytest.approx(speech.LEVEL, rel=0.05)


def test_pitch_is_in_semitones_and_rate_shortens(voice):
    pitches = {p: _pitch(*speech.speak(TEXT, voice, pitch=p, pitch_range=10)[:2]) for p in (-4.5, 0.0, 4.5)}
    assert 12 * np.log2(pitches[4.5] / pitches[0.0]) == pytest.approx(4.5, abs=1.2)
    assert 12 * np.log2(pitches[-4.5] / pitches[0.0]) == pytest.approx(-4.5, abs=1.2)
    slow, fast = (len(speech.speak(TEXT, voice, rate=rate)[0]) for rate in (135, 210))
    assert slow / fast == pytest.approx(210 / 135, rel=0.1)
