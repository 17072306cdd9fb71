"""Small faces, turned ones, brief ones, and scenes without any."""

import itertools

import numpy as np
import pytest

from deemo_jax.deid.clip import Refused, deidentify_clip
from deemo_jax.deid.manifest import load_masks
from deemo_jax.deid.settings import Settings
from deemo_jax.deid.video import recheck
from deemo_jax.deid.video.detection import face_finder
from deemo_jax.deid.video.detection import first_pass as first_pass_module
from deemo_jax.deid.video.detection.boxes import joined
from deemo_jax.deid.video.detection.close_up import NOTHING, close_up_score
from deemo_jax.deid.video.detection.face_finder import FaceFinder, tiles
from deemo_jax.deid.video.detection.first_pass import first_pass
from deemo_jax.deid.video.detection.frame_search import FrameToSearch, refined, search_frame
from deemo_jax.deid.video.detection.turned_faces import best, better_turns, turned_back
from deemo_jax.media.cached_video import CachedVideo
from tests.deid.films import HEIGHT, WIDTH, Stage, card, each, film

# Every look is for faces from 86 pixels up: it is quick, and does not see those of 24.
COARSE = Settings(smallest_face=0.4)
ACCEPT = Settings(smallest_face=0.4, empty_scenes="accept")
SMALL = 50
# Finds all faces of pictures of 320x240 here, in half the time of the default.
QUICK = Settings(smallest_face=0.2)


def speaker(t: int) -> Stage:
    return Stage().show(10 + t, 10, 196)


@pytest.fixture
def done(tmp_path, key):
    """De-identifies stages, and returns the film, the manifest and the true faces that are bare."""

    def run(stages, settings=COARSE, rate=25):
        made = film(tmp_path / "raw.mp4", stages, rate)
        manifest = deidentify_clip(made.path, tmp_path / "out", "c1", settings, key)
        return manifest, made.bare(tmp_path / "out", manifest), load_masks(tmp_path / "out" / manifest.masks)

    return run


@pytest.fixture
def refused(tmp_path, key):
    def run(stages, words, settings=COARSE):
        made = film(tmp_path / "raw.mp4", stages)
        with pytest.raises(Refused, match=words) as error:
            deidentify_clip(made.path, tmp_path / "out", "c1", settings, key)
        assert "\n" not in str(error.value) and not (tmp_path / "out").exists()
        return error.value

    return run


@pytest.mark.slow
def test_small_faces_are_followed_between_looks_in_full_size(done):
    def place(t):
        to_and_fro = 280 + 40 * np.sin(t / 5)
        return speaker(t).show(to_and_fro, 10 + t, SMALL).show(360 - 3 * t, 160, SMALL)

    manifest, bare, masks = done(each(27, place))
    assert bare == [] and manifest.faces["small"] >= 2 and manifest.faces["full_size"] == 2
    assert manifest.faces["turns"] == [0]
    # Their masks are of their size.
    assert all(sum(r[2] - r[0] < 70 for r in frame) >= 1 for frame in masks.rectangles)


@pytest.mark.slow
def test_a_small_face_is_followed_back_from_where_it_was_seen_first(done):
    """It comes in over the border half a second before the next look in full size."""
    manifest, bare, _ = done(each(28, lambda t: speaker(t).show(384 - 6 * max(0, t - 11), 30, SMALL)))
    assert bare == [] and manifest.faces["small"] >= 1


@pytest.mark.slow
@pytest.mark.parametrize("shown", [range(16), range(16, 30)])
def test_a_small_face_that_cannot_be_followed_is_refused_with_the_size_to_ask_for(refused, shown):
    stages = each(30, lambda t: speaker(t).show(280, 40, SMALL) if t in shown else speaker(t))
    error = refused(stages, r"a face of 2\d pixels, smaller than smallest_face, is lost .* --smallest_face 0\.[01]\d+;")
    gone = [t / 25 for t in range(30) if t not in shown]
    assert set(gone) - set(np.round(error.times_s, 3).tolist()) <= {gone[0], gone[-1]}


def vanishing(t: int) -> Stage:
    """Who speaks fades away from the sixth to the twelfth frame, which is no cut."""
    stage, gone = speaker(0), min(max((t - 5) / 7, 0.0), 1.0)
    stage.image = (stage.image * (1 - gone) + Stage().image * gone).astype(np.uint8)
    return stage


def test_the_refusal_of_a_large_lost_face_names_no_size_to_ask_for(refused):
    error = refused(each(24, vanishing), r"a face is lost in \d+ of 24")
    assert "smallest_face" not in str(error)


def test_a_small_face_behind_a_cut_is_seen_at_once(done):
    """The scene ends before another second has passed."""

    def place(t):
        if t < 10:
            return speaker(t)
        stage = Stage()
        stage.image[: HEIGHT // 2] //= 3
        return stage.show(190, 10, 196).show(60, 140, SMALL)

    manifest, bare, _ = done(each(20, place))
    assert bare == [] and manifest.faces["small"] >= 1 and manifest.faces["full_size"] == 2


@pytest.mark.parametrize("rate,apart", [(10, 1), (25, 2), (30, 2), (50, 4), (60, 5)])
def test_where_nobody_is_seen_the_first_pass_looks_twelve_times_a_second(tmp_path, rate, apart):
    made = film(tmp_path / "raw.mp4", each(rate + 7, lambda t: Stage(64, 48)), rate)
    seen = first_pass(CachedVideo(made.path), QUICK)
    assert max(np.diff(seen.looked)) == apart
    full_size = [seen.times[t] for t in seen.small]
    assert full_size[0] == 0 and max(np.diff([*full_size, seen.times[-1]])) <= 1


def moving(step):
    """Who speaks goes by so many pixels a frame, of a face of 66."""
    return lambda t: Stage(320, 240).show(20 + step * t, 50, 140)


@pytest.mark.slow
@pytest.mark.parametrize("rate,step,apart", [(10, 0, 2), (10, 10, 1), (25, 0, 4), (25, 4, 2), (60, 0, 10)])
def test_where_faces_are_at_rest_the_first_pass_looks_five_times_a_second(tmp_path, rate, step, apart):
    made = film(tmp_path / "raw.mp4", each(rate * 4 // 5 + 1, moving(step)), rate)
    seen = first_pass(CachedVideo(made.path), QUICK)
    assert max(np.diff(seen.looked)) == apart and {0, len(made.faces) - 1} <= set(seen.looked)


@pytest.mark.slow
@pytest.mark.parametrize("rate", [10, 25])
@pytest.mark.parametrize("step", [0, 4])
def test_what_both_passes_leave_out_shows_nothing_new(tmp_path, done, monkeypatch, rate, step):
    """The wall flickers in every frame, but where nothing moves in every seventh only."""

    def place(t):
        stage = moving(step)(t)
        if step or t % 7 == 5:
            stage.image[180:, 280:] = 40 + 160 * (t % 2)
        return stage

    seen, again = [], []
    monkeypatch.setattr(first_pass_module, "search_frame", recorded(first_pass_module.search_frame, seen))
    monkeypatch.setattr(recheck, "_look", recorded(recheck._look, again))
    count = rate + 5
    manifest, bare, _ = done(each(count, place), QUICK, rate)
    assert bare == [] and len(seen) == manifest.faces["looked"]
    left_out = set(range(count)) - {*seen} - {*again}
    assert not any(t % 7 == 5 for t in left_out) and (not step or not left_out)
    assert max(np.diff([0, *sorted({*again}), count])) <= 0.5 * rate


def recorded(look, frames):
    """A look that notes the number of every frame that it looks at."""

    def noting(*args):
        result = look(*args)
        frames.append(result[0])
        return result

    return noting


@pytest.mark.parametrize("shown", [7, 8])
def test_a_face_that_is_shown_for_a_single_frame_of_10_a_second(done, shown):
    def place(t):
        stage = Stage(320, 240).show(10, 90, 140)
        return stage.show(180, 20, 120) if t == shown else stage

    manifest, bare, _ = done(each(12, place), QUICK, 10)
    assert bare == [] and manifest.faces["looked"] < 12


@pytest.mark.slow
@pytest.mark.parametrize(
    "first", [0, pytest.param(1, marks=pytest.mark.slow), 2, pytest.param(3, marks=pytest.mark.slow), 4]
)
def test_a_face_that_is_shown_for_two_frames_of_60_a_second(tmp_path, done, first):
    def place(t):
        stage = Stage(320, 240).show(10, 90, 140)
        return stage.show(180, 20, 120) if t - 7 - first in (0, 1) else stage

    manifest, bare, _ = done(each(22, place), QUICK, 60)
    assert bare == [] and manifest.faces["frames"] == 22


@pytest.mark.slow
@pytest.mark.parametrize("quarters", [1, 2, 3])
def test_faces_that_are_turned_are_found(done, quarters):
    stages = each(8, lambda t: Stage(320, 240).show(60 + 4 * t, 50, 160).turned(quarters))
    manifest, bare, _ = done(stages, QUICK)
    assert bare == [] and -quarters % 4 in manifest.faces["turns"]


def test_somebody_lies_beside_somebody_who_sits(done):
    def place(t):
        stage = Stage(400, 240).show(20, 40, 160)
        lying = Stage(180, 240).show(10 + t, 40, 160).turned(2)
        stage.image[:, 220:] = lying.image
        stage.faces += [np.add(face, [220, 0, 220, 0]).tolist() for face in lying.faces]
        return stage

    manifest, bare, _ = done(each(8, place), QUICK)
    assert bare == [] and 2 in manifest.faces["turns"]


def test_boxes_of_a_turned_picture_are_turned_back():
    face = np.array([[10, 20, 40, 60, 0.5]], np.float32)
    image = np.zeros((240, 320), np.uint8)
    image[20:60, 10:40] = 1
    for turn in range(4):
        rows, columns = np.nonzero(np.rot90(image, turn))
        seen = np.array([[columns.min(), rows.min(), columns.max() + 1, rows.max() + 1, 0.5]], np.float32)
        np.testing.assert_allclose(turned_back(seen, turn, (320, 240)), face)


def test_boxes_of_one_face_are_joined():
    faces = np.array([[0, 0, 10, 10, 0.3], [100, 0, 110, 10, 0.9], [2, 2, 12, 12, 0.6]], np.float32)
    np.testing.assert_allclose(joined(faces), [[100, 0, 110, 10, 0.9], [0, 0, 12, 12, 0.6]])


def test_of_a_face_found_in_several_turns_the_best_box_is_taken():
    upright = np.array([[0, 0, 40, 40, 0.6], [30, 0, 70, 40, 0.5], [200, 0, 240, 40, 0.7]], np.float32)
    turned = np.array([[8, 0, 58, 30, 0.9], [300, 0, 340, 40, 0.3]], np.float32)
    assert best([upright, turned])[:, 4].tolist() == pytest.approx([0.9, 0.7, 0.3])
    assert best([upright, turned[1:]])[:, 4].tolist() == pytest.approx([0.7, 0.6, 0.5, 0.3])


def test_a_turn_counts_when_it_shows_more_than_upright():
    def face(x, score):
        return np.array([[x, 0, x + 40, 40, score]], np.float32)

    upright = face(0, 0.8)
    looks = [(1, face(5, 0.7)), (2, face(5, 0.9)), (3, face(100, 0.4))]
    assert better_turns(upright, looks, 0.5) == {2}
    assert better_turns(upright, [(1, face(5, 0.81)), (3, face(100, 0.5))], 0.5) == {3}
    assert better_turns(upright[:0], looks, 0.5) == {2}


def test_of_a_small_face_found_twice_the_finer_box_is_taken():
    def faces(*rows):
        return np.array([(x, 0, x + side, side, score, 0) for x, side, score in rows]).reshape(-1, 6)

    coarse, fine = (
        faces((0, 100, 0.9), (200, 20, 0.3), (300, 20, 0.2)),
        faces((10, 95, 0.95), (203, 22, 0.8), (400, 9, 0.5)),
    )
    together = refined(coarse, fine, 50)
    assert together[:, 0].tolist() == [10, 0, 203, 400, 300][1:]


def test_tiles_cover_a_picture_and_overlap(monkeypatch):
    assert tiles((1280, 720), 72) == ((1280, [0]), (720, [0]))
    for size in ((3840, 2160), (1920, 1080), (2160, 3840), (7680, 4320)):
        (width, lefts), (height, tops) = tiles(size, min(size) // 10)
        assert width * height <= face_finder.TILE
        for side, tile, edges in ((size[0], width, lefts), (size[1], height, tops)):
            assert edges[0] == 0 and edges[-1] + tile == side
            assert all(b - a <= tile - min(size) // 10 + 1 for a, b in itertools.pairwise(edges))
    # A face on the edge of two is found once, and whole.
    monkeypatch.setattr(face_finder, "TILE", 50_000)
    stage = Stage().show(160, 60, 70)
    found = FaceFinder(COARSE).full_size(_Shown(stage.image), 0.3)
    assert len(tiles((WIDTH, HEIGHT), 86)[0][1]) > 1 and len(found) == 1
    np.testing.assert_allclose(found[0, :4], stage.faces[0], atol=9)


class _Shown:
    """A picture that is looked at in its own size."""

    def __init__(self, image):
        self.image, self.size = image, image.shape[1::-1]

    def rgb(self, width, height):
        assert (width, height) == self.size
        return self.image


@pytest.mark.parametrize("cards", [range(6), range(5, 11), range(9, 15)])
def test_a_scene_that_shows_nobody_has_its_own_message_and_may_be_accepted(refused, done, cards):
    stages = each(15, lambda t: card() if t in cards else speaker(t))
    error = refused(stages, r"a scene shows nobody, from .* \(6 of 15 frames\); .*--empty_scenes accept")
    np.testing.assert_allclose(error.times_s, [t / 25 for t in cards], atol=1e-3)
    manifest, bare, masks = done(stages, ACCEPT)
    assert bare == [] and manifest.faces["empty"] == 6 and manifest.faces["filled"] == 0
    assert manifest.settings["empty_scenes"] == "accept"
    assert not masks.rectangles[cards[3]]


def test_a_scene_is_not_empty_if_one_of_its_frames_shows_somebody(refused):
    """Neither a look at the whole picture nor one in full size at the cut sees the face."""
    stages = each(30, lambda t: speaker(t) if t < 16 else card().show(250, 140, SMALL) if t == 21 else card())
    error = refused(stages, "somebody is seen in a scene", ACCEPT)
    np.testing.assert_allclose(error.times_s, [21 / 25], atol=1e-3)


def test_a_scene_in_which_somebody_is_lost_is_not_empty(refused):
    refused(each(24, vanishing), r"a face is lost in \d+ of 24", ACCEPT)
    # A whole film without a face is not accepted, either.
    refused(each(4, lambda t: card()), "no face was found", ACCEPT)


def test_empty_scenes_can_be_masked_like_other_frames(done):
    stages = each(20, lambda t: card() if t < 8 else speaker(t))
    manifest, _, masks = done(stages, Settings(smallest_face=0.4, on_missing="mask_frame"))
    assert manifest.faces["filled"] == 8 and masks.rectangles[7] == ((0, 0, WIDTH, HEIGHT),)
    assert masks.rectangles[8] != ((0, 0, WIDTH, HEIGHT),) and manifest.faces["empty"] == 0


def test_where_no_face_scores_high_turned_ones_are_looked_for_at_once(tmp_path):
    stages = [Stage(320, 240).show(80, 50, 120).turned(2), Stage(320, 240).show(80, 50, 120)]
    pictures = list(CachedVideo(film(tmp_path / "raw.mp4", stages).path))
    turns = [
        search_frame(FaceFinder(QUICK), tmp_path, FrameToSearch(picture, full_size=True))[1].turns
        for picture in pictures
    ]
    assert turns == [{2}, set()]
    # Not at every look: it takes as long as three.
    assert search_frame(FaceFinder(QUICK), tmp_path, FrameToSearch(pictures[0]))[1].turns == set()


def test_a_half_hidden_face_is_still_one_in_a_close_up():
    stage = Stage(320, 240).show(80, 50, 120)
    box = np.array(stage.faces[0])
    shown = close_up_score(stage.image, box)
    stage.image[:, round(box[0] + 0.4 * (box[2] - box[0])) :] = 110
    hidden = close_up_score(stage.image, box)
    assert shown > 0.5 and NOTHING <= hidden < shown and NOTHING <= 0.06
    assert close_up_score(np.full((240, 320, 3), 110, np.uint8), box) < NOTHING
