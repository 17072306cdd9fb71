import numpy as np

from deemo_jax.deid.video.screen_text.letters_extent import SPARE, trimmed

CORE, GROWN = np.array([[20.0, 20.0, 80.0, 30.0]]), np.array([[10.0, 10.0, 90.0, 40.0]])


def letters(stems, descender_to=30, colour=(250, 250, 250)):
    image = np.full((60, 120, 3), 100, np.uint8)
    image[20:30, 20:80:4] = colour
    image[stems, 24:26] = colour
    image[20:descender_to, 40:42] = colour
    return image


def test_margins_without_anything_drawn_are_left_out_and_ascenders_kept():
    (box,) = trimmed(CORE, GROWN, letters(slice(15, 30), descender_to=36))
    x0, y0, x1, y1 = box
    assert y0 <= 15 - SPARE and y1 >= 36 + SPARE and y0 >= 10 and y1 <= 40
    assert (x0, x1) != (10, 90) and x0 <= 20 - SPARE and x1 >= 80 + SPARE


def test_letters_of_another_colour_and_the_same_grey_are_kept_whole():
    (box,) = trimmed(CORE, GROWN, letters(slice(13, 30), colour=(190, 62, 100)))
    assert box[1] <= 13


def test_drawn_margins_stay_and_cores_without_contrast_keep_theirs():
    busy = np.random.default_rng(0).integers(0, 255, (60, 120, 3)).astype(np.uint8)
    np.testing.assert_array_equal(trimmed(CORE, GROWN, busy), GROWN)
    np.testing.assert_array_equal(trimmed(CORE, GROWN, np.full_like(busy, 90)), GROWN)
    assert trimmed(CORE[:0], GROWN[:0], busy).shape == (0, 4)
