import numpy as np
import pytest

from deemo_jax.audit.face_detection.agreement import confirmed, sightings
from deemo_jax.audit.face_detection.look_beside import Lookers
from tests.audit.face_detection.test_detectors import Still

FACE = (100, 100, 140, 150, 0.9)


def faces(*rows):
    return np.array(rows, np.float32).reshape(-1, 5)


def who(first, second, hidden=None):
    hidden = np.zeros((240, 320), bool) if hidden is None else hidden
    return [s.who for s in sightings(1.0, faces(*first), faces(*second), hidden)]


def test_a_place_that_both_detectors_report_is_listed_once():
    around = (96, 110, 146, 152, 0.7)
    assert who([FACE], [around]) == ["both"]
    (told,) = sightings(1.23456, faces(FACE), faces(around), np.zeros((240, 320), bool))
    assert (told.time_s, told.score, told.box) == (1.235, 0.9, (100.0, 100.0, 140.0, 150.0))


@pytest.mark.parametrize(("shift", "expected"), [(18, ["both"]), (22, ["CenterFace", "BlazeFace"])])
def test_detections_that_share_half_a_box_are_of_one_place(shift, expected):
    assert who([FACE], [(100 + shift, 100, 140 + shift, 150, 0.6)]) == expected


def test_what_one_detector_alone_reports_is_listed_too():
    elsewhere = (200, 30, 230, 60, 0.8)
    assert who([FACE], [elsewhere]) == ["CenterFace", "BlazeFace"]
    assert who([FACE, elsewhere], []) == ["CenterFace", "CenterFace"]
    assert who([], [FACE]) == ["BlazeFace"] and who([], []) == []


@pytest.mark.parametrize(("share", "expected"), [(0.78, ["both"]), (0.5, ["both"]), (0.82, [])])
def test_a_face_is_covered_from_four_fifths_on(share, expected):
    hidden = np.zeros((240, 320), bool)
    hidden[100 : 100 + round(50 * share), 100:140] = True
    assert who([FACE], [(*FACE[:4], 0.7)], hidden) == expected


BARE = np.zeros((240, 320), bool)
SHOWN = Still(np.zeros((240, 320, 3), np.uint8))
ELSEWHERE = (200, 30, 230, 60, 0.8)


@pytest.mark.parametrize(
    ("third", "expected"),
    [([FACE], True), ([(122, 100, 162, 150, 0.9)], False), ([(118, 100, 158, 150, 0.9)], True), ([ELSEWHERE], False)],
)
def test_a_third_detector_makes_a_leak_of_what_one_sees(third, expected):
    for seen in (sightings(1.0, faces(FACE), faces(), BARE), sightings(1.0, faces(), faces(FACE), BARE)):
        (told,) = confirmed(seen, faces(*third), BARE)
        assert told.is_alone and told.third is expected and told.is_leak is expected


def test_a_third_detector_takes_no_leak_back_and_sees_no_covered_face():
    seen = sightings(1.0, faces(FACE, ELSEWHERE), faces(FACE), BARE)
    both, one = confirmed(seen, faces(), BARE)
    assert (both.who, both.third, both.is_leak) == ("both", None, True) and (one.third, one.is_leak) == (False, False)
    covered = BARE.copy()
    covered[95:160, 80:140] = True
    beside = (105, 110, 150, 140, 0.9)  # CenterFace's box reaches out of the mask, the third's does not
    (told,) = confirmed(sightings(1.0, faces(beside), faces(), covered), faces(FACE), covered)
    assert told.third is False
    assert confirmed([], faces(FACE), BARE) == []


@pytest.mark.parametrize(
    ("first", "second", "asked"), [([FACE], [], 1), ([], [FACE], 1), ([FACE], [FACE], 0), ([], [], 0)]
)
def test_the_third_detector_is_shown_pictures_in_which_one_is_alone(first, second, asked):
    shown = []

    def third(picture):
        shown.append(picture)
        return faces(FACE)

    seen, reported = Lookers(lambda _: faces(*first), lambda _: faces(*second), third)(SHOWN, 1.0, BARE)
    assert len(shown) == asked and reported == len(first)
    assert all(s.is_leak for s in seen)
