import stat

import numpy as np
import pytest

from deemo_jax.core.errors import UserError
from deemo_jax.deid.keys import ENVIRONMENT, VoiceKey, load_key


def test_made_once_and_private(tmp_path, monkeypatch):
    monkeypatch.delenv(ENVIRONMENT, raising=False)
    file = tmp_path / "a" / "voice.key"
    first = load_key(file, tmp_path / "out")
    assert first == load_key(file, tmp_path / "out") and len(first.secret) == 32
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert [p.name for p in file.parent.iterdir()] == ["voice.key"]
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    assert load_key(None, tmp_path / "out") != first
    assert (tmp_path / "home" / ".config" / "deemo_jax" / "voice.key").exists()


def test_the_key_may_stand_in_the_environment(tmp_path, monkeypatch):
    monkeypatch.setenv(ENVIRONMENT, "a secret that is long enough")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert load_key(None, tmp_path / "out").secret == b"a secret that is long enough"
    assert not list(tmp_path.iterdir())
    monkeypatch.setenv(ENVIRONMENT, "short")
    with pytest.raises(UserError, match="16"):
        load_key(None, tmp_path / "out")


def test_bad_key_files(tmp_path):
    with pytest.raises(UserError, match="output folder"):
        load_key(tmp_path / "out" / "voice.key", tmp_path / "out")
    assert not (tmp_path / "out").exists()
    (tmp_path / "words.key").write_text("not hex")
    (tmp_path / "words.key").chmod(0o600)
    with pytest.raises(UserError, match="holds no voice key"):
        load_key(tmp_path / "words.key", tmp_path / "out")
    load_key(tmp_path / "open.key", tmp_path / "out")
    (tmp_path / "open.key").chmod(0o644)
    with pytest.raises(UserError, match="chmod 600"):
        load_key(tmp_path / "open.key", tmp_path / "out")
    with pytest.raises(UserError, match="cannot be used"):
        load_key(tmp_path / "words.key" / "x.key", tmp_path / "out")


def test_the_secret_is_never_shown(key):
    told = repr(key) + str(key) + key.key_id
    for secret in (key.secret, key.secret.hex().encode()):
        pieces = {secret[i : i + 4].decode() for i in range(len(secret) - 3)}
        assert not any(piece in told for piece in pieces)
    assert key.key_id != VoiceKey(key.secret + b"x").key_id


def test_coefficients_and_pseudonyms_depend_on_key_and_clip(key):
    other = VoiceKey(b"another secret of good length")
    drawn = np.array([key.alpha(f"clip{i}", 0.5, 0.9) for i in range(2000)])
    assert drawn.min() >= 0.5 and drawn.max() < 0.9
    np.testing.assert_allclose(np.histogram(drawn, 8, (0.5, 0.9))[0], 250, atol=60)
    assert key.alpha("clip1", 0.5, 0.9) == drawn[1] != other.alpha("clip1", 0.5, 0.9)
    assert key.pseudonym("ab" * 32) == key.pseudonym("ab" * 32) != other.pseudonym("ab" * 32)
