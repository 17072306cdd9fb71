import dataclasses
import itertools

import numpy as np
import pytest

from deemo_jax.deid.settings import Settings
from deemo_jax.deid.video import tracks
from deemo_jax.deid.video.detection.detections import NO_FACE, SURELY, Detections
from deemo_jax.deid.video.tracks import boxes_per_frame, plan, second_chance

W, H = 320, 240


def face(x, y=80.0, size=40.0, score=0.9, doubt=0):
    return [x, y, x + size, y + size, score, doubt]


def detections(*rows, step=1, rate=10, cuts=()):
    """A look at every `step`-th frame; the frames between are not looked at."""
    count = (len(rows) - 1) * step + 1
    faces = tuple(np.array(row, np.float32).reshape(-1, 6) for row in rows)
    return Detections(W, H, tuple(t / rate for t in range(count)), tuple(range(0, count, step)), faces, cuts)


def covered(seen):
    found = plan(seen, Settings())
    return found, boxes_per_frame(found.tracks, seen.times)


def test_boxes_spread_to_both_neighbours_a_little_smaller():
    found, boxes = covered(detections([face(100)], [face(110)], [face(120)], [face(130)]))
    expected = [[100, 114], [104, 110, 124], [114, 120, 134], [124, 130]]
    assert [sorted(b[:, 0].tolist()) for b in boxes] == expected
    assert sorted((b[2] - b[0]).item() for b in boxes[1]) == pytest.approx([32, 32, 40])
    assert [b[0, 0] for b in boxes] == [100, 110, 120, 130]  # its own comes first
    assert found.missing == () and found.found == 4 and found.bridged == 0 and found.min_score == pytest.approx(0.9)
    assert len(found.tracks) == 1 and found.tracks[0].score == pytest.approx(0.9)


def test_frames_between_looks_are_interpolated():
    found, boxes = covered(detections([face(100)], [face(104)], [face(108)], step=2, rate=25))
    assert found.missing == () and [102, 80, 142, 120] in boxes[1].tolist() and len(boxes) == 5


def test_a_face_that_is_lost_for_a_moment_is_bridged_by_the_hull():
    found, boxes = covered(detections([face(100)], [face(110)], [], [], [face(125)], [face(130)]))
    assert found.missing == () and found.bridged == 2 and len(found.tracks) == 1
    for t in (2, 3):
        assert [110, 80, 165, 120] in boxes[t].tolist()


def test_a_face_that_is_hidden_in_part_is_covered_whole():
    short = [100.0, 80.0, 140.0, 105.0, 0.8, 0]  # a hand before the chin
    _, boxes = covered(detections([face(100)], [face(102)], [short], [short], [face(108)], [face(110)]))
    assert all((b[:, 3] == 120).any() for b in boxes) and all((b[:, 2] <= 150).all() for b in boxes)
    # A side that grows or shrinks for good is not hidden.
    _, boxes = covered(detections(*[[face(100, size=60 - 4 * t)] for t in range(6)]))
    assert max(b[:, 3].max() - b[:, 1].min() for b in boxes[4:]) <= 80 + 48 - 80


def test_what_close_ups_deny_is_covered_only_where_it_is_seen():
    fist = face(200, score=0.3, doubt=1)
    rows = [[face(100)], [face(100), fist], [face(100), fist], [face(100)], [face(100)], [face(100), fist]]
    found, boxes = covered(detections(*rows))
    assert [(b[:, 0] == 200).any() for b in boxes] == [False, True, True, False, False, True]
    assert [track.frames for track in found.tracks[1:]] == [(1, 2), (5,)] and found.missing == ()
    # Once confirmed by a close-up, or by its score, it is a face in all frames.
    for other in (face(200, score=0.3), face(200, score=0.6, doubt=0)):
        _, boxes = covered(detections(*rows[:5], [face(100), other]))
        assert all((b[:, 0] == 200).any() for b in boxes[1:])
    # A detection that close-ups deny does not count while the face is lost.
    assert plan(detections(*[[face(100)]] * 3, *[[fist]] * 12), Settings()).missing == tuple(range(3, 15))


def test_a_false_alarm_does_not_take_the_box_of_a_face():
    alarm = face(150, score=0.25)
    rows = [[face(100)], [face(110)], [face(125), alarm], [face(145)], [face(160)], [face(175)]]
    found, _ = covered(detections(*rows))
    assert found.missing == () and found.tracks[0].frames == tuple(range(6))


def test_frames_of_longer_holes_are_missing():
    rows = [[face(100)]] * 3 + [[]] * 12 + [[face(110)]] * 3
    assert plan(detections(*rows), Settings()).missing == tuple(range(3, 15))
    assert plan(detections(*rows), Settings(hole_s=2.0)).missing == ()


def test_frames_are_missing_before_a_face_comes_back_far_away():
    rows = [[face(60)]] * 3 + [[]] * 3 + [[face(190)]] * 3
    assert plan(detections(*rows), Settings()).missing == (3, 4, 5)


def test_tracks_are_extended_and_the_frames_beyond_are_missing():
    rows = [[]] * 5 + [[face(100)]] * 3 + [[]] * 5
    found, boxes = covered(detections(*rows))
    assert [len(b) > 0 for b in boxes] == [False] * 3 + [True] * 7 + [False] * 3
    assert found.missing == (0, 1, 2, 3, 4, 8, 9, 10, 11, 12)


def test_a_face_that_vanishes_beside_another():
    other = face(20, 20)
    rows = [[face(200), other]] * 3 + [[other]] * 14 + [[face(210), other]] * 3
    assert plan(detections(*rows), Settings()).missing == tuple(range(3, 17))


def test_a_face_that_appears_late_beside_another():
    other = face(20, 20)
    rows = [[other]] * 4 + [[face(200), other]] * 4
    assert plan(detections(*rows), Settings()).missing == (0, 1, 2, 3)


def test_a_face_may_leave_over_the_border_and_come_back_over_it():
    rows = [[face(279)]] * 3 + [[]] * 6 + [[face(0)]] * 3
    assert plan(detections(*rows), Settings()).missing == ()
    # A face that is not at the border cannot have left over it.
    rows = [[face(200)]] * 3 + [[]] * 6 + [[face(0)]] * 3
    assert plan(detections(*rows), Settings()).missing == tuple(range(3, 9))


def test_a_cut_ends_and_begins_tracks():
    rows = [[face(60)]] * 3 + [[face(200, 20)]] * 3
    found, boxes = covered(detections(*rows, cuts=(3,)))
    assert found.missing == () and len(found.tracks) == 2
    assert boxes[2][:, 0].max() == 64 and boxes[3][:, 0].min() == 200
    # Without the cut, one face is missing after its end, and another before its beginning.
    assert plan(detections(*rows), Settings()).missing == (0, 1, 2, 3, 4, 5)


def test_a_scene_without_any_face_is_empty():
    rows = [[face(60)]] * 3 + [[]] * 3 + [[face(60)]] * 3
    found = plan(detections(*rows, cuts=(3, 6)), Settings())
    assert found.empty == (3, 4, 5) and found.missing == ()
    # A face that is lost in a scene was in it: the scene is not empty.
    rows[3] = [face(60)]
    found = plan(detections(*rows, cuts=(3, 6)), Settings())
    assert found.empty == () and found.missing == (4, 5)


def test_what_looks_like_a_cut_but_is_a_flash():
    rows = [[face(60)]] * 8
    assert len(plan(detections(*rows, cuts=(3, 4)), Settings()).tracks) == 1


def test_no_face_at_all():
    found = plan(detections([], [], []), Settings())
    assert found.tracks == () and found.empty == (0, 1, 2) and found.min_score == 0


def test_second_chance_needs_a_neighbour_at_the_same_place():
    weak, elsewhere = face(104, score=0.12), face(220, score=0.15)
    rows = [[face(100)], [weak, elsewhere], [face(106, score=0.11)], [elsewhere], [face(100, score=0.15)]]
    assert [len(k) for k in second_chance(detections(*rows), 0.2)] == [1, 1, 1, 0, 0]
    # Likewise with time reversed.
    assert [len(k) for k in second_chance(detections(*rows[::-1]), 0.2)] == [0, 0, 1, 1, 1]


def test_two_people_are_not_taken_for_each_other():
    rows = [[face(100), face(150)]] * 3 + [[face(150)]] * 13 + [[face(100), face(150)]] * 3
    assert plan(detections(*rows), Settings()).missing == tuple(range(3, 16))


def test_what_was_never_surely_a_face_is_covered_and_not_missed():
    speaker, logo = face(60, 60), face(250, 20, 16, 0.25)
    rows = [[speaker, logo]] * 3 + [[speaker]] * 6 + [[speaker, logo]] * 3 + [[speaker]] * 4
    found, boxes = covered(detections(*rows))
    assert found.missing == () and found.bridged == 6
    assert all([250, 20, 266, 36] in b.tolist() for b in boxes[:12])
    rows = [[speaker, face(250, 20, 16, 0.6)]] * 3 + rows[3:]
    assert plan(detections(*rows), Settings()).missing == (12, 13, 14, 15)


def test_faces_do_not_jump_or_grow_between_looks():
    rows = [[face(60)], [face(60)], [face(60, size=100)], [face(60, size=100)]]
    assert len(plan(detections(*rows), Settings()).tracks) == 2
    rows = [[face(60)], [face(60)], [face(150)], [face(150)]]
    assert len(plan(detections(*rows), Settings()).tracks) == 2


@pytest.mark.parametrize("shape", [(1, 1), (1, 4), (4, 1), (3, 4), (4, 3)])
def test_boxes_are_assigned_to_tracks_at_the_least_cost(shape):
    cost = np.random.default_rng(7).random(shape)
    pairs = tracks._least(cost)
    ways = [
        sum(cost[i, j] for i, j in zip(rows, columns, strict=True))
        for rows in itertools.permutations(range(shape[0]), min(shape))
        for columns in itertools.combinations(range(shape[1]), min(shape))
    ]
    assert len(pairs) == min(shape) and sum(cost[i, j] for i, j in pairs) == pytest.approx(min(ways))


@pytest.mark.parametrize("gap", [0.8, 1.1, 1.4, 1.6, 1.9, 2.5])
def test_a_lost_face_does_not_go_over_to_what_was_seen_beside_it(gap):
    fist = face(60 + 40 * gap, score=0.35)
    seen = detections(*[[face(60), fist]] * 10, *[[fist]] * 20, step=2, rate=25)
    assert plan(seen, Settings()).missing == tuple(range(19, 59))


def test_only_at_the_very_border_may_a_face_leave():
    """Twenty pixels from it, the face would still be seen."""
    assert plan(detections(*[[face(260)]] * 3, *[[]] * 4), Settings()).missing == (3, 4, 5, 6)
    assert plan(detections(*[[face(277)]] * 3, *[[]] * 4), Settings()).missing == ()


def test_a_flash_is_short():
    rows = [[face(60)]] * 3 + [[]] * 5 + [[face(60)]] * 3
    assert len(plan(detections(*rows, cuts=(3, 8)), Settings()).tracks) == 2


def test_one_look_is_enough_where_a_close_up_confirms_a_face():
    other = face(20, 20)
    for verdict, missing in ((0, ()), (NO_FACE, ()), (SURELY, (0, 1, 3, 4))):
        rows = [[other]] * 2 + [[other, face(200, doubt=verdict)]] + [[other]] * 2
        assert plan(detections(*rows), Settings()).missing == missing


def test_the_smallest_face_that_is_lost_is_told():
    other = face(20, 20)
    rows = [[face(200, size=30), other]] * 4 + [[other]] * 14
    assert plan(detections(*rows), Settings()).lost_height == pytest.approx(30)
    assert plan(detections(*[[other]] * 4), Settings()).lost_height == 0


def test_the_defaults():
    """What a newcomer gets; each was measured on what is hard, so that a weaker one must be a decision."""
    recommended = {"mask": "solid", "threshold": 0.2, "second_chance": 0.1, "sure": 0.5, "margin": 0.25}
    recommended |= {"smallest_face": 0.1, "hole_s": 1.0, "extend_s": 0.2}
    recommended |= {"on_missing": "refuse", "empty_scenes": "refuse", "voice": "neutral"}
    assert recommended.items() <= dataclasses.asdict(Settings()).items()
    paper = Settings.preset("paper")
    assert (paper.mask, paper.voice) == ("gaussian", "mcadams")
    assert Settings.on_record({}) == Settings()  # what an older manifest lacks
