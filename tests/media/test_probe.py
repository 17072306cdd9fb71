from fractions import Fraction

import numpy as np
import pytest

from deemo_jax.core.errors import UserError
from deemo_jax.media.probe import BLOCK, contains, probe


def test_tags_of_container_tracks_and_chapters(make_media, tone):
    path = make_media(
        tracks=[(tone(300), 16_000)],
        tags={"title": "Jane Example", "comment": "+48.85+002.35/"},
        track_tags={"handler_name": "Jane's phone"},
        chapters=[
            {"id": 1, "start": 0, "end": 1000, "time_base": Fraction(1, 1000), "metadata": {"title": "Jane arrives"}}
        ],
    )
    found = probe(path)
    assert found.streams[:2] == ("video/h264", "audio/aac")
    text = "\n".join(found.tags)
    for planted in ("Jane Example", "+48.85+002.35/", "Jane's phone", "Jane arrives"):
        assert planted in text
    assert contains(path, ["Jane Example", "Jane's phone", "Jane arrives", "John"]) == [
        "Jane Example",
        "Jane's phone",
        "Jane arrives",
    ]


def test_needles_across_blocks_and_encodings(tmp_path):
    path = tmp_path / "bytes.bin"
    data = bytearray(np.random.default_rng(0).bytes(2 * BLOCK + 100))
    data[BLOCK - 4 : BLOCK + 4] = b"straddle"
    data[2 * BLOCK - 6 : 2 * BLOCK + 6] = "wide16".encode("utf-16-le")
    data[-4:] = b"\x00end"
    path.write_bytes(data)
    assert contains(path, ["straddle", "wide16", b"\x00end", "absent"]) == ["straddle", "wide16", b"\x00end"]
    assert contains(path, []) == []


def test_missing_file(tmp_path):
    with pytest.raises(UserError, match="absent"):
        contains(tmp_path / "absent", ["a"])
    with pytest.raises(UserError, match="no such file"):
        probe(tmp_path / "absent")
