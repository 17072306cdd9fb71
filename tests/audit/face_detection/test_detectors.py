import dataclasses

import cv2
import numpy as np
import pytest

from deemo_jax.audit.attacks.embedders import GreyPixels, OnnxEmbedder, face_embedder
from deemo_jax.audit.face_detection.detectors import YUNET_THRESHOLD, CenterFace, YuNet, confirming_detector
from deemo_jax.core.errors import UserError
from deemo_jax.deid.video.detection.face_network import model_path
from tests.audit.onnx_files import average_embedder, bright_yunet


@dataclasses.dataclass
class Still:
    image: np.ndarray

    def rgb(self, width=None, height=None):
        return self.image if width is None else cv2.resize(self.image, (width, height), interpolation=cv2.INTER_AREA)


def test_centerface_behind_the_protocol(portrait, face_in_portrait):
    faces = CenterFace(120, 120, 0.2)(Still(portrait))
    assert len(faces) == 1 and np.abs(faces[0, :4] - face_in_portrait).max() < 12


def test_a_file_with_the_contract_of_yunet(tmp_path):
    (tmp_path / "bright.onnx").write_bytes(bright_yunet())
    detector = YuNet(tmp_path / "bright.onnx", 0.5)
    picture = np.zeros((240, 320, 3), np.uint8)
    assert detector(Still(picture)).shape == (0, 5)
    picture[64:96, 128:160] = 255
    faces = detector(Still(picture))
    assert len(faces) and (faces[:, 4] > 0.5).all()
    assert (faces[:, :2] >= [100, 40]).all() and (faces[:, 2:4] <= [170, 110]).all()
    assert len(detector(Still(picture[:128, :160]))) and detector(Still(picture[:64, :128])).shape == (0, 5)  # any size


def test_a_third_detector_votes_at_the_score_that_its_publisher_sets(tmp_path):
    (tmp_path / "bright.onnx").write_bytes(bright_yunet())
    default = cv2.FaceDetectorYN.create(str(tmp_path / "bright.onnx"), "", (64, 64)).getScoreThreshold()
    assert default == pytest.approx(YUNET_THRESHOLD)
    picture = np.zeros((240, 320, 3), np.uint8)
    picture[64:96, 128:160] = 255
    faces = confirming_detector(tmp_path / "bright.onnx")(Still(picture))
    assert (faces[:, 4] >= YUNET_THRESHOLD).all()


def test_what_is_no_model(tmp_path):
    (tmp_path / "text.onnx").write_text("no network")
    (tmp_path / "empty.onnx").touch()
    (tmp_path / "vector.onnx").write_bytes(average_embedder())
    for path in (tmp_path / "text.onnx", tmp_path / "vector.onnx", model_path()):
        with pytest.raises(UserError, match="not a YuNet"):
            YuNet(path, 0.5)
    for path in (tmp_path / "text.onnx", model_path()):
        with pytest.raises(UserError, match="not a face embedder"):
            OnnxEmbedder(path)
    for load in (OnnxEmbedder, lambda path: YuNet(path, 0.5)):
        with pytest.raises(UserError, match="no such file"):
            load(tmp_path / "absent.onnx")
        with pytest.raises(UserError, match="0 bytes"):
            load(tmp_path / "empty.onnx")


def test_embedders(tmp_path, portrait):
    (tmp_path / "average.onnx").write_bytes(average_embedder())
    vector = OnnxEmbedder(tmp_path / "average.onnx").embed(np.full((30, 20, 3), [255, 0, 51], np.uint8))
    np.testing.assert_allclose(vector.reshape(3, 16).T, [[1, -1, -0.6]] * 16, atol=1e-5)  # RGB, (x - 127.5) / 127.5
    assert isinstance(face_embedder("grey"), GreyPixels)
    grey = face_embedder("grey").embed
    assert np.corrcoef(grey(portrait), grey(portrait[::2, ::2]))[0, 1] > 0.98
    assert not grey(np.full((40, 40, 3), 127, np.uint8)).any()
