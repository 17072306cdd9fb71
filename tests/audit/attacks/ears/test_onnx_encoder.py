"""Speaker encoders in ONNX files: what they hear, by the shape of their input, and which files are refused."""

import numpy as np
import pytest

from deemo_jax.audit.attacks.ears.onnx_encoder import OnnxEncoder
from deemo_jax.audit.attacks.ears.speaker_encoder import speaker_encoder
from deemo_jax.core.errors import UserError
from deemo_jax.media.kaldi_mel import log_mel
from tests.audit.onnx_files import model, node, tensor

VOICE = (0.1 * np.random.default_rng(0).standard_normal(20_000)).astype(np.float32)


def of_waveform(side):
    """Eight filters over the waveform, rectified, their means: (1, n) to (1, 8); beside it another output."""
    filters = np.random.default_rng(1).normal(size=(8, 1, 16)).astype(np.float32)
    nodes = [
        node("Unsqueeze", ["wave"], ["one"], axes=[1]),
        node("Conv", ["one", "filters"], ["many"], kernel_shape=[16], strides=[8]),
        node("Relu", ["many"], ["positive"]),
        node("GlobalAveragePool", ["positive"], ["mean"]),
        node("Flatten", ["mean"], ["embeddings"], axis=1),
    ]
    outputs = {"positive": (1, 8, "m"), "embeddings": (1, 8)}
    return model(nodes, [tensor("filters", filters)], {"wave": (1, side)}, outputs)


def of_mel(shape, axis):
    """Means over time of rectified mel bands."""
    nodes = [node("Relu", ["feats"], ["up"]), node("ReduceMean", ["up"], ["embs"], axes=[axis], keepdims=0)]
    return model(nodes, [], {"feats": shape}, {"embs": (1, 80)})


@pytest.fixture
def encoder(tmp_path):
    def written(data):
        (tmp_path / "ear.onnx").write_bytes(data)
        return OnnxEncoder(tmp_path / "ear.onnx")

    return written


def test_a_waveform_whole_or_in_pieces(encoder, tmp_path):
    whole = encoder(of_waveform("n"))
    found = whole.embed(VOICE, 16_000)
    assert found.shape == (8,) and np.linalg.norm(found) == pytest.approx(1)
    assert abs(found - whole.embed(VOICE[::-1].copy(), 16_000)).max() > 1e-3
    pieces = encoder(of_waveform(8_000)).embed(VOICE, 16_000)
    wanted = [encoder(of_waveform(8_000)).embed(part, 16_000) for part in (VOICE[:8_000], VOICE[8_000:16_000])]
    np.testing.assert_allclose(pieces, np.mean(wanted, axis=0), atol=1e-6)
    assert np.isfinite(whole.embed(np.zeros(0), 16_000)).all()
    assert isinstance(speaker_encoder(tmp_path / "ear.onnx"), OnnxEncoder)


def test_mel_bands_either_way(encoder):
    mel = log_mel(32_768 * VOICE.astype(np.float64), 80, np.hamming(400))
    wanted = np.maximum(mel - mel.mean(axis=1, keepdims=True), 0).mean(axis=1)
    wanted /= np.linalg.norm(wanted)
    for shape, axis in (((1, "frames", 80), 1), ((1, 80, "frames"), 2), ((1, 123, 80), 1)):
        found = encoder(of_mel(shape, axis)).embed(VOICE, 16_000)
        np.testing.assert_allclose(found, wanted, atol=1e-5)
        np.testing.assert_allclose(encoder(of_mel(shape, axis)).embed(VOICE / 4, 16_000), wanted, atol=1e-4)


def test_other_files_are_one_line(encoder, tmp_path):
    two = model([node("Add", ["a", "b"], ["c"])], [], {"a": (1, 9), "b": (1, 9)}, {"c": (1, 9)})
    same = model([node("Relu", ["a"], ["c"])], [], {"a": (1, "n", 80)}, {"c": (1, "n", 80)})
    picture = model([node("Flatten", ["a"], ["c"], axis=1)], [], {"a": (1, 3, 8, 8)}, {"c": (1, 192)})
    for data in (b"no model", two, same, picture, of_mel((1, 40, "frames"), 2)):
        with pytest.raises(UserError, match=r"ear\.onnx: not a speaker encoder"):
            encoder(data)
    with pytest.raises(UserError, match="no such file"):
        OnnxEncoder(tmp_path / "absent.onnx")
    with pytest.raises(UserError, match="16000"):
        encoder(of_waveform("n")).embed(VOICE, 8_000)
