import itertools

import numpy as np
import pytest

from deemo_jax.core.errors import UserError
from deemo_jax.deid.settings import Settings
from deemo_jax.deid.video import recheck
from deemo_jax.deid.video.detection.face_finder import FaceFinder
from deemo_jax.deid.video.kept_frames import KeptFrames
from deemo_jax.deid.video.recheck import Recheck, cover_until_clean, faces_still_seen
from deemo_jax.media.cached_video import CachedVideo
from deemo_jax.media.video import frame_times

NOTHING_YET = ((),) * 12


def looking_at(looks, settings=None, **how):
    return Recheck(FaceFinder(settings or Settings()), frozenset(looks), **how)


@pytest.fixture
def kept(raw):
    return KeptFrames(CachedVideo(raw.path), (320, 240), tuple(frame_times(raw.path)))


@pytest.fixture
def reporting(monkeypatch):
    """Makes the detector report what a function of its picture says, in all frames or in some."""
    frame = [-1]

    class Reporter:
        input_size = (320, 256)

        def __init__(self, report):
            self.report = report

        def __call__(self, image, threshold):
            rows = [row for row in self.report(image) if row[4] >= threshold]
            return np.array(rows, np.float32).reshape(-1, 5)

    def remember(how, rectangles, asked, look=recheck._look):
        frame[0] = asked[0]
        return look(how, rectangles, asked)

    def install(report, only=None):
        monkeypatch.setattr(recheck, "_look", remember)

        def report_in_some(image):
            return report(image) if only is None or frame[0] in only else []

        monkeypatch.setattr(
            "deemo_jax.deid.video.detection.turned_faces.FaceDetector", lambda *_: Reporter(report_in_some)
        )
        monkeypatch.setattr(recheck, "refuted", lambda _, faces, *__: np.zeros(len(faces), bool))

    return install


def covers(rectangles, box):
    return any(r[0] <= box[0] and r[1] <= box[1] and r[2] >= box[2] and r[3] >= box[3] for r in rectangles)


@pytest.mark.parametrize("score,covered", [(0.3, True), (0.12, True), (0.05, False)])
def test_detections_just_below_the_threshold_are_covered_too(kept, reporting, score, covered):
    reporting(lambda _: [(40, 40, 80, 80, score)], only={2, 6})
    rectangles, exposed = cover_until_clean(kept, NOTHING_YET, looking_at({2, 6}))
    assert exposed == () and len(rectangles) == 12
    # At 10 frames a second the neighbours are a tenth of a second away.
    expected = [covered and t in (1, 2, 3, 5, 6, 7) for t in range(12)]
    assert [covers(r, (40, 40, 80, 80)) for r in rectangles] == expected


def test_frames_without_a_find_stay_as_they_are(kept, reporting):
    seen = []

    def first_only(image):
        seen.append(1)
        return [(40, 40, 80, 80, 0.3)] if len(seen) == 1 else []

    reporting(first_only)
    rectangles, exposed = cover_until_clean(kept, NOTHING_YET, looking_at({0, 1, 3}))
    assert exposed == () and [bool(r) for r in rectangles] == [t == 0 for t in range(12)]
    # All three, and then only the one that was changed.
    assert len(seen) == 4


def test_a_find_that_comes_back_is_covered_for_longer_and_searched_again(kept, reporting):
    looks = []
    one, other = (40, 40, 80, 80), (200, 100, 240, 140)

    def twice(_):
        looks.append(1)
        return {1: [(*one, 0.3)], 2: [(*other, 0.3)]}.get(len(looks), [])

    reporting(twice)
    rectangles, exposed = cover_until_clean(kept, NOTHING_YET, looking_at({2, 3}))
    assert exposed == ()
    assert [covers(r, one) for r in rectangles] == [t in (1, 2) for t in range(12)]
    assert [covers(r, other) for r in rectangles] == [t in (1, 2, 3) for t in range(12)]
    # The first frame until it is clean, and the second; then this once more with what was added, and those before.
    assert len(looks) == 7


def test_all_frames_between_a_find_and_the_next_clean_ones_are_searched(kept, reporting):
    box = (40, 40, 80, 80)
    reporting(lambda _: [(*box, 0.3)], only={3, 4, 5, 6})
    rectangles, exposed = cover_until_clean(kept, NOTHING_YET, looking_at({0, 4, 8, 11}))
    assert exposed == () and [covers(r, box) for r in rectangles] == [3 <= t <= 7 for t in range(12)]


def test_the_last_frame_is_searched_though_nothing_is_new(kept, reporting):
    box = (40, 40, 80, 80)
    reporting(lambda _: [(*box, 0.3)], only={11})
    known = {t: np.empty((0, 6)) for t in range(0, 11)}
    rectangles, _ = cover_until_clean(kept, NOTHING_YET, looking_at((), known=known))
    assert covers(rectangles[11], box)


@pytest.mark.parametrize("score,missed", [(0.3, (4,)), (0.15, ())])
def test_only_what_scores_as_a_face_gets_a_clip_refused(kept, reporting, score, missed):
    places = iter(range(0, 300, 30))

    def elsewhere(_):
        x = next(places)
        return [(x, 200, x + 10, 210, score)]

    reporting(elsewhere, only={4})
    assert cover_until_clean(kept, NOTHING_YET, looking_at({4}))[1] == missed


def test_frames_that_cannot_be_settled_are_covered_whole(kept, reporting):
    places = iter(range(0, 300, 30))

    def elsewhere(_):
        x = next(places)
        return [(x, 200, x + 10, 210, 0.3)]

    reporting(elsewhere, only={4})
    settings = Settings(on_missing="mask_frame")
    rectangles, exposed = cover_until_clean(kept, NOTHING_YET, looking_at({4}, settings))
    assert exposed == () and rectangles[4] == ((0, 0, 320, 240),)


def test_frames_that_differ_on_a_second_read_are_refused(raw):
    times = tuple(frame_times(raw.path))
    with pytest.raises(UserError, match="gives other frames"):
        list(KeptFrames(CachedVideo(raw.path), (320, 240), (*times, 9.0)).pictures())
    with pytest.raises(UserError, match="changes its size"):
        list(KeptFrames(CachedVideo(raw.path), (320, 238), times).pictures())
    few = KeptFrames(CachedVideo(raw.path), (320, 240), times, frozenset({1, 2}))
    assert [p.index for p in few.pictures()] == list(few.indices) and len(few.times) == 10


def test_frames_that_were_not_searched_again_count_as_showing_a_face(kept, reporting, monkeypatch):
    """Two neighbours to which each pass adds something, which is clean once it is covered, and alters the other."""
    monkeypatch.setattr(recheck, "LOOKS", 3)
    calls, places = itertools.count(), iter(range(0, 310, 8))

    def new_places(_):
        return [(x := next(places), 200, x + 6, 206, 0.3)] if next(calls) % 3 < 2 else []

    reporting(new_places, only={2, 3})
    # The frames around these are clean, but what was added to them in the last pass was not searched either.
    assert cover_until_clean(kept, NOTHING_YET, looking_at({2, 3}))[1] == (1, 2, 3, 4)


@pytest.mark.parametrize("share,more", [(0.9, True), (0.97, False)])
def test_what_is_mostly_covered_is_covered_whole(kept, reporting, share, more):
    box = (40, 40, 140, 140)
    reporting(lambda _: [(*box, 0.9)])
    begun = tuple(((40, 40, 40 + round(100 * share), 140),) for _ in range(12))
    assert covers(cover_until_clean(kept, begun, looking_at({4}))[0][4], box) == more


@pytest.mark.parametrize("share,exact", [(0.6, True), (0.4, False)])
def test_a_find_that_is_mostly_mask_is_covered_without_a_margin(kept, reporting, share, exact):
    reporting(lambda _: [(40, 40, 140, 140, 0.3)])
    begun = tuple(((40, 40, 40 + round(100 * share), 140),) for _ in range(12))
    rectangles, _ = cover_until_clean(kept, begun, looking_at({4}))
    assert ((40, 40, 140, 140) in rectangles[4]) == exact and covers(rectangles[4], (40, 40, 140, 140))
    # A sure face is covered with a margin in any case.
    reporting(lambda _: [(40, 40, 140, 140, 0.6)])
    assert (15, 15, 165, 165) in cover_until_clean(kept, begun, looking_at({4}))[0][4]


@pytest.mark.parametrize("covered,score,seen", [(0.7, 0.6, True), (0.85, 0.6, False), (0.0, 0.45, False)])
def test_beside_corrected_tracks_most_of_what_is_surely_a_face_must_be_covered(kept, reporting, covered, score, seen):
    reporting(lambda _: [(40, 40, 140, 140, score)])
    given = tuple(((40, 40, 40 + round(100 * covered), 140),) * bool(covered) for _ in range(12))
    assert faces_still_seen(kept, given, looking_at({4}), ()) == ((4,) if seen else ())
