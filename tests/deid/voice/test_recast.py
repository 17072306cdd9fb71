import numpy as np
import pytest
from scipy import signal

from deemo_jax.audit.voice_cues import kept, level_db, pitch
from deemo_jax.deid.voice.likeness import si_snr
from deemo_jax.deid.voice.recast import drawn_spectrum, equalise, long_term_spectrum, recast, shift_pitch, stretch

RATE = 16_000


def draws(seed=0):
    return np.random.default_rng(seed)


def test_another_voice_with_the_same_course_of_loudness(voice):
    changed = recast(voice, draws())
    assert changed.dtype == np.float32 and changed.shape == voice.shape and abs(changed).max() <= 1
    assert si_snr(changed, voice) < 10
    assert np.sqrt((changed**2).mean()) == pytest.approx(np.sqrt((voice**2).mean()), rel=0.01)
    assert np.corrcoef(level_db(voice)[5:-5], level_db(changed)[5:-5])[0, 1] > 0.95
    np.testing.assert_array_equal(changed, recast(voice, draws()))
    assert abs(changed - recast(voice, draws(1))).max() > 0.05


def test_the_melody_is_moved_by_two_semitones_at_most_and_else_kept():
    times = np.arange(3 * RATE) / RATE
    melody = 120 + 30 * np.sin(2 * np.pi * 0.7 * times)
    sound = 0.2 * signal.sawtooth(2 * np.pi * np.cumsum(melody) / RATE) * (1 + 0.5 * np.sin(2 * np.pi * 3 * times))
    for seed in range(4):
        found = kept(sound, recast(sound, draws(seed)))
        assert abs(found.pitch_shift) < 2.2 and found.pitch_correlation > 0.95 and found.loudness_correlation > 0.9


@pytest.mark.parametrize("semitones", [-2.0, 0.0, 1.5])
def test_pitch_moves_as_asked_and_time_does_not(semitones):
    tone = 0.3 * signal.sawtooth(2 * np.pi * 140 * np.arange(2 * RATE) / RATE)
    moved = shift_pitch(tone, semitones)
    assert moved.shape == tone.shape
    assert np.nanmedian(pitch(moved)) == pytest.approx(140 * 2 ** (semitones / 12), rel=0.01)
    # Bursts stay where they are, within 30 ms.
    bursts = draws().normal(size=2 * RATE) * 0.1
    silent = (np.arange(bursts.size) // 4000) % 2 == 1
    bursts[silent] = 0
    power = shift_pitch(bursts, semitones) ** 2 / 0.01
    within = [np.convolve(part, np.ones(961), "same") > 960.5 for part in (silent, ~silent)]
    assert power[within[0]].mean() < 1e-6 and power[within[1]].mean() > 0.7


def test_stretching_to_its_own_length_gives_the_sound_back(voice):
    np.testing.assert_allclose(stretch(voice, voice.size), voice, atol=1e-6)


def test_long_term_spectra_end_alike_wherever_they_began():
    noise, goal = draws().normal(size=3 * RATE) * 0.1, drawn_spectrum(draws(1))
    middle = slice(10, 240)
    for coefficients in ([1.0, -0.95], [1.0, -1.2, 0.5], [1.0, -0.9, 0.4]):
        sound = signal.lfilter([1.0], coefficients, noise)
        gap = [(long_term_spectrum(x) - goal)[middle] for x in (sound, equalise(sound, goal))]
        assert np.ptp(gap[1]) < 4 < np.ptp(gap[0])


@pytest.mark.parametrize(
    "sound",
    [
        np.zeros(4000),
        np.full(4000, np.nan),
        np.ones(4000),
        np.zeros(400),
        np.full(401, np.inf),
        np.r_[np.zeros(3000), np.ones(1), np.zeros(3000)],
        np.random.default_rng(0).uniform(-1, 1, 5001),
        np.zeros(0),
    ],
)
def test_odd_sounds_stay_finite(sound):
    changed = recast(sound, draws())
    assert changed.shape == sound.shape and np.isfinite(changed).all() and abs(changed).max(initial=0) <= 1 + 1e-6
