import numpy as np
import pytest

from benchmarks.privacy.filmed import CAMERAS, Camera, far, pan
from benchmarks.privacy.outfit import clothes_colours, clothes_lines, filled
from benchmarks.privacy.people_alone import in_even_greys, silhouette
from deemo_jax.deid.video.masks import FILL

FACE = (40, 10, 60, 30)


def dressed(colour, stripes=0):
    """A person below the mask `FACE` in clothes of one colour, with darker stripes, and where they are."""
    image, people = np.full((80, 100, 3), FILL, np.uint8), np.zeros((80, 100), bool)
    people[30:, 25:75] = True
    cloth = np.full((80, 100, 3), colour, np.uint8)
    if stripes:
        cloth[:, ::stripes] //= 2
    return np.where(people[..., None], cloth, image), people


def test_clothes_are_told_by_colours_and_by_lines():
    looks = {name: dressed(*of) for name, of in {"red": ((200, 20, 20),), "blue": ((20, 20, 200),)}.items()}
    looks["striped"] = dressed((200, 20, 20), 5)
    colours = {name: clothes_colours([image], [people], [FACE])[0] for name, (image, people) in looks.items()}
    lines = {name: clothes_lines([image], [people], [FACE])[0] for name, (image, people) in looks.items()}
    assert colours["red"] @ colours["red"] == pytest.approx(1) and colours["red"] @ colours["blue"] == 0
    assert np.abs(lines["red"] - lines["blue"]).max() < 0.1 < np.abs(lines["red"] - lines["striped"]).max()
    # What is around them, and a mask that reaches to the lower edge, tell nothing.
    image, people = looks["red"]
    around = np.where(people[..., None], image, 255 - image).astype(np.uint8)
    np.testing.assert_array_equal(clothes_colours([around], [people], [FACE])[0], colours["red"])
    np.testing.assert_array_equal(clothes_lines([around], [people], [FACE])[0], lines["red"])
    assert not clothes_colours([image], [people], [(40, 10, 60, 80)]).any()
    assert not clothes_lines([image], [people], [(40, 10, 60, 80)]).any()


def test_a_backdrop_at_rest_is_found_behind_who_moves():
    draws = np.random.default_rng(0)
    backdrop = np.linspace(50, 200, 100).astype(np.uint8)[None, :, None].repeat(80, 0).repeat(3, 2)
    images, people = np.stack([backdrop] * 5), np.zeros((5, 80, 100), bool)
    for t in range(5):
        people[t, 30:, 5 + 15 * t : 20 + 15 * t] = True
    images[people] = draws.integers(0, 256, (people.sum(), 3))
    grey = (filled(images) == FILL).all(axis=-1)
    assert grey[~people].mean() > 0.9 and grey[people].mean() < 0.05
    assert (images[0, 0] == backdrop[0]).all()  # the pictures themselves are as they were


def test_people_in_even_greys_and_silhouettes_lose_what_clothes_are_told_by():
    image, people = dressed((200, 20, 20), 5)
    other = np.where(people[..., None], image // 3 + 100, FILL).astype(np.uint8)
    # Darker or lighter clothes of the same pattern look the same.
    np.testing.assert_array_equal(in_even_greys(image, people), in_even_greys(other, people))
    assert len(np.unique(in_even_greys(image, people)[people])) == 2
    np.testing.assert_array_equal(np.unique(silhouette(image, people)[people]), [220])
    for way in (in_even_greys, silhouette):
        assert (way(image, people)[~people] == FILL).all()
        assert (way(image, np.zeros_like(people)) == FILL).all()


def test_the_truth_moves_with_the_picture():
    image, inside = np.zeros((80, 100, 3), np.uint8), np.zeros((80, 100), bool)
    image[30:50, 40:60], inside[30:50, 40:60] = 255, True
    for camera in (Camera(), Camera(pan), Camera(far)):
        for t in (0, 3, 12):
            seen = camera.picture(image, t)[..., 0] > 127
            assert (camera.pixels(inside, t) ^ seen).mean() < 0.01
            [(x0, y0, x1, y1)] = camera.rectangles([(40, 30, 60, 50)], t, 100, 80)
            assert seen[y0:y1, x0:x1].mean() > 0.8 and not np.delete(seen, slice(x0, x1), axis=1).any()
    assert pan(12, 100, 80)[0, 2] == -15 and not Camera(pan).rectangles([(0, 0, 5, 5)], 12, 100, 80)
    dark = CAMERAS["a fifth of the light, with noise"].picture(np.full((80, 100, 3), 200, np.uint8), 1)
    assert dark.mean() == pytest.approx(40, abs=1) and dark.std() == pytest.approx(5, abs=0.5)
