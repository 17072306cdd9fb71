"""Bare faces are spoilt as their rows say, and the face stays where its box says."""

import numpy as np
import pytest

from benchmarks.bare_faces import DEGREES, spoil
from benchmarks.privacy.portrait_films import SIZE

BOX = (300.0, 100.0, 380.0, 200.0)


@pytest.fixture
def picture():
    """A white face on grey, its upper half marked."""
    image = np.full((SIZE[1], SIZE[0], 3), 90, np.uint8)
    image[100:200, 300:380] = 255
    image[100:150, 300:380] = 200
    return image


@pytest.mark.parametrize(("kind", "degree"), [(kind, degrees[-1]) for kind, degrees in DEGREES.items()])
def test_a_face_is_where_its_box_says(picture, kind, degree):
    spoilt, box, covered = spoil(picture, BOX, kind, degree, np.random.default_rng(0))
    assert spoilt.shape == picture.shape and spoilt.dtype == np.uint8
    x0, y0, x1, y1 = map(round, box)
    for left, top, right, bottom in covered:
        assert (bottom - top) / (y1 - y0) == pytest.approx(degree, abs=0.02) and (left, right) <= (x0, x1 + 1)
        y1 = top
    inside, beside = spoilt[y0:y1, x0:x1].mean(), spoilt[y0:y1, :100].mean()
    assert inside > 1.5 * beside
    way = kind.split(":")[0]
    assert (spoilt.max() < 10) == (way == "dark")
    assert (y1 - y0 == degree) == (way == "small")
    upper, lower = spoilt[y0 : (y0 + y1) // 2, x0:x1].mean(), spoilt[(y0 + y1) // 2 : y1, x0:x1].mean()
    assert (upper > lower) == (way == "turned")
