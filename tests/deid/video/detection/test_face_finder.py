import numpy as np
import pytest
from av.video.reformatter import Colorspace

from deemo_jax.deid.settings import Settings
from deemo_jax.deid.video.detection import face_finder
from deemo_jax.deid.video.detection.face_finder import FaceFinder
from deemo_jax.media.picture import Planar


@pytest.fixture
def looks(monkeypatch):
    """What the detector was shown (width, height and scale); it reports a low face, a high one, and a low sure one."""
    seen = []

    def detect(image, size, scale, threshold, turns):
        seen.append((*image.shape[1::-1], scale))
        return np.array([(0, 0, 9, 12, 0.15), (0, 0, 20, 30, 0.15), (0, 0, 9, 12, 0.25)], np.float32)

    monkeypatch.setattr(face_finder, "detect", detect)
    return seen


@pytest.mark.parametrize(
    "size,looked,found",
    [
        ((320, 240), (320, 240, 1.0), 2),  # 1.6 times the pixels of 256x192
        ((1280, 720), (320, 192, 0.25), 3),
        ((240, 160), (256, 160, 1.0), 3),  # searched at full size in any case
    ],
)
def test_small_pictures_are_searched_again_at_full_size(looks, size, looked, found):
    width, height = size
    picture = Planar(0.0, np.zeros((height * 3 // 2, width), np.uint8), Colorspace.ITU709)
    assert len(FaceFinder(Settings()).again(picture, 0.1)) == found
    assert looks == [looked]
