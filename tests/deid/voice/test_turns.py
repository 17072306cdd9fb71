"""Interviewer and interviewee, each with a microphone that hears the other too, get different voices."""

import numpy as np
import pytest

from deemo_jax.audit.voice_cues import pitch
from deemo_jax.core.errors import UserError
from deemo_jax.deid.settings import Settings
from deemo_jax.deid.voice.anonymise import anonymise, anonymise_people
from deemo_jax.deid.voice.likeness import si_snr
from deemo_jax.deid.voice.turns import part_of, turns
from tests.deid.voice.talk import talk

RATE = 16_000


@pytest.fixture(scope="module")
def interview():
    """Two tracks, of 1.5 s of the one and 1.5 s of the other; the second microphone is softer."""
    first, second = np.zeros((2, 3 * RATE), np.float32)
    first[:24_000], second[24_000:] = talk()[:24_000], talk(4.0)[:24_000]
    noise = 1e-3 * np.random.default_rng(0).normal(size=(2, 3 * RATE)).astype(np.float32)
    return first + 0.2 * second + noise[0], 0.3 * (second + 0.2 * first) + noise[1]


def test_whose_turn_it_is(interview):
    turn = turns(interview)
    expected = np.arange(len(turn)) >= 150
    assert np.mean(turn == expected) > 0.93 and turn[20] == 0 and turn[-20] == 1
    assert len(turns((interview[0], interview[1][:20_000]))) == len(turn)


def test_the_parts_add_up(interview):
    turn = turns(interview)
    parts = [part_of(interview[0], turn, number) for number in (0, 1)]
    np.testing.assert_allclose(parts[0] + parts[1], interview[0], atol=1e-6)
    assert not parts[0][-16_000:].any() and not parts[1][:16_000].any()


@pytest.mark.parametrize("method", ["mcadams", "neutral"])
def test_each_gets_a_voice(interview, key, method):
    settings, sound = Settings(voice=method, audio_track="each"), interview[0]
    turn = turns(interview)
    changed = anonymise_people(sound, turn, settings, key, "c1")
    assert changed.shape == sound.shape and np.isfinite(changed).all() and abs(changed).max() <= 1
    one = anonymise_people(sound, None, settings, key, "c1")
    np.testing.assert_array_equal(one, anonymise(sound, settings, key, "c1"))
    alone = [anonymise(part_of(sound, turn, k), settings, key, "c1", person=k) for k in (0, 1)]
    assert si_snr(changed[:16_000], alone[0][:16_000]) > 20 and si_snr(changed[-16_000:], alone[1][-16_000:]) > 20
    if method == "neutral":
        assert np.nanmedian(pitch(changed[:20_000])) == pytest.approx(150, rel=0.05)
        assert np.nanmedian(pitch(changed[-20_000:])) == pytest.approx(110, rel=0.05)


def test_voices_that_are_one_for_all(interview, key):
    for method in ("mcadams_fixed", "mcadams_speaker"):
        with pytest.raises(UserError, match="one voice a clip"):
            Settings(voice=method, audio_track="each")
