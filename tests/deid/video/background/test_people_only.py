import dataclasses
from pathlib import Path

import cv2
import numpy as np
import pytest
from skimage import data

from deemo_jax.audit.clip_check import check_clip
from deemo_jax.core.errors import UserError
from deemo_jax.deid.clip import Refused
from deemo_jax.deid.folder.all_clips import deidentify_all
from deemo_jax.deid.folder.one_source import fingerprint
from deemo_jax.deid.manifest import load_manifest, load_masks
from deemo_jax.deid.settings import Settings
from deemo_jax.deid.video import masks
from deemo_jax.deid.video.background import person_network
from deemo_jax.deid.video.background.people_only import PeopleOnly
from deemo_jax.deid.video.detection.face_finder import FaceFinder
from deemo_jax.deid.video.kept_frames import KeptFrames
from deemo_jax.media.picture import Frame, layers
from deemo_jax.media.video import read_frames

GREY = Settings(background="grey")


@dataclasses.dataclass(frozen=True)
class Shown(Frame):
    """A picture that is at hand, as decoded ones are asked for."""

    @property
    def size(self):
        return self.image.shape[1::-1]

    def rgb(self, width, height):
        return cv2.resize(self.image, (width, height), interpolation=cv2.INTER_AREA)


class Film(list):
    path, threads, stage = Path("film.mp4"), 1, ""


def written(images, rectangles, key, settings=GREY, threads=1, **find):
    """The brightness and colours of every picture, and what is on record."""
    film = Film(Shown(t, t / 10, image) for t, image in enumerate(images))
    film.threads = threads
    kept = KeptFrames(film, film[0].size, tuple(frame.time_s for frame in film))
    people = PeopleOnly(kept, tuple(map(tuple, rectangles)), settings, key, "c1", **find)
    return [layers(picture.planes) for picture in people.pictures()], people


def photographed(width=160, height=160, left=0, side=160, room=60):
    """The astronaut's portrait, which is 160 pixels wide at most, in a room of one grey; and its face."""
    image = np.full((height, width, 3), room, np.uint8)
    portrait = cv2.resize(data.astronaut()[:400, 60:460], (side, side), interpolation=cv2.INTER_AREA)
    image[height - side :, left : left + side] = portrait[:, : width - left]
    top = height - side
    face = (left + 40 * side // 160, top + 20 * side // 160, left + 95 * side // 160, top + 80 * side // 160)
    return image, face


def test_the_person_stays_and_what_is_around_them_has_no_say(key):
    image, face = photographed()
    [(brightness, _)], people = written([image], [[face]], key)
    assert people.on_record()["without_person"] == 0 and 0.2 < people.on_record()["kept_share"] < 0.8
    plain = brightness == 125
    assert plain[:60, :30].all() and plain[120:, 60:100].mean() < 0.1  # the flag is gone, the suit is there
    # Wherever the outcome is grey, the picture may be anything: a pixel that changes there changes nothing.
    known = person_network.person_probability(cv2.resize(image, (256, 256), interpolation=cv2.INTER_AREA))
    poison = np.random.default_rng(0).integers(0, 256, image.shape, np.uint8)
    poisoned = np.where(cv2.dilate((~plain).astype(np.uint8), np.ones((3, 3)))[..., None] > 0, image, poison)
    (before, tints), (after, others) = (
        written([each], [[face]], key, find=lambda _: known)[0][0] for each in (image, poisoned)
    )
    np.testing.assert_array_equal(before, after)
    # A colour pixel is an average over more than its own four pixels before it comes here.
    assert np.abs(tints.astype(int) - others).max() <= 40 and (tints != others).mean() < 0.02


def test_a_picture_that_stands_on_its_head_keeps_what_is_a_person_both_ways_up(key):
    image, (x0, y0, x1, y1) = photographed()
    turned, face = np.ascontiguousarray(image[::-1, ::-1]), (160 - x1, 160 - y1, 160 - x0, 160 - y0)
    [(upright, _)], _ = written([image], [[(x0, y0, x1, y1)]], key)
    [(one_way, _)], _ = written([turned], [[face]], key)
    [(both_ways, _)], people = written([turned], [[face]], key, turns=(0, 2))
    wall = (upright == 125)[::-1, ::-1]
    assert (one_way[wall] != 125).mean() > 0.1 and (both_ways[wall] != 125).mean() < 0.01
    assert (both_ways != 125).mean() > 0.02 and not people.lost


class Fists(FaceFinder):
    """A finder that takes what is bright at one place for a face."""

    place = (60, 120, 80, 140)

    def again(self, picture, threshold):
        x0, y0, x1, y1 = self.place
        shown = layers(picture.planes)[0][y0:y1, x0:x1]
        return np.array([[*self.place, 0.3]], np.float32) if shown.mean() > 200 else np.zeros((0, 5), np.float32)


def test_what_looks_like_a_face_without_its_background_is_covered_here_and_in_the_next_frame(key):
    image, face = photographed()
    fist = image.copy()
    fist[120:140, 60:80] = 255
    images = [image, image, fist, fist, image, image]
    pictures, people = written(
        images, [[face]] * 6, key, finder=Fists(GREY), find=lambda _: np.ones((256, 256), np.float32)
    )
    assert people.rectangles == ((face,), (face,), (face, Fists.place), (face, Fists.place), (face,), (face,))
    hidden = [(brightness[120:140, 60:80] == 125).all() for brightness, _ in pictures]
    assert hidden == [False, False, True, True, False, False]
    # Nothing is added to what a person gave.
    assert written(images, [[face]] * 6, key)[1].rectangles == ((face,),) * 6


def test_films_of_all_shapes_and_persons_who_leave(key):
    near, face = photographed(320, 181, left=20)
    two, other = photographed(320, 181, left=160)
    two[:, :160] = near[:, :160]
    for image, faces in ((near[:, :171], [face]), (two, [face, other])):
        pictures, people = written([image], [faces], key)
        assert pictures[0][0].shape == tuple(side & ~1 for side in image.shape[:2]) and not people.lost
    brightness = pictures[0][0]
    assert all((brightness[130:, x : x + 40] != 125).mean() > 0.9 for x in (60, 200))  # both stay
    # Who leaves takes everything along; a frame without a person's outline is all background.
    black = np.zeros_like(near)
    pictures, people = written([near] * 5 + [black] + [two] * 2, [[face]] * 6 + [[]] * 2, key)
    again, _ = written([near] * 5 + [black] + [two] * 2, [[face]] * 6 + [[]] * 2, key, threads=3)
    assert all((a[0] == b[0]).all() and (a[1] == b[1]).all() for a, b in zip(pictures, again, strict=True))
    assert people.lost == [5] and people.on_record()["without_person"] == 1
    assert all((brightness == 125).all() and (colours == 128).all() for brightness, colours in pictures[5:])


def test_a_film_in_which_no_outline_is_found_is_refused(key):
    black, face = np.zeros((90, 160, 3), np.uint8), (60, 20, 90, 60)
    person, own = photographed()
    with pytest.raises(
        Refused, match=r"the outline of no person is found in 2 of 2 frames, at 0.00, 0.10 s; nothing would be left"
    ) as none_found:
        written([black] * 2, [[face]] * 2, key)
    assert "mask_frame" not in str(none_found.value)  # which is refused, too
    anyway = dataclasses.replace(GREY, on_missing="mask_frame")
    with pytest.raises(Refused):
        written([black] * 2, [[face]] * 2, key, anyway)  # nothing would be left
    with pytest.raises(Refused):
        written([person, np.zeros_like(person)], [[own]] * 2, key)
    assert written([person, np.zeros_like(person)], [[own]] * 2, key, anyway)[1].lost == [1]
    whole = masks.whole(160, 90)  # covered anyway: nothing to be found
    assert not written([black], [whole], key)[1].lost


def test_a_clip_of_people_only(make_clip, tmp_path, tmp_path_factory, key):
    clip = make_clip(tmp_path_factory.mktemp("raw") / "speaker.mp4", frames=5)
    outcomes = deidentify_all([clip.path], tmp_path, GREY, key, clip_ids="stem")
    assert [outcome.status for outcome in outcomes] == ["done"]
    manifest = load_manifest(tmp_path / "speaker.manifest.json")
    assert manifest.settings["background"] == "grey" and manifest.background["without_person"] == 0
    assert manifest.software["person_network_sha256"] == person_network.SHA256
    assert check_clip(clip.path, tmp_path / manifest.file, manifest, clip.truth).failures == ()
    for frame in read_frames(tmp_path / manifest.file):
        assert np.abs(frame.image[:, -20:].astype(int) - 127).max() < 12  # the wall
    recorded = load_masks(tmp_path / manifest.masks)
    assert recorded.rectangles[0]
    assert deidentify_all([clip.path], tmp_path, GREY, key, clip_ids="stem")[0].status == "kept"
    assert len({fingerprint(Settings(background=name)) for name in ("keep", "blur", "grey")}) == 3


def test_the_network_answers_as_all_of_its_layers_do_in_opencv():
    whole = cv2.dnn.readNetFromTFLite(np.frombuffer(person_network.MODEL.read_bytes(), np.uint8))
    noise = np.random.default_rng(0).integers(0, 256, (256, 256, 3), np.uint8)
    for image in (cv2.resize(data.astronaut(), (256, 256), interpolation=cv2.INTER_AREA), noise):
        whole.setInput(np.array(cv2.split(image), np.float32)[None] / 255)
        np.testing.assert_allclose(person_network.person_probability(image), whole.forward()[0, 0], atol=1e-5)


def test_a_damaged_network_is_named(tmp_path, monkeypatch):
    (tmp_path / "other.tflite").write_bytes(b"TFL3")
    monkeypatch.setattr(person_network, "MODEL", tmp_path / "other.tflite")
    person_network._checked.cache_clear()
    with pytest.raises(UserError, match=r"other\.tflite: is missing or damaged; install deemo-jax again"):
        person_network.person_probability(np.zeros((256, 256, 3), np.uint8))
    person_network._checked.cache_clear()


def test_an_unknown_background_is_refused():
    with pytest.raises(UserError, match="background is one of keep, blur, grey, not 'white'"):
        Settings(background="white")
