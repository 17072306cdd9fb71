import numpy as np
import pytest

from deemo_jax.audit.face_detection.agreement import sightings

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
