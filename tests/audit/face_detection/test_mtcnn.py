import numpy as np
import pytest

from deemo_jax.audit.face_detection import mtcnn, mtcnn_networks
from deemo_jax.audit.face_detection.detectors import MTCNN, given_detector
from deemo_jax.audit.face_detection.mtcnn_networks import OUTPUT, PROPOSE, REFINE, answers
from deemo_jax.core import packaged_files
from deemo_jax.core.errors import UserError
from deemo_jax.core.packaged_files import PackagedFile
from tests.audit.face_detection.test_detectors import Still

SHAPES = {
    PROPOSE: {"conv1": (10, 3, 3, 3), "conv2": (16, 10, 3, 3), "conv3": (32, 16, 3, 3)}
    | {"conv4_1": (2, 32, 1, 1), "conv4_2": (4, 32, 1, 1)},
    REFINE: {"conv1": (28, 3, 3, 3), "conv2": (48, 28, 3, 3), "conv3": (64, 48, 2, 2), "dense4": (128, 576)}
    | {"dense5_1": (2, 128), "dense5_2": (4, 128)},
    OUTPUT: {"conv1": (32, 3, 3, 3), "conv2": (64, 32, 3, 3), "conv3": (64, 64, 3, 3), "conv4": (128, 64, 2, 2)}
    | {"dense5": (256, 1152), "dense6_1": (2, 256), "dense6_2": (4, 256)},
}
installed = pytest.mark.skipif(not mtcnn.is_installed(), reason="make audit_models")


def random_weights(network):
    rng = np.random.default_rng(0)
    weights = {}
    for layer, shape in SHAPES[network].items():
        weights[f"{layer}.weight"] = rng.normal(0, np.prod(shape[1:]) ** -0.5, shape).astype(np.float32)
        weights[f"{layer}.bias"] = rng.normal(0, 0.1, shape[0]).astype(np.float32)
        if "_" not in layer:
            name = layer.replace("conv", "prelu").replace("dense", "prelu")
            weights[f"{name}.weight"] = rng.uniform(-0.2, 0.2, shape[0]).astype(np.float32)
    return weights


def pictures(network, count=3, size=None):
    size = size or (network.side, network.side)
    return np.random.default_rng(1).uniform(-1, 1, (count, *size, 3)).astype(np.float32)


def test_shapes_and_bands(monkeypatch):
    for network in (REFINE, OUTPUT):
        faces, moves = answers(network, random_weights(network), pictures(network))
        assert faces.shape == (3,) and moves.shape == (3, 4) and ((faces > 0) & (faces < 1)).all()
    weights, picture = random_weights(PROPOSE), pictures(PROPOSE, 1, (31, 22))
    whole = answers(PROPOSE, weights, picture)
    assert whole[0].shape == (11 * 6,)
    monkeypatch.setattr(mtcnn_networks, "MOST_NUMBERS", 1000)
    np.testing.assert_allclose(
        np.concatenate([whole[0][:, None], whole[1]], axis=1), joined(weights, picture), atol=1e-6
    )
    # The place of row 2 and column 3 is what the square of 12 pixels at (4, 6) gives.
    alone = joined(weights, picture[:, 4:16, 6:18])
    np.testing.assert_allclose(joined(weights, picture)[2 * 6 + 3], alone[0], atol=1e-5)


def joined(weights, picture):
    faces, moves = answers(PROPOSE, weights, picture)
    return np.concatenate([faces[:, None], moves], axis=1)


def test_squares_and_pyramid():
    boxes = np.array([[10.0, 20, 20, 50], [-5, 0, 15, 10.4]])
    assert mtcnn.squares(boxes).tolist() == [[0, 20, 30, 50], [-5, -5, 15, 15]]
    scales = mtcnn.pyramid(720, 1280)
    assert scales[0] * mtcnn.SMALLEST == PROPOSE.side and scales[-1] * 720 >= PROPOSE.side > scales[-1] * 720 * 0.7
    assert mtcnn.pyramid(15, 900) == []


def test_what_is_missing_or_another_file_is_one_line(tmp_path, monkeypatch):
    mtcnn_networks.published_weights.cache_clear()
    given_detector.cache_clear()
    monkeypatch.setattr(packaged_files, "find", lambda place: None)
    with pytest.raises(UserError, match="MTCNN is missing; run: pip install --no-deps facenet-pytorch=="):
        given_detector(MTCNN, 0.5)
    (tmp_path / "pnet.pt").write_bytes(b"another")
    monkeypatch.setattr(PackagedFile, "path", lambda file: tmp_path / "pnet.pt")
    with pytest.raises(UserError, match="is not the file that is known as MTCNN"):
        given_detector(MTCNN, 0.5)
    assert not mtcnn.is_installed()


@installed
def test_faces_are_found(portrait, face_in_portrait):
    look = given_detector(MTCNN, 0.7)
    picture = np.full((160, 220, 3), 110, np.uint8)
    picture[20:140, 90:210] = portrait
    faces = look(Still(picture))
    assert len(faces) == 1 and faces[0, 4] > 0.95
    assert np.abs(faces[0, :4] - face_in_portrait - [90, 20, 90, 20]).max() < 15
    cut = look(Still(np.ascontiguousarray(picture[:90])))
    assert (cut[:, :4] >= 0).all() and (cut[:, 2:4] <= [220, 90]).all()
    assert look(Still(np.zeros((40, 50, 3), np.uint8))).shape == look(Still(picture[:9, :9])).shape == (0, 5)


@installed
@pytest.mark.slow
@pytest.mark.parametrize("network", [PROPOSE, REFINE, OUTPUT])
def test_pytorch_reads_and_computes_the_same(network):
    torch = pytest.importorskip("torch")
    weights = mtcnn_networks.published_weights(network)
    state = torch.load(network.file.path(), weights_only=True)
    assert set(state) == set(weights) and all((state[name].numpy() == weights[name]).all() for name in weights)
    given = pictures(network, size=(41, 60) if network is PROPOSE else None)
    functional = torch.nn.functional
    values = torch.tensor(given).permute(0, 3, 1, 2)
    for place, pool in enumerate(network.pools, start=1):
        values = functional.conv2d(values, state[f"conv{place}.weight"], state[f"conv{place}.bias"])
        values = functional.prelu(values, state[f"prelu{place}.weight"])
        values = functional.max_pool2d(values, pool, 2, ceil_mode=True) if pool else values
    if network.dense:
        values = values.permute(0, 3, 2, 1).flatten(1)
        values = functional.linear(values, state[f"{network.dense}.weight"], state[f"{network.dense}.bias"])
        values = functional.prelu(values, state[network.dense.replace("dense", "prelu") + ".weight"])
    else:
        values = values.permute(0, 2, 3, 1).flatten(0, 2)
    told = [
        functional.linear(values, state[f"{layer}.weight"].flatten(1), state[f"{layer}.bias"])
        for layer in (network.face, network.box)
    ]
    faces, moves = answers(network, weights, given)
    np.testing.assert_allclose(faces, torch.softmax(told[0], dim=1)[:, 1].numpy(), atol=1e-5)
    np.testing.assert_allclose(moves, told[1].numpy(), atol=1e-5)
