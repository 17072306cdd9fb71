import numpy as np
import pytest

from deemo_jax.audit.utility.prosody_statistics import NAMES, prosody_statistics

RATE = 16_000


def spoken(hertz=150.0, rise=0.0, syllables=4.0, pause_s=0.0, level=0.1):
    """Two seconds of pulses; their pitch rises by octaves a second, they swell in syllables, with one pause."""
    t = np.arange(2 * RATE) / RATE
    phase = np.cumsum(hertz * 2 ** (rise * t) / RATE)
    tone = sum(np.cos(2 * np.pi * k * phase) / k for k in range(1, 9))
    swell = 0.15 + np.sin(np.pi * syllables * t) ** 2
    return (level * tone * swell * (np.abs(t - 1) >= pause_s / 2)).astype(np.float32)


def found(**what):
    return dict(zip(NAMES, prosody_statistics(spoken(**what)).tolist(), strict=True))


def test_pitch_is_in_octaves():
    flat, rising = found(), found(rise=0.4)
    assert flat["pitch_mean"] == pytest.approx(np.log2(150), abs=0.02) and flat["pitch_range"] < 0.03
    assert rising["pitch_slope"] == pytest.approx(0.4, abs=0.03) and abs(flat["pitch_slope"]) < 0.02
    assert rising["pitch_range"] == pytest.approx(0.9 * 0.8, abs=0.08) and rising["pitch_spread"] > 0.15


def test_syllables_and_pauses_are_counted():
    assert found()["syllable_rate"] == pytest.approx(4, abs=0.6)
    assert found(syllables=6.0)["syllable_rate"] == pytest.approx(6, abs=0.8)
    none, one = found(), found(pause_s=0.5)
    assert none["pause_longest"] == 0 and one["pause_longest"] == pytest.approx(0.5, abs=0.1)
    assert one["pause_share"] == pytest.approx(0.25, abs=0.05) and one["pause_mean"] == one["pause_longest"]


def test_how_loud_a_clip_is_does_not_count():
    np.testing.assert_allclose(
        prosody_statistics(spoken()), prosody_statistics(spoken(level=0.02)), rtol=0.02, atol=0.02
    )


@pytest.mark.parametrize("size", [400, 16_000])
def test_silence_and_noise_give_finite_statistics(size):
    noise = np.random.default_rng(0).normal(size=size).astype(np.float32)
    for waveform in (np.zeros(size, np.float32), noise, np.full(size, np.nan, np.float32)):
        assert np.isfinite(prosody_statistics(waveform)).all()
