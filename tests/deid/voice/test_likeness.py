import numpy as np
import pytest

from deemo_jax.deid.voice.likeness import closest_second, late_s, si_snr

RATE = 16_000


def noise(seconds, seed=0):
    return np.random.default_rng(seed).normal(size=round(seconds * RATE)).astype(np.float32)


def test_si_snr():
    voice, other = noise(1), noise(1, 1)
    assert si_snr(3 * voice, voice) > 60
    assert si_snr(voice + 0.1 * other, voice) == pytest.approx(20, abs=0.3)
    assert si_snr(np.roll(voice, 300) + 0.1 * other, voice) > 13  # found at its lag, less what is cut at the ends
    assert si_snr(other, voice) < -15
    assert si_snr(np.zeros(100), voice) < -50


def test_the_second_that_is_most_alike():
    voice, other = noise(3.5), noise(3.5, 1)
    assert closest_second(other, voice)[0] < -15
    other[RATE : 2 * RATE] = voice[RATE : 2 * RATE]
    level, at_s = closest_second(other, voice)
    assert level > 60 and at_s == 1.0
    # The last second ends with the sound, so that what is left over is not judged by itself.
    other[-RATE:] = voice[-RATE:]
    other[RATE : 2 * RATE] = 0
    assert closest_second(other, voice)[1] == 2.5
    assert closest_second(voice[:500], voice[:500])[0] > 60


@pytest.mark.parametrize("late", [-0.4, 0.0, 0.02, 0.3])
def test_lateness(late):
    """Another sound with the same bursts, shifted."""
    bursts = np.repeat(np.random.default_rng(3).random(20) > 0.5, RATE // 5)
    voice, changed = noise(4) * bursts, noise(4, 1) * np.roll(bursts, round(late * RATE))
    expected = late if abs(late) > 0.05 else 0.0
    assert late_s(changed, voice) == pytest.approx(expected, abs=0.011)


def test_steady_sounds_are_not_late():
    assert late_s(noise(1, 1), noise(1)) == 0 == late_s(np.zeros(RATE), noise(1))
    assert late_s(noise(0.02, 1), noise(0.02)) == 0 == late_s(np.zeros(400), np.zeros(400))
