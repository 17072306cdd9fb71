import numpy as np
import pytest

from deemo_jax.deid.video.background.backdrop import plain_backdrop, soft_backdrop
from deemo_jax.deid.video.background.person_pixels import person_pixels, sure_of_person
from deemo_jax.media.picture import Frame, layers

FACE = (40, 20, 60, 40)  # in a picture of 160x120


def outline(*regions, value=1.0):
    """A network's picture with a person in regions: rows and columns of a 12x16 grid."""
    person = np.zeros((12, 16), np.float32)
    for top, bottom, left, right in regions:
        person[top:bottom, left:right] = value
    return person


def test_what_touches_a_covered_face_is_kept_and_nothing_else():
    body, poster = (3, 12, 3, 8), (1, 6, 11, 15)
    kept = person_pixels(outline(body, poster), [FACE], 160, 120)
    assert kept[60, 55] and not kept[:, 105:].any() and not kept[:28].any()
    assert not person_pixels(outline(body, poster), [], 160, 120).any()  # nobody whose face is covered
    both = person_pixels(outline(body, poster), [FACE, (115, 15, 130, 30)], 160, 120)
    assert both[60, 55] and both[30, 130]
    assert not person_pixels(outline(body, value=0.65), [FACE], 160, 120).any()  # unsure
    # No pixel reaches beyond the cells that are surely a person's.
    assert not kept[:, 80:].any() and not kept[:, :30].any()


def test_a_frame_that_differs_from_its_neighbours_adds_nothing():
    nobody, somebody = outline(), outline((3, 12, 3, 8))
    assert sure_of_person(nobody, somebody, nobody).max() <= 0.5
    assert not sure_of_person(somebody, nobody, somebody).any()
    np.testing.assert_array_equal(sure_of_person(somebody, somebody, somebody), somebody)


@pytest.mark.parametrize("size", [(2, 2), (17, 9), (90, 160), (3000, 2000)])
def test_pictures_of_any_shape(size):
    width, height = size
    everywhere = np.ones((12, 16), np.float32)
    assert person_pixels(everywhere, [(0, 0, width, height)], width, height).all()
    assert not person_pixels(0 * everywhere, [(0, 0, width, height)], width, height).any()


def test_backdrops_have_little_or_nothing_of_the_picture():
    rng = np.random.default_rng(0)
    image = rng.integers(0, 256, (48, 64, 3), np.uint8)
    people = np.zeros((48, 64), bool)
    people[10:, 20:40] = True
    of = [Frame(0, 0.0, picture).planar() for picture in (image, image[::-1, ::-1], np.zeros_like(image))]
    np.testing.assert_array_equal(plain_backdrop(of[0]), plain_backdrop(of[2]))
    assert (layers(plain_backdrop(of[0]))[0] == 125).all() and (layers(plain_backdrop(of[0]))[1] == 128).all()
    drawn = [soft_backdrop(of[0], people, np.random.default_rng(seed)) for seed in (1, 1, 2)]
    np.testing.assert_array_equal(drawn[0], drawn[1])
    assert np.abs(drawn[0].astype(int) - drawn[2]).mean() > 10
    # The people are no part of it, and where they are all of the picture it is of noise alone.
    poisoned = np.where(people[..., None], 255 - image, image)
    other = soft_backdrop(Frame(0, 0.0, poisoned).planar(), people, np.random.default_rng(1))
    assert np.abs(drawn[0].astype(int) - other)[:48].max() <= 1
    alone = [soft_backdrop(one, np.ones_like(people), np.random.default_rng(1)) for one in (of[0], of[2])]
    np.testing.assert_array_equal(*alone)
