import numpy as np
import pytest
from scipy.signal import lfilter, welch

from deemo_jax.deid.voice.likeness import si_snr
from deemo_jax.deid.voice.mcadams import burg, mcadams, move_angles


def test_alpha_1_gives_the_voice_back(voice):
    back = mcadams(voice, 1.0)
    assert back.dtype == np.float32 and back.shape == voice.shape
    assert 10 * np.log10((voice**2).sum() / ((back - voice) ** 2).sum()) > 50


@pytest.mark.parametrize("alpha", [0.5, 0.7, 0.9])
def test_the_voice_changes_and_its_loudness_does_not(voice, alpha):
    changed = mcadams(voice, alpha)
    assert si_snr(changed, voice) < 10
    assert np.sqrt((changed**2).mean()) == pytest.approx(np.sqrt((voice**2).mean()), rel=0.01)
    assert abs(changed).max() <= 1
    levels = [x[: x.size // 800 * 800].reshape(-1, 800).std(axis=1) for x in (voice, changed)]
    assert np.corrcoef(*levels)[0, 1] > 0.95


def test_formants_move_as_the_angles_say():
    """A noise with one resonance at f comes out with it at (2 pi f / rate) ** alpha."""
    noise = np.random.default_rng(0).normal(size=48_000)
    for hertz, alpha in ((1000, 0.7), (5000, 0.8)):
        angle = 2 * np.pi * hertz / 16_000
        sound = lfilter([1], [1, -2 * 0.97 * np.cos(angle), 0.97**2], noise) * 0.01
        _, spectrum = welch(mcadams(sound, alpha), nperseg=512)
        assert np.argmax(spectrum) * 16_000 / 512 == pytest.approx(angle**alpha * 16_000 / (2 * np.pi), abs=100)


def test_angles_keep_sign_and_radius_and_real_poles_stay():
    poles = np.array([[0.9 * np.exp(0.5j), 0.9 * np.exp(-0.5j), 0.8, -0.7, 1.2 * np.exp(2j)]])
    moved = move_angles(poles, 0.8)[0]
    np.testing.assert_allclose(np.angle(moved[:2]), [0.5**0.8, -(0.5**0.8)])
    np.testing.assert_allclose(moved[2:4], [0.8, -0.7])
    assert abs(moved[0]) == pytest.approx(0.9) and abs(moved[4]) < 1


@pytest.mark.slow
def test_linear_prediction_equals_librosas():
    import librosa  # compiles for 20 seconds in a new environment

    frames = np.random.default_rng(0).normal(size=(7, 320))
    np.testing.assert_allclose(burg(frames, 20), librosa.lpc(frames, order=20), atol=1e-10)


@pytest.mark.parametrize(
    "sound",
    [
        np.zeros(4000),
        np.full(4000, np.nan),
        np.ones(4000),
        np.sin(np.arange(4000) * 0.3),
        np.r_[np.zeros(3000), np.ones(1), np.zeros(3000)],
        np.zeros(400),
        np.full(401, np.inf),
        np.random.default_rng(0).uniform(-1, 1, 5001),
    ],
)
def test_odd_sounds_stay_finite(sound):
    for alpha in (0.5, 1.0):
        changed = mcadams(sound, alpha)
        assert changed.shape == sound.shape and np.isfinite(changed).all() and abs(changed).max() <= 1.0 + 1e-6


def test_blocks_join(voice, monkeypatch):
    whole = mcadams(voice, 0.7)
    monkeypatch.setattr("deemo_jax.deid.voice.mcadams.BLOCK_FRAMES", 17)
    np.testing.assert_allclose(mcadams(voice, 0.7), whole, atol=1e-6)
