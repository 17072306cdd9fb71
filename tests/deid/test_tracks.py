import numpy as np
import pytest

from deemo_jax.deid.tracks import plan, second_chance

W, H = 320, 240


def face(x, y=80.0, size=40.0, score=0.9):
    return [x, y, x + size, y + size, score]


def frames(*rows):
    return [np.array(row, np.float32).reshape(-1, 5) for row in rows]


def test_boxes_spread_to_both_neighbours():
    found = plan(frames([face(100)], [face(110)], [face(120)], [face(130)]), W, H, 0.2, 0.5)
    assert [sorted(b[:, 0].tolist()) for b in found.boxes] == [
        [100, 110], [100, 110, 120], [110, 120, 130], [120, 130],
    ]  # fmt: skip
    assert found.missing == () and found.found == 4 and found.bridged == 0 and found.min_score == pytest.approx(0.9)


def test_one_lost_frame_is_bridged_by_the_hull():
    found = plan(frames([face(100)], [face(110)], [], [face(130)], [face(140)]), W, H, 0.2, 0.5)
    assert found.missing == () and found.bridged == 1
    assert [110, 80, 170, 120] in found.boxes[2].tolist()


@pytest.mark.parametrize("hole", [2, 5])
def test_longer_holes_are_missing(hole):
    rows = [[face(100)]] * 3 + [[]] * hole + [[face(110)]] * 3
    assert plan(frames(*rows), W, H, 0.2, 0.5).missing == tuple(range(3, 3 + hole))


def test_a_face_that_vanishes_beside_another():
    other = face(20, 20)
    rows = [[face(200), other]] * 3 + [[other]] * 4 + [[face(210), other]] * 3
    assert plan(frames(*rows), W, H, 0.2, 0.5).missing == (3, 4, 5, 6)


def test_a_face_may_leave_over_the_border_while_another_stays():
    other = face(20, 20)
    rows = [[face(279), other]] * 3 + [[other]] * 4 + [[face(279), other]] * 3
    assert plan(frames(*rows), W, H, 0.2, 0.5).missing == ()


def test_late_and_early_ends_are_missing():
    rows = [[]] * 3 + [[face(100)]] * 3 + [[]] * 2
    # The frames beside the found ones are covered by the spread; those beyond have nothing.
    assert plan(frames(*rows), W, H, 0.2, 0.5).missing == (0, 1, 7)


def test_no_face_at_all():
    found = plan(frames([], [], []), W, H, 0.2, 0.5)
    assert found.found == 0 and found.missing == (0, 1, 2) and found.min_score == 0


def test_second_chance_needs_a_neighbour_at_the_same_place():
    weak, elsewhere = face(104, score=0.12), face(220, score=0.15)
    rows = frames([face(100)], [weak, elsewhere], [face(106, score=0.11)], [elsewhere], [face(100, score=0.15)])
    kept = second_chance(rows, 0.2)
    assert [len(k) for k in kept] == [1, 1, 1, 0, 0]
    # It works backwards in time as well.
    assert [len(k) for k in second_chance(rows[::-1], 0.2)] == [0, 0, 1, 1, 1]


def test_two_people_are_not_taken_for_each_other():
    rows = [[face(100), face(150)]] * 3 + [[face(150)]] * 3 + [[face(100), face(150)]] * 3
    assert plan(frames(*rows), W, H, 0.2, 0.5).missing == (3, 4, 5)


def test_what_was_never_surely_a_face_is_covered_while_it_is_lost():
    speaker, logo = face(60, 60), face(250, 20, 16, 0.25)
    rows = [[speaker, logo]] * 2 + [[speaker]] * 6 + [[speaker, logo]] * 2
    found = plan(frames(*rows), W, H, 0.2, 0.5)
    assert found.missing == () and found.bridged == 6
    assert all([250, 20, 266, 36] in boxes.tolist() for boxes in found.boxes)
    # The same hole in a sure face's track is refused.
    rows = [[speaker, face(250, 20, 16, 0.6)]] * 2 + rows[2:]
    assert plan(frames(*rows), W, H, 0.2, 0.5).missing == (2, 3, 4, 5, 6, 7)
