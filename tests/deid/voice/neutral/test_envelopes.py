"""How a row of phones is said: as between these neighbours, and with detail as the model's speakers near to it."""

import numpy as np
import pytest

from deemo_jax.deid.voice.neutral.envelopes import in_context, mean_of_states, nearest, said_cepstra
from deemo_jax.deid.voice.neutral.model import PATH, load_model
from deemo_jax.deid.voice.neutral.phone_classes import Heard
from tests.deid.voice.neutral.phones import path_of


@pytest.fixture(scope="module")
def model():
    return load_model()


@pytest.fixture
def heard(model):
    path = path_of("SIL T UW G OW T UW SIL", model)
    features = np.random.default_rng(0).normal(0, 5, (len(path), 39)).astype(np.float32)
    return Heard(path, features)


def test_a_phone_is_said_as_between_its_neighbours(model):
    names = list(np.load(PATH)["phones"])
    sil, t, uw, g = (names.index(name) for name in ("SIL", "T", "UW", "G"))
    found = in_context(path_of("T UW UW G", model, each=2), model)
    rows = [(t, t, uw), (uw, t, uw), (uw, uw, g), (g, uw, g)]  # the first and the last one have themselves beside them
    np.testing.assert_array_equal(
        found, np.repeat(np.concatenate([model.tied[model.triphones[r]] for r in rows]), 2, 0)
    )
    assert (model.triphones[uw, t, g] != model.triphones[uw, sil, sil]).any()


def test_without_detail_the_same_phones_are_said_in_the_same_way(heard, model):
    other = Heard(heard.path, heard.features[::-1].copy())
    plain = said_cepstra(heard, model, 0.0)
    np.testing.assert_array_equal(plain, in_context(heard.path, model))
    np.testing.assert_array_equal(plain, said_cepstra(other, model, 0.0))


def test_detail_leaves_out_what_all_frames_of_a_state_have_in_common(heard, model):
    plain, half, whole = (said_cepstra(heard, model, detail) for detail in (0.0, 0.5, 1.0))
    np.testing.assert_allclose(half - plain, 0.5 * (whole - plain), atol=1e-4)
    assert np.abs(whole - plain).mean() > 0.1
    again = mean_of_states(whole - plain, heard.path, len(model.step))
    assert np.abs(again).max() < 0.01
    near = nearest(heard, model)
    np.testing.assert_allclose(
        near - mean_of_states(near, heard.path, len(model.step)), _centred(near, heard.path), atol=0.02
    )


def _centred(rows, path):
    return np.stack([row - rows[path == state].mean(axis=0) for row, state in zip(rows, path, strict=True)])


def test_the_nearest_gaussians_are_those_of_the_phone(heard, model):
    found = nearest(heard, model)
    for phone in np.unique(heard.path // 3):
        own, means = found[heard.path // 3 == phone], model.means[phone]
        assert (own >= means.min(axis=0) - 1e-3).all() and (own <= means.max(axis=0) + 1e-3).all()
    # A frame at a Gaussian that its phone uses much is said nearly as that Gaussian.
    phone = heard.path[0] // 3
    most = model.used[phone].argmax()
    exact = Heard(heard.path[:1], np.concatenate([model.means[phone, most], np.zeros(26)])[None].astype(np.float32))
    apart = np.abs(nearest(exact, model)[0] - model.means[phone, most]).mean()
    assert apart < 0.3 * np.abs(model.means[phone] - model.means[phone, most]).mean()
