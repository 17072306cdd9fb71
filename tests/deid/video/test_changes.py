import cv2
import numpy as np
import pytest

from deemo_jax.deid.video.changes import shows_something_new

WIDTH, HEIGHT = 128, 96


@pytest.fixture(scope="module")
def wall():
    """Soft blotches of 60 to 180."""
    noise = np.random.default_rng(0).random((HEIGHT + 4, WIDTH + 4)).astype(np.float32)
    soft = cv2.GaussianBlur(noise, (0, 0), 4)
    return (60 + 120 * (soft - soft.min()) / np.ptp(soft)).astype(np.uint8)


def new(before, now, covered=(), size=(WIDTH, HEIGHT)):
    return shows_something_new(before, now, size, covered)


def test_what_stays_moves_a_little_or_is_noise_is_not_new(wall):
    here, moved = wall[2:-2, 2:-2], wall[4:, :-4]
    assert not new(here, here) and not new(here, moved)
    noise = np.random.default_rng(1).normal(0, 4, here.shape)
    assert not new(here, (here + noise).astype(np.uint8))


@pytest.mark.parametrize("level", [-25, -12, 12, 25])
def test_what_appears_is_new_wherever_it_is_if_it_is_as_large_as_the_smallest_face(level):
    before = np.full((HEIGHT, WIDTH), 100, np.uint8)
    for x, y in ((0, 0), (60, 40), (WIDTH - 14, HEIGHT - 18)):
        now = before.copy()
        now[y : y + 18, x : x + 14] += np.uint8(level % 256)
        assert new(before, now) and new(now, before)
        assert not new(before, now, [(x, y, x + 14, y + 18)])
        # A picture that the detector sees at half its size.
        assert not new(before, now, [(2 * x, 2 * y, 2 * x + 28, 2 * y + 36)], (2 * WIDTH, 2 * HEIGHT))
        assert new(before, now, [(2 * x, 2 * y, 2 * x + 14, 2 * y + 36)], (2 * WIDTH, 2 * HEIGHT))


def test_a_pattern_of_the_same_brightness_is_new():
    before = np.full((HEIGHT, WIDTH), 100, np.uint8)
    now = before.copy()
    now[40:58, 60:74] = np.where(np.indices((18, 14)).sum(0) // 4 % 2, 85, 115)
    assert new(before, now)
