"""How loud the one voice is: as its phones by themselves, and as words of the waveform are beyond that."""

import numpy as np
import pytest

from deemo_jax.deid.voice.neutral.loudness_course import (
    DB_PER_CEPSTRUM,
    course_of_loudness,
    own_loudness,
    quietness,
    said_loudness,
)
from deemo_jax.deid.voice.neutral.model import load_model

FRAMES = 600


def test_a_constant_gain_is_no_course():
    rng = np.random.default_rng(0)
    own, speech = rng.normal(0, 3, FRAMES), np.ones(FRAMES)
    for gain in (-10.0, 0.0, 2.0):
        assert np.abs(course_of_loudness(own + gain, own, speech)).max() < 1e-6
    # Of a phone that is louder for 30 ms little is left, of a second that is louder nearly all.
    for length, share in ((3, 0.1), (100, 0.9)):
        above = own.copy()
        above[300 : 300 + length] += 6
        course = course_of_loudness(above, own, speech)
        rise = course.max() - np.median(course)
        assert (rise < 6 * share) if length == 3 else (6 * share < rise < 6.01)


def test_pauses_are_equally_deep_whatever_the_room_is():
    own = np.zeros(FRAMES)
    speech = np.where(np.arange(FRAMES) // 100 % 2, 0.0, 1.0)
    made = [
        said_loudness(own, course_of_loudness(np.where(speech > 0, 0.0, room), own, speech), speech, 1.0)
        for room in (-15.0, -34.0)
    ]
    np.testing.assert_array_equal(made[0], made[1])
    assert made[0][150] == -25 and made[0][50] == pytest.approx(0)


def test_prosody_scales_the_course_only():
    rng = np.random.default_rng(1)
    (own, course), speech = rng.normal(size=(2, FRAMES)), np.ones(FRAMES)
    none, half, whole = (said_loudness(own, course, speech, share) for share in (0.0, 0.5, 1.0))
    np.testing.assert_array_equal(none, own)
    np.testing.assert_allclose(half - none, 0.5 * (whole - none))


def test_what_is_quiet_is_as_loud_as_a_pause_at_most_and_digital_silence_is_deeper():
    model = load_model()
    above = np.array([0.0, -30.0, -40.0, -50.0] * 10)
    np.testing.assert_allclose(quietness(above)[:4], [0, 0, 0.5, 1])
    cepstra = np.zeros((20, 13), np.float32)
    sounds, quiet = np.arange(20) < 10, np.full(20, 1.0)
    own = own_loudness(cepstra, quiet, sounds, model)
    pause = DB_PER_CEPSTRUM * model.tied[model.triphones[model.pause, model.pause, model.pause], 0].max()
    assert own[0] == pytest.approx(pause) and pause < -10 and own[-1] == pytest.approx(pause - 40)
    cepstra[:, 0] = 2 * pause / DB_PER_CEPSTRUM  # softer by itself: it stays so
    assert own_loudness(cepstra, quiet, sounds, model)[0] == pytest.approx(2 * pause)
