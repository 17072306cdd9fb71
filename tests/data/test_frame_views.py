import numpy as np
import pytest

from deemo_jax.core.recipe import FrameSampling
from deemo_jax.data.frame_views import AREA, RATIO, cropped, drawn_box, drawn_indices
from deemo_jax.media.video import uniform_indices


@pytest.mark.parametrize(("length", "count"), [(32, 8), (33, 8), (40, 5), (8, 8)])
def test_half_of_the_frames_are_from_each_half_in_order_of_time(length: int, count: int) -> None:
    rng = np.random.default_rng(0)
    seen = set()
    for _ in range(200):
        drawn = drawn_indices(length, count, FrameSampling.HEAD_TAIL, rng)
        assert len(set(drawn)) == count and drawn == sorted(drawn)
        assert sum(index < length // 2 for index in drawn) == count // 2
        seen |= set(drawn)
    assert seen == set(range(length))


def test_short_clips_and_images_repeat_their_last_frame() -> None:
    rng = np.random.default_rng(0)
    assert drawn_indices(1, 4, FrameSampling.HEAD_TAIL, rng) == [0, 0, 0, 0]
    assert drawn_indices(3, 8, FrameSampling.HEAD_TAIL, rng) == [0, 0, 0, 0, 1, 2, 2, 2]
    assert drawn_indices(9, 4, FrameSampling.UNIFORM, rng) == uniform_indices(9, 4)


def test_a_box_lies_in_the_frame_and_has_a_fair_area_and_ratio() -> None:
    rng = np.random.default_rng(0)
    boxes = [drawn_box(224, rng) for _ in range(500)]
    areas = [height * width / 224**2 for _, _, height, width in boxes]
    ratios = [width / height for _, _, height, width in boxes]
    assert all(top >= 0 and left >= 0 and top + h <= 224 and left + w <= 224 for top, left, h, w in boxes)
    assert min(areas) > AREA[0] - 0.01 and max(areas) <= AREA[1] and min(areas) < 0.55 and max(areas) > 0.9
    assert min(ratios) > RATIO[0] - 0.02 and max(ratios) < RATIO[1] + 0.02


def test_a_crop_is_the_same_in_all_frames_and_shows_the_part() -> None:
    ramp = np.broadcast_to(np.arange(224, dtype=np.uint8)[None, :, None], (224, 224, 3))
    out = cropped(np.stack([ramp, ramp]), (0, 100, 224, 112))
    assert (out[0] == out[1]).all() and out.shape == (2, 224, 224, 3) and out.dtype == np.uint8
    # Pixel centres are kept: pixel x shows the place 100 + (x + 0.5) / 2 - 0.5.
    middle = 100 + (np.arange(20, 200) + 0.5) / 2 - 0.5
    assert np.abs(out[0, 50, 20:200, 0] - middle).max() <= 1
    whole = np.stack([ramp])
    assert (cropped(whole, (0, 0, 224, 224)) == whole).all()
