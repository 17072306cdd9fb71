import numpy as np
import pytest

from deemo_jax.core.errors import UserError
from deemo_jax.core.packaged_files import PackagedFile
from deemo_jax.deid.video.screen_text import text_boxes, text_network
from deemo_jax.deid.video.screen_text.new_contrast import contrast, shows_new_contrast, thumbnail_size
from deemo_jax.deid.video.screen_text.text_boxes import MAYBE, SURE, cores_of, find_text, grown
from deemo_jax.deid.video.screen_text.text_network import input_sizes
from deemo_jax.media.picture import Frame


@pytest.mark.parametrize("size", [(1, 1), (2, 300), (37, 21), (640, 360), (720, 1280), (3840, 2160), (16384, 2)])
def test_inputs_are_whole_steps_and_bounded(size):
    sizes = input_sizes(*size)
    assert all(side % 32 == 0 and side > 0 for pair in sizes for side in pair)
    assert max(across * down for across, down in sizes) <= 1.1 * text_network.MOST_PIXELS and len(sizes) <= 3


def test_a_core_of_a_line_becomes_a_box_of_whole_letters():
    likely = np.zeros((64, 96), np.float32)
    likely[20:30, 10:60], likely[50:52, :] = 0.47, 0.9
    (box,) = grown(cores_of(likely, MAYBE))
    np.testing.assert_allclose(box, [2, 12, 68, 38])
    assert len(cores_of(likely, SURE)) == 0 and len(cores_of(np.zeros((32, 32), np.float32), MAYBE)) == 0


def test_boxes_are_in_pixels_of_the_picture_and_reach_near_edges(monkeypatch):
    def likely(image):
        found = np.zeros(image.shape[:2], np.float32)
        height, width = found.shape
        found[height // 2 : height // 2 + max(2, height // 16), : width // 2] = 0.9
        return found

    monkeypatch.setattr(text_boxes, "text_probability", likely)
    boxes = find_text(Frame(0, 0.0, np.zeros((1080, 1920, 3), np.uint8)).planar(), (1920, 1080))
    assert len(boxes) == 3 and (boxes[:, 0] == 0).all()
    assert (boxes[:, 1] < 540).all() and (boxes[:, 3] > 600).all() and (boxes[:, 2] > 960).all()


def test_the_outline_of_a_mask_is_no_text_and_what_is_huge_does_not_fill_the_picture(monkeypatch):
    likely = np.zeros((192, 256), np.float32)
    likely[80:110, 100:160] = 0.9
    monkeypatch.setattr(text_boxes, "input_sizes", lambda *_: ((256, 192),))
    monkeypatch.setattr(text_boxes, "text_probability", lambda _: likely)
    busy = np.random.default_rng(0).integers(0, 255, (192, 256, 3)).astype(np.uint8)
    picture, hidden = Frame(0, 0.0, busy).planar(), np.zeros((192, 256), bool)
    np.testing.assert_array_equal(find_text(picture, (256, 192), MAYBE, hidden), [[78, 58, 182, 132]])
    hidden[60:100] = True
    assert len(find_text(picture, (256, 192), MAYBE, hidden)) == 0


def test_new_letters_are_news_and_what_dims_or_stays_is_not():
    size = thumbnail_size(1280, 720)
    assert size == (512, 288) and thumbnail_size(20, 10) == (20, 10)
    empty = np.full(size[::-1], 90, np.uint8)
    letters = empty.copy()
    letters[100:110, 50:100:4] = 250
    assert shows_new_contrast(contrast(empty), contrast(letters))
    assert not shows_new_contrast(contrast(letters), contrast(empty))
    assert not shows_new_contrast(contrast(letters), contrast(np.roll(letters, 1, axis=0)))


def test_a_missing_detector_is_one_line(monkeypatch):
    absent = PackagedFile("the text detector", "no_such_package_here/a.onnx", "0" * 64, "rapidocr==3.10.0")
    monkeypatch.setattr(text_network, "MODEL", absent)
    text_network.network.cache_clear()
    with pytest.raises(UserError, match=r"pip install --no-deps rapidocr==3\.10\.0"):
        text_network.network()
