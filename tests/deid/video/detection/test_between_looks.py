import numpy as np
import pytest

from deemo_jax.deid.video.detection.between_looks import where_faces_move
from deemo_jax.deid.video.detection.frame_search import FrameDetections, FrameToSearch

FACE, BESIDE = [40, 40, 80, 90, 0.9, 0], [200, 20, 220, 50, 0.3, 0]


def moved(face, by):
    return [face[0] + by, face[1], face[2] + by, *face[3:]]


def faces(*rows):
    return np.array(rows, np.float64).reshape(-1, 6)


def look(*rows, small=None, begins_scene=False):
    return FrameToSearch("look", begins_scene=begins_scene), FrameDetections(faces(*rows), small)


BETWEEN = (FrameToSearch("between", between=True), None)


def needed(*looks):
    return sum(asked.between for asked in where_faces_move(looks, 0.2))


@pytest.mark.parametrize("by,count", [(0, 0), (3, 0), (6, 2)])
def test_frames_between_are_looked_at_where_a_face_moves(by, count):
    assert needed(look(FACE), BETWEEN, BETWEEN, look(moved(FACE, by))) == count


def test_each_face_counts_and_each_look_is_compared_with_the_one_before():
    assert needed(look(FACE, BESIDE), BETWEEN, look(BESIDE, FACE), BETWEEN, look(FACE, BESIDE)) == 0
    assert needed(look(FACE, BESIDE), BETWEEN, look(FACE)) == needed(look(FACE), BETWEEN, look(FACE, BESIDE)) == 1
    assert needed(look(FACE, BESIDE), BETWEEN, look(FACE, moved(BESIDE, 40))) == 1
    # Two boxes of one face are not two faces.
    assert needed(look(FACE, BESIDE), BETWEEN, look(FACE, moved(FACE, 1))) == 1
    # Less than the threshold is no face.
    assert needed(look(FACE), BETWEEN, look(FACE, [*BESIDE[:4], 0.1, 0])) == 0


def test_where_nothing_is_known_of_what_comes_nothing_is_left_out():
    assert needed(look(FACE), BETWEEN, BETWEEN) == 2  # the end of the film
    assert needed(look(FACE), BETWEEN, look(FACE, begins_scene=True)) == 1
    assert needed(look(), BETWEEN, look()) == 1  # nobody is there


def test_while_small_faces_are_followed_nothing_is_left_out():
    small, none = faces([5, 5, 15, 17, 0.6, 0]), faces()
    assert needed(look(FACE, small=small), BETWEEN, look(FACE), BETWEEN, look(FACE, small=none)) == 2
    assert needed(look(FACE, small=none), BETWEEN, look(FACE), BETWEEN, look(FACE, small=small)) == 0
