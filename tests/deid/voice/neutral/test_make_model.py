import pytest

from deemo_jax.core.errors import UserError
from deemo_jax.deid.voice.neutral import make_model
from deemo_jax.deid.voice.neutral.model import PATH


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
