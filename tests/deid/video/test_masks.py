import cv2
import numpy as np
import pytest

from deemo_jax.deid.settings import MASKS
from deemo_jax.deid.video.masks import FILL, MOSAIC, cover, cover_planar, enlarge, region
from deemo_jax.media.picture import Frame, layers


def test_boxes_grow_outwards_to_whole_pixels_and_stay_inside():
    boxes = np.array([[10.4, 20.6, 20.4, 40.6], [0.0, 0.0, 10.0, 10.0], [50, 50, 50, 60]])
    assert enlarge(boxes, 0.3, 100, 50) == ((0, 0, 13, 13), (7, 14, 24, 47))
    assert enlarge(np.zeros((0, 4)), 0.3, 100, 50) == ()


def test_solid_leaves_nothing_and_touches_nothing_else():
    image = np.random.default_rng(0).integers(0, 256, (40, 60, 3), np.uint8)
    original = image.copy()
    rectangles = [[5, 5, 20, 30], [15, 10, 40, 38]]
    covered = cover(image, rectangles, "solid")
    hidden = region(rectangles, 60, 40)
    assert hidden.sum() == 15 * 25 + 25 * 28 - 5 * 20
    assert (covered[hidden] == FILL).all()
    np.testing.assert_array_equal(covered[~hidden], original[~hidden])
    np.testing.assert_array_equal(image, original)


def test_gaussian_is_a_strong_blur_on_the_whole_rectangle():
    image = np.random.default_rng(0).integers(0, 256, (80, 80, 3), np.uint8)
    covered = cover(image, [[10, 10, 70, 70]], "gaussian")
    assert covered[10:70, 10:70].std() < 0.1 * image.std()
    np.testing.assert_array_equal(covered[:10], image[:10])
    assert abs(covered[12, 12].astype(int) - image[12, 12]).max() > 3  # the corners too, unlike an ellipse's


def test_a_mosaic_has_the_same_greys_however_large_the_face_and_nothing_of_it():
    image = np.random.default_rng(0).integers(0, 256, (200, 200, 3), np.uint8)
    for side in (1, 3, 40, 150):
        rectangle = [[10, 20, 10 + side, 20 + side]]
        covered = cover(image, rectangle, "mosaic")
        inside = covered[20 : 20 + side, 10 : 10 + side]
        assert set(np.unique(inside)) <= set(np.unique(MOSAIC)) and (inside == inside[..., :1]).all()
        assert side < 5 or len(np.unique(inside)) == 25
        np.testing.assert_array_equal(inside, cover(255 - image, rectangle, "mosaic")[20 : 20 + side, 10 : 10 + side])
        covered[20 : 20 + side, 10 : 10 + side] = image[20 : 20 + side, 10 : 10 + side]
        np.testing.assert_array_equal(covered, image)


@pytest.mark.parametrize("mask", MASKS)
def test_planes_are_covered_as_pictures_are(mask):
    noise = np.random.default_rng(0).integers(0, 256, (6, 9, 3), np.uint8)
    image = cv2.resize(noise, (96, 64), interpolation=cv2.INTER_CUBIC)
    rectangles = [[10, 8, 50, 48], [56, 24, 96, 64]]
    planar = cover_planar(Frame(0, 0.0, image).planar(), rectangles, mask).rgb(96, 64)
    inside = cv2.erode(region(rectangles, 96, 64).astype(np.uint8), np.ones((5, 5))) > 0
    expected = cover(image, rectangles, mask)
    apart = abs(planar[inside].astype(int) - expected[inside])
    assert apart.mean() < 3 and np.quantile(apart, 0.95) <= (1 if mask == "solid" else 10)


@pytest.mark.parametrize("mask", ["solid", "mosaic"])
def test_no_plane_keeps_anything_under_a_rectangle(mask):
    """Rectangles with odd edges too: a pixel of colour is as wide as two of brightness."""
    rng = np.random.default_rng(0)
    rectangles = [[11, 7, 51, 41], [60, 50, 61, 51]]
    hidden = region(rectangles, 96, 64)
    one, other = (Frame(0, 0.0, rng.integers(0, 256, (64, 96, 3), np.uint8)).planar() for _ in range(2))
    original = one.planes.copy()
    covered = [layers(cover_planar(planar, rectangles, mask).planes) for planar in (one, other)]
    np.testing.assert_array_equal(covered[0][0][hidden], covered[1][0][hidden])
    touched = hidden.reshape(32, 2, 48, 2).any(axis=(1, 3))
    for a, b, before in zip(covered[0][1], covered[1][1], layers(original)[1], strict=True):
        np.testing.assert_array_equal(a[touched], b[touched])
        np.testing.assert_array_equal(a[~touched], before[~touched])
    np.testing.assert_array_equal(covered[0][0][~hidden], layers(original)[0][~hidden])
    np.testing.assert_array_equal(one.planes, original)
