import dataclasses
from pathlib import Path

import av
import cv2
import numpy as np
import pytest

from deemo_jax.core.packaged_files import find
from deemo_jax.deid.clip import deidentify_clip
from deemo_jax.deid.manifest import load_masks
from deemo_jax.deid.settings import Settings
from deemo_jax.deid.video import masks
from deemo_jax.deid.video.kept_frames import KeptFrames
from deemo_jax.deid.video.refusal_messages import Refused
from deemo_jax.deid.video.screen_text import text_covering, text_network
from deemo_jax.deid.video.screen_text.text_boxes import cores_of, grown
from deemo_jax.media.picture import Picture
from deemo_jax.media.video import read_frames

COVER, REFUSE = (Settings(text_in_picture=choice) for choice in ("cover", "refuse"))
real = pytest.mark.skipif(find(text_network.MODEL.place) is None, reason="make picture_models installs the detector")


class Film(list):
    path, threads, stage = Path("film.mp4"), 1, ""


def kept(images):
    decoded = [av.VideoFrame.from_ndarray(image, "rgb24") for image in images]
    size = images[0].shape[1::-1]
    film = Film(Picture(t, t / 10, 0.1, size, frame) for t, frame in enumerate(decoded))
    return KeptFrames(film, size, tuple(frame.time_s for frame in film))


def covered(images, settings=COVER, hidden=None):
    return text_covering.cover_text(kept(images), hidden or tuple(() for _ in images), settings)


def blank(width=64, height=48):
    return np.full((height, width, 3), 120, np.uint8)


def marked(x, y=20, wide=12, high=6):
    image = blank()
    image[y : y + high, max(0, x) : x + wide] = 255
    return image


@pytest.fixture
def bright(monkeypatch):
    """Whatever is nearly white is text."""
    searched = []

    def find_bright(picture, size, least, hidden):
        likely = (picture.rgb(*size).min(axis=2) > 225).astype(np.float32)
        searched.append(picture.time_s)
        return np.clip(grown(cores_of(likely, least)), 0, np.tile(size, 2)) if likely.any() else np.empty((0, 4))

    monkeypatch.setattr(text_covering, "find_text", find_bright)
    return searched


def left(images, rectangles):
    """The frames in which something bright is not covered."""
    bare = [masks.cover(image, of, "solid").max() > 225 for image, of in zip(images, rectangles, strict=True)]
    return np.flatnonzero(bare).tolist()


def test_text_that_rests_is_covered_in_frames_that_were_not_searched(bright):
    images = [marked(10)] * 21
    found = covered(images)
    assert left(images, found.rectangles) == [] and 0 < len(bright) < 21 and not found.seen_again
    assert found.on_record(COVER) == {"looked": len(bright), "found": 5, "frames": 21, "seen_again": 0}
    hidden = masks.region(found.rectangles[7], 64, 48)
    assert hidden[20:26, 10:22].all() and hidden.mean() < 0.15


def test_text_that_moves_is_covered_on_its_way_and_at_the_edge(bright):
    images = [marked(52 - 2 * t, wide=14) for t in range(24)]
    assert left(images, covered(images).rectangles) == []


def test_text_that_comes_for_a_moment_is_covered(bright):
    images = [marked(20) if t in (8, 9) else blank() for t in range(21)]
    found = covered(images)
    assert left(images, found.rectangles) == [] and not found.rectangles[0] and not found.rectangles[-1]


def test_the_second_look_finds_what_the_first_missed_and_covers_all_of_it(bright, monkeypatch):
    monkeypatch.setattr(text_covering, "shows_new_contrast", lambda *_: False)
    images = [marked(20) if 1 <= t <= 3 else blank() for t in range(11)]
    found = covered(images)
    assert left(images, found.rectangles) == [] and found.seen_again >= 3


def test_a_still_gets_a_second_look_too(bright, monkeypatch):
    find_bright, image = text_covering.find_text, marked(10)
    image[40:44, 40:52] = 255

    def one_at_a_time(*look):
        return find_bright(*look)[:1]

    monkeypatch.setattr(text_covering, "find_text", one_at_a_time)
    found = covered([image])
    assert left([image], found.rectangles) == [] and found.seen_again == 1
    assert bright == [0.0] * 3  # of which the last finds nothing


def test_text_under_other_masks_is_left_to_them(bright):
    images = [marked(20)] * 3
    assert not any(covered(images, hidden=(((18, 18, 36, 30),),) * 3).rectangles)


def test_a_film_with_text_is_refused_with_times_and_no_words(bright):
    images = [marked(20) if t > 5 else blank() for t in range(11)]
    with pytest.raises(
        Refused, match=r"film\.mp4: text is seen in the picture in \d of 11 frames, at 0\.60, "
    ) as refusal:
        covered(images, REFUSE)
    assert min(refusal.value.times_s) == 0.6
    assert not any(covered([blank()] * 5, REFUSE).rectangles)


def test_text_that_is_found_to_the_end_refuses_the_film_or_masks_its_frames(monkeypatch):
    always = np.array([[2.0, 2.0, 30.0, 12.0]])

    def moved(picture, *_):  # elsewhere, however much is covered
        return always + (0, 6, 0, 6) * np.array(next(calls) % 6) if picture.time_s == 0.2 else always[:0]

    calls = iter(range(1000))
    monkeypatch.setattr(text_covering, "find_text", moved)
    monkeypatch.setattr(text_covering, "LOOKS", 2)
    with pytest.raises(Refused, match=r"still seen beside the masks in 1 of 5 frames, at 0\.20 s"):
        covered([blank()] * 5)
    rectangles = covered([blank()] * 5, dataclasses.replace(COVER, on_missing="mask_frame")).rectangles
    assert rectangles[2] == ((0, 0, 64, 48),) and rectangles[0] != rectangles[2]


def test_ignored_text_costs_no_look(monkeypatch):
    monkeypatch.setattr(text_covering, "find_text", None)
    found = covered([marked(20)] * 3, Settings())
    assert found.rectangles == ((), (), ()) and found.on_record(Settings()) == {}


def test_a_clip_has_its_text_covered_whatever_the_mask_of_faces_and_says_so(raw, key, tmp_path, monkeypatch):
    line = np.array([[4.0, 200.0, 104.0, 230.0]])
    monkeypatch.setattr(text_covering, "find_text", lambda *_: line)
    settings = dataclasses.replace(COVER, mask="gaussian", voice="mcadams")
    made = deidentify_clip(raw.path, tmp_path, "c1", settings, key)
    assert made.text["frames"] == made.faces["frames"] and made.text["seen_again"] == 0
    assert made.software["text_network_sha256"] == text_network.MODEL.sha256
    recorded = load_masks(tmp_path / made.masks)
    assert all((4, 200, 104, 230) in rectangles for rectangles in recorded.rectangles)
    assert all(
        abs(frame.image[202:228, 6:102].astype(int) - masks.FILL).max() < 8
        for frame in read_frames(tmp_path / made.file)
    )


def written(text, size, thickness=1, scale=0.7, shade=255):
    image = np.full((size[1], size[0], 3), 90, np.uint8)
    for line in range(max(1, size[1] // 60)):
        at = (6, 30 + 60 * line)
        cv2.putText(image, text, at, cv2.FONT_HERSHEY_SIMPLEX, scale, (shade,) * 3, thickness, cv2.LINE_AA)
    return image


@real
@pytest.mark.parametrize("size", [(201, 61), (96, 180), (640, 44)])
def test_the_real_detector_covers_letters_in_pictures_of_any_shape(size):
    image = written("Li 7", size)
    rectangles = covered([image], COVER).rectangles
    ink = (image[: size[1] & ~1, : size[0] & ~1] > 150).any(axis=2)
    assert masks.region(rectangles[0], size[0] & ~1, size[1] & ~1)[ink].mean() > 0.99


@real
def test_the_real_detector_leaves_pictures_without_text_alone():
    slope = np.linspace(40, 200, 96).astype(np.uint8)[None, :, None].repeat(64, 0).repeat(3, 2)
    assert covered([slope, slope, slope]).rectangles == ((), (), ())
    assert covered([np.zeros((2, 2, 3), np.uint8)]).rectangles == ((),)


@real
@pytest.mark.slow
def test_the_real_detector_covers_a_4k_picture_and_one_full_of_text():
    image = cv2.resize(written("Serena Johansson 27", (640, 360), 2, 1.0), (3840, 2160))
    rectangles = covered([image]).rectangles
    assert masks.region(rectangles[0], 3840, 2160)[(image > 150).any(axis=2)].mean() > 0.99
