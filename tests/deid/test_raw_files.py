import hashlib

import pytest

from deemo_jax.core import files
from deemo_jax.core.errors import UserError
from deemo_jax.deid.raw_files import find_raw_files


def digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def test_films_are_found_by_their_hashes(tmp_path, monkeypatch):
    (tmp_path / "day").mkdir()
    for name, data in (("day/c3.MTS", b"three"), ("a.mp4", b"one"), ("b.txt", b"two")):
        (tmp_path / name).write_bytes(data)
    wanted = {digest(b"one"): ["c1", "c2"], digest(b"two"): ["c4"], digest(b"three"): ["c3"]}
    assert find_raw_files(tmp_path, wanted) == {
        "c1": tmp_path / "a.mp4", "c2": tmp_path / "a.mp4", "c3": tmp_path / "day" / "c3.MTS",
    }  # fmt: skip
    hashed = []
    monkeypatch.setattr(files, "sha256", lambda path: (hashed.append(path.name), digest(path.read_bytes()))[1])
    assert find_raw_files(tmp_path, {digest(b"three"): ["c3"]}) and hashed == ["c3.MTS"]
    with pytest.raises(UserError, match="no such folder"):
        find_raw_files(tmp_path / "absent", wanted)
