from pathlib import Path

import pytest

from deemo_jax.core import formats
from deemo_jax.core.errors import UserError
from deemo_jax.deid.video.track_file import load_tracks


@pytest.mark.parametrize(("key", "slip"), [("not_faces", "not_face"), ("corrected", "corected")])
def test_a_misspelt_key_is_named(tmp_path: Path, key: str, slip: str) -> None:
    path = tmp_path / "clip.tracks.json"
    path.write_text(formats.TRACKS.example.replace(f'"{key}"', f'"{slip}"'))
    with pytest.raises(UserError, match=f"the key '{slip}' is not known; is '{key}' meant"):
        load_tracks(path, 75, (640, 360))


def test_unknown_keys_are_ignored(tmp_path: Path) -> None:
    path = tmp_path / "clip.tracks.json"
    path.write_text(formats.TRACKS.example.replace('"corrected"', '"by": "viewer", "corrected"'))
    assert len(load_tracks(path, 75, (640, 360)).tracks) == 1
