import numpy as np

from deemo_jax.deid.video.screen_text.text_over_time import rectangles_over_time, ways_between

TIMES = tuple(t / 10 for t in range(31))
NONE = np.empty((0, 4))


def at(*boxes):
    return np.array(boxes, np.float64)


def frames_with(rectangles):
    return [t for t, of in enumerate(rectangles) if of]


def test_text_lasts_to_the_searched_frames_around_it_and_half_a_second():
    found = {0: NONE, 5: NONE, 10: at([1, 1, 9, 5]), 11: NONE, 25: NONE, 30: NONE}
    assert frames_with(rectangles_over_time(found, TIMES, (40, 30))) == list(range(5, 16))
    found = {0: NONE, 10: at([1, 1, 9, 5]), 20: NONE, 30: NONE}
    assert frames_with(rectangles_over_time(found, TIMES, (40, 30))) == list(range(21))


def test_nothing_found_covers_nothing_and_one_frame_is_a_film():
    assert frames_with(rectangles_over_time({0: NONE, 30: NONE}, TIMES, (40, 30))) == []
    assert rectangles_over_time({0: at([1.2, 1, 9.5, 5])}, (0.0,), (40, 30)) == (((1, 1, 10, 5),),)


def test_what_moves_is_covered_on_its_way_and_what_rests_is_not_joined():
    line, later = at([200, 10, 300, 30]), at([50, 10, 150, 30])
    np.testing.assert_array_equal(ways_between(line, later, 0.5, 640), [[50, 10, 300, 30]])
    wall = at([0, 10, 40, 30], [100, 10, 140, 30], [200, 10, 240, 30])
    assert not len(ways_between(wall, wall + 1, 0.5, 640))
    assert not len(ways_between(line, at([0, 200, 30, 300]), 0.5, 640))  # of another shape and line
    assert not len(ways_between(line, at([10, 10, 110, 30]), 0.1, 640))  # too far for a tenth of a second
    np.testing.assert_array_equal(ways_between(line, at([209, 35, 309, 55]), 0.5, 640), [[200, 10, 309, 55]])
