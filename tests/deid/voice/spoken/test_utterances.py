"""What the synthesiser says in every frame: where words are, which of them are tone, and how their envelopes differ."""

import numpy as np
import pytest
import soxr

from deemo_jax.audit.voice_cues import pitch
from deemo_jax.deid.text.fuzzy_names import Names
from deemo_jax.deid.voice.spoken.utterances import PITCH_HZ, RATE_WPM, VARIANT, say_words
from deemo_jax.deid.voice.spoken.words import words_without_names
from deemo_jax.media import SAMPLE_RATE, espeak

RATE = SAMPLE_RATE


@pytest.fixture(scope="module")
def vowels():
    """ "ah" from 0.5 to 1 s and "see" from 2 to 3 s, of four seconds."""
    timed = [(0.5, 1.0, "ah"), (2.0, 3.0, "see")]
    return say_words(words_without_names(timed, Names(), "talk"), 4 * RATE)


def test_words_are_where_they_are_asked_for(vowels):
    inside = np.isfinite(vowels.decibels)
    np.testing.assert_array_equal(np.flatnonzero(np.diff(inside)), [49, 99, 199, 299])
    assert vowels.cepstra.shape == (401, 128) and not vowels.cepstra[:48].any()
    assert vowels.decibels[inside].max() - vowels.decibels[inside].min() < 60


def test_vowels_are_tone_and_hisses_are_noise(vowels):
    assert vowels.tone[60:90].min() > 0.9 and np.mean(vowels.tone[225:290] > 0.9) > 0.9
    assert vowels.tone[205:215].max() < 0.5  # the s


def test_the_envelope_of_a_vowel_has_its_formants_and_no_harmonics(vowels):
    gain = np.ones(401, np.float32)
    size = np.abs(vowels.filters(slice(60, 90), gain, 1.0)).mean(axis=0)
    hertz = np.arange(size.size) * RATE / 512
    loudest = hertz[np.argmax(size)]
    assert 500 < loudest < 1300 and np.sqrt(np.mean(size**2)) == pytest.approx(1, rel=0.1)
    ripple = np.diff(np.sign(np.diff(20 * np.log10(size[hertz < 3000])))).astype(bool).sum()
    assert ripple < 3000 / PITCH_HZ  # harmonics would give two turns each
    longer = np.abs(vowels.filters(slice(60, 90), gain, 0.9)).mean(axis=0)
    assert hertz[np.argmax(longer)] < loudest


def test_the_pitch_that_spectra_are_smoothed_by_is_that_of_the_voice():
    samples, _ = espeak.say("ah we are all away in a year", VARIANT, RATE_WPM, 50, 0)
    hertz = pitch(soxr.resample(samples, espeak.RATE, RATE))
    assert np.nanmedian(hertz) == pytest.approx(PITCH_HZ, rel=0.02)
