import numpy as np

from deemo_jax.deid.masks import FILL, GRID, cover, enlarge, region


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


def test_a_mosaic_shows_as_many_colours_however_large_the_face():
    image = np.random.default_rng(0).integers(0, 256, (200, 200, 3), np.uint8)
    for side in (40, 150):
        covered = cover(image, [[10, 20, 10 + side, 20 + side]], "mosaic")[20 : 20 + side, 10 : 10 + side]
        assert len(np.unique(covered.reshape(-1, 3), axis=0)) <= GRID**2
        np.testing.assert_allclose(covered.mean(), image[20 : 20 + side, 10 : 10 + side].mean(), atol=3)
