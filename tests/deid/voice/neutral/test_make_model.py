import numpy as np
import pytest

from deemo_jax.core.errors import UserError
from deemo_jax.deid.voice.neutral import make_model
from deemo_jax.deid.voice.neutral.model import PATH
from deemo_jax.deid.voice.neutral.sphinx_files import States


@pytest.mark.slow
def test_the_same_model_gives_the_same_bytes(tmp_path):
    pytest.importorskip("pocketsphinx")
    assert make_model.main(["--out", str(tmp_path / "en_us.npz")]) == 0
    assert (tmp_path / "en_us.npz").read_bytes() == PATH.read_bytes()


def test_folders_without_a_model(tmp_path):
    (tmp_path / "mdef").write_bytes(b"something else")
    with pytest.raises(UserError, match="en-us model"):
        make_model.make(tmp_path, tmp_path / "lm")


def test_the_licence_travels_with_the_model():
    assert "Alpha Cephei" in PATH.with_name("en_us.LICENSE.txt").read_text()


def small_states():
    """Two phones with two states each; the second one has been met between two of the first, and in other places."""
    own = np.array([[0, 1], [2, 3]])
    contexts = np.array([[0, 1, 0, 0], [1, 1, 0, 0], [2, 1, 0, 1], [3, 0, 1, 1], [1, 0, 1, 1]])
    in_context = np.array([[4, 5], [6, 7], [6, 5], [0, 1], [1, 0]])
    phone, state = np.array([0, 0, 1, 1, 1, 1, 1, 1]), np.array([0, 1, 0, 1, 0, 1, 0, 1])
    return States(("A", "B"), own, phone, state, np.ones(8, int), contexts, in_context)


def test_the_states_of_a_phone_between_others():
    found = make_model.triphones(small_states())
    assert found.shape == (2, 2, 2, 2)
    assert found[1, 0, 0].tolist() == [4, 5]  # inside of words, not at their beginning
    assert found[1, 0, 1].tolist() == [6, 5]  # met at the end of words only
    assert found[0, 1, 1].tolist() == [0, 1]  # as a whole word, not at the beginning of one
    assert found[1, 1, 1].tolist() == [2, 3]  # never met


def test_the_mean_cepstrum_of_a_state_is_that_of_its_mixture():
    rng = np.random.default_rng(0)
    weights, means = rng.random((5, 8)), rng.random((2, 5, 3))
    found = make_model.mean_cepstra(small_states(), weights, means)
    for state, phone in enumerate([0, 0, 1, 1, 1, 1, 1, 1]):
        np.testing.assert_allclose(found[state], weights[:, state] @ means[phone])
