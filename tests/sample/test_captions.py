from pathlib import Path

import cv2
import numpy as np
import pytest

from deemo_jax.core.errors import UserError
from deemo_jax.core.files import read_jsonl
from deemo_jax.media.video import sample_frames
from deemo_jax.sample import captions
from deemo_jax.sample.render.motion import GESTURES


def test_films_have_true_captions_and_covered_faces_and_what_is_there_stays(tmp_path: Path) -> None:
    assert captions.make(tmp_path, 1, 0) == 1
    (row,) = read_jsonl(tmp_path / "captions.jsonl")
    film = tmp_path / "media" / row["media"]
    before = film.read_bytes()
    assert captions.make(tmp_path, 1, 0) == 0 and film.read_bytes() == before
    gestures = {label for named in GESTURES.values() for label in named}
    assert row["caption"].split(";")[0].split(",")[0] in gestures | {"hands at rest"}
    for frame in sample_frames(film, 3)[0]:
        # In the middle of the head there is one grey; a face has eyes and a mouth.
        middle = cv2.cvtColor(frame[45:105, 95:135], cv2.COLOR_RGB2GRAY)
        assert np.ptp(middle) < 12


def test_no_films_are_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="--clips 0"):
        captions.make(tmp_path, 0, 0)
