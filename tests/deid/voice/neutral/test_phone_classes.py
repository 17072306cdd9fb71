"""What the neutral voice hears: phones that its own vocoder says are heard again, by whatever vocal tract."""

import numpy as np
import pytest

from deemo_jax.deid.voice.neutral import phone_classes
from deemo_jax.deid.voice.neutral.cepstra import filters, mel_cepstra
from deemo_jax.deid.voice.neutral.envelopes import in_context
from deemo_jax.deid.voice.neutral.frames import frame_count, loudness, power_spectra
from deemo_jax.deid.voice.neutral.loudness_course import DB_PER_CEPSTRUM
from deemo_jax.deid.voice.neutral.model import STATES, load_model
from deemo_jax.deid.voice.neutral.neutral import EMPHASIS
from deemo_jax.deid.voice.neutral.phone_classes import LEAST_SCORE, hear_phones, log_likelihoods, state_scores
from deemo_jax.deid.voice.neutral.vocoder import synthesise
from tests.deid.voice.neutral.phones import path_of


@pytest.fixture(scope="module")
def model():
    return load_model()


def say(model, path, warp=1.0):
    """A waveform in which a row of states is said, in a room that is 40 dB softer."""
    phones = path // STATES
    cepstra, tone = in_context(path, model), model.tone[phones]
    level = (0.05 * 10 ** (DB_PER_CEPSTRUM * cepstra[:, 0] / 20)).astype(np.float32)
    pitch = np.full(len(path), 110.0)
    rng = np.random.default_rng(0)
    sound = synthesise(
        lambda at: filters(EMPHASIS * cepstra[at], level[at], warp), pitch, tone, len(path) * 160 - 1, rng
    )
    return sound + 5e-4 * rng.normal(size=sound.size).astype(np.float32)


def test_the_model_is_whole(model):
    phones, streams, _, gaussians = model.forms.shape
    assert (phones, streams, gaussians) == (42, 3, 128) and len(model.owner) == 474
    assert model.tied.shape == (5126, 13) and np.isfinite(model.tied).all()
    assert model.triphones.shape == (42, 42, 42, 3) and set(np.unique(model.triphones)) <= set(range(5126))
    # Out of each state, what is lost is what new phones cost.
    chance = np.exp(model.step.astype(np.float64))
    chance[::STATES, STATES - 1 :: STATES] *= np.exp(3.0)
    np.testing.assert_allclose(chance.sum(axis=0), 1, atol=0.05)
    shares = np.bincount(model.owner, weights=np.exp(model.share))
    np.testing.assert_allclose(shares, 1, atol=1e-3)
    assert model.silent.sum() == 3 and model.silent[model.pause] == 1 and not model.tone[model.silent > 0].any()


def test_densities_are_those_of_gaussian_mixtures(model):
    from scipy.stats import multivariate_normal

    heard = np.random.default_rng(0).normal(size=(3, 39)).astype(np.float32)
    found = log_likelihoods(heard, model, 3)
    for c in (0, 100, 473):
        phone, rank = divmod(int(model.places[c]), model.mixtures.shape[3])
        expected = np.zeros(3)
        for stream in range(3):
            quadratic, linear = model.forms[phone, stream, :13], model.forms[phone, stream, 13:26]
            density = sum(
                weight * multivariate_normal(linear[:, g] * v, np.diag(v)).pdf(heard[:, 13 * stream : 13 * stream + 13])
                for g, weight in enumerate(model.mixtures[phone, stream, :, rank])
                for v in [-0.5 / quadratic[:, g].astype(np.float64)]
            )
            expected += np.log(density)
        np.testing.assert_allclose(found[:, c], expected, rtol=1e-3)
    scores = state_scores(heard, model)
    expected = np.log(np.add.reduceat(np.exp(0.35 * found.astype(np.float64) + model.share), starts_of(model), axis=1))
    expected = np.maximum(expected - expected.max(axis=1, keepdims=True), LEAST_SCORE)
    np.testing.assert_allclose(scores, expected, atol=1e-3)
    assert state_scores(200 * heard, model).min() == LEAST_SCORE


def starts_of(model):
    """The first class of each state."""
    return np.searchsorted(model.owner, np.arange(3 * len(model.tone)))


@pytest.mark.parametrize("warp", [1.0, 1.15])
def test_what_is_said_is_heard_again(model, warp):
    """Whoever says it: pauses, tone and noise, and of 42 phones half."""
    path = path_of("SIL W IY W ER SIL T UW G OW L Z B IH HH AY N D SIL AE N D S OW SH IY S EH D SIL", model)
    sound = say(model, path, warp)
    heard = hear_phones(sound, loudness(sound), model)
    assert len(heard.path) == len(heard.features) == frame_count(sound.size) == len(path)
    truth, found = path // STATES, heard.path // STATES
    assert np.mean(model.silent[truth] == model.silent[found]) > 0.85
    assert np.mean((model.tone[truth] > 0.5) == (model.tone[found] > 0.5)) > 0.75
    assert np.mean(truth == found) > 0.4


def test_what_is_as_loud_as_speech_is_no_pause(model, monkeypatch):
    words = "SIL W IY W ER SIL T UW G OW L Z B IH HH AY N D SIL AE N D S OW SH IY S EH D SIL"
    sound = say(model, path_of(words, model))
    level = np.full(frame_count(sound.size), -20.0)
    silent = [model.silent[hear_phones(sound, level, model).path // STATES].sum()]
    monkeypatch.setattr(phone_classes, "LOUD_DB", 99.0)
    silent.append(model.silent[hear_phones(sound, level, model).path // STATES].sum())
    assert silent[0] == 0 and silent[1] > 10


def test_front_end_and_frames():
    sound = np.random.default_rng(0).normal(size=5000).astype(np.float32) * 0.1
    power = power_spectra(sound, np.arange(frame_count(sound.size)))
    again = power_spectra(sound, np.array([7, 30]))
    np.testing.assert_allclose(power[[7, 30]], again)
    cepstra = mel_cepstra(power, 1.0)
    louder = mel_cepstra(power_spectra(2 * sound, np.arange(len(power))), 1.0)
    np.testing.assert_allclose(louder[5:-5, 0] - cepstra[5:-5, 0], 5 * np.log(4), atol=0.01)
    np.testing.assert_allclose(louder[5:-5, 1:], cepstra[5:-5, 1:], atol=0.05)
    assert loudness(sound)[10:-10].mean() == pytest.approx(-20, abs=0.5) and len(loudness(sound)) == len(power)
