"""What the neutral voice hears: classes that its own vocoder says are heard again, by whatever vocal tract."""

import itertools

import numpy as np
import pytest

from deemo_jax.deid.voice.neutral.cepstra import CEPSTRA, mel_cepstra
from deemo_jax.deid.voice.neutral.frames import frame_count, loudness, power_spectra, smooth, spoken
from deemo_jax.deid.voice.neutral.model import CEPSTRUM, SILENCE, TONE, load_model
from deemo_jax.deid.voice.neutral.phone_classes import hear_classes, log_likelihoods, state_chances
from deemo_jax.deid.voice.neutral.vocoder import synthesise


@pytest.fixture(scope="module")
def model():
    return load_model()


def say(model, classes, each=12):
    """A waveform in which each of some classes is said for 10 ms times `each`."""
    cepstra = smooth(np.repeat(model.spoken[classes][:, CEPSTRUM], each, axis=0), 5)
    tone = np.repeat(model.spoken[classes, TONE], each)
    level = np.repeat(np.where(model.spoken[classes, SILENCE] > 0, 1e-4, 0.1), each).astype(np.float32)
    pitch = np.full(len(tone), 110.0)
    return synthesise(cepstra, level, pitch, tone, len(tone) * 160 - 1, np.random.default_rng(0))


def test_the_model_is_whole(model):
    phones, streams, _, gaussians = model.forms.shape
    assert (phones, streams, gaussians) == (42, 3, 128) and len(model.owner) == 474
    assert model.spoken.shape == (474, CEPSTRA + 2) and np.isfinite(model.spoken).all()
    np.testing.assert_allclose(model.step.sum(axis=1), 1, atol=0.03)
    shares = np.bincount(model.owner, weights=np.exp(model.share))
    np.testing.assert_allclose(shares, 1, atol=1e-3)


def test_densities_are_those_of_gaussian_mixtures(model):
    from scipy.stats import multivariate_normal

    heard = np.random.default_rng(0).normal(size=(3, 39)).astype(np.float32)
    found, near = log_likelihoods(heard, model, 3, near=True)
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
    assert near.shape == (42, 3, CEPSTRA) and np.isfinite(near).all()


def test_chances_of_states_are_those_of_all_paths():
    rng = np.random.default_rng(0)
    density, step = rng.random((4, 3), np.float32), rng.random((3, 3), np.float32)
    step /= step.sum(axis=1, keepdims=True)
    # The chain has made a step, from any state, before the first frame.
    expected = np.zeros((4, 3))
    for path in itertools.product(range(3), repeat=4):
        chance = step[:, path[0]].mean() * np.prod([step[a, b] for a, b in itertools.pairwise(path)])
        chance *= np.prod([density[t, s] for t, s in enumerate(path)])
        for t, s in enumerate(path):
            expected[t, s] += chance
    np.testing.assert_allclose(state_chances(density, step), expected / expected.sum(axis=1, keepdims=True), rtol=1e-4)


def test_what_is_said_is_heard_again(model):
    """Vowels and fricatives by turns come back as tone and noise, with envelopes nearer to their own than to others."""
    voiced = np.flatnonzero(model.spoken[:, TONE] == 1)[[10, 90, 170]]
    noisy = np.flatnonzero((model.spoken[:, TONE] == 0) & (model.spoken[:, SILENCE] == 0))[[20, 60]]
    pause = np.flatnonzero(model.spoken[:, SILENCE] == 1)[:1]
    order = np.concatenate([pause, voiced[:2], noisy[:1], voiced[2:], noisy[1:], voiced[:1], pause])
    sound = say(model, np.tile(order, 3))
    heard = hear_classes(sound, spoken(loudness(sound)), model, 0.0)
    assert len(heard.tone) == frame_count(sound.size)
    middles = np.arange(3 * len(order)) * 12 + 6
    truth = np.tile(model.spoken[order], (3, 1))
    assert np.mean((heard.tone[middles] > 0.5) == (truth[:, TONE] > 0.5)) > 0.7
    assert np.mean((heard.silence[middles] > 0.5) == (truth[:, SILENCE] > 0.5)) > 0.7
    said = truth[:, SILENCE] == 0
    far = ((heard.cepstra[middles][said][:, None, 1:] - truth[said][:, 1:CEPSTRA]) ** 2).sum(axis=2)
    assert np.diag(far).mean() < 0.6 * far.mean()


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
