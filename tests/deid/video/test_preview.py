import itertools

import numpy as np
import pytest

from deemo_jax.deid.video.preview import write_preview
from deemo_jax.deid.video.tracks import Track
from deemo_jax.media.clip_writer import write_clip
from deemo_jax.media.picture import Frame
from deemo_jax.media.video import read_frames

WIDTH, HEIGHT = 240, 120


@pytest.fixture
def grey(tmp_path):
    path = tmp_path / "grey.mp4"
    write_clip(path, (Frame(i, i / 10, np.full((HEIGHT, WIDTH, 3), 90, np.uint8)) for i in range(4)), 10.0)
    return path


def bright(image):
    return image.min(axis=2) > 180


def test_frames_are_numbered_and_timed_as_in_the_source(grey, tmp_path):
    write_preview(tmp_path / "p.mp4", grey, (), [i / 10 for i in range(5)], dropped=(1,))
    shown = [frame.image for frame in read_frames(tmp_path / "p.mp4")]
    written = [bright(image[-20:]) for image in shown]
    assert all(text.sum() > 60 for text in written) and not any(bright(image[:-20]).any() for image in shown)
    changes = [(a != b).sum() for a, b in itertools.pairwise(written)]
    assert min(changes) > 5  # another number and another time
    write_preview(tmp_path / "q.mp4", grey, (), [i / 10 for i in range(4)])
    undropped = [bright(frame.image[-20:]) for frame in read_frames(tmp_path / "q.mp4")]
    assert (written[0] != undropped[0]).sum() < 5 < (written[1] != undropped[1]).sum()


def test_what_searching_again_added_is_marked(grey, tmp_path):
    tracks = [Track(1, (0, 3), np.array([[20.0, 20, 60, 60]] * 2), 0.9)]
    added = (((150, 20, 200, 70),), (), (), ())
    write_preview(tmp_path / "p.mp4", grey, tracks, [i / 10 for i in range(4)], added=added)
    first, second, *_ = (frame.image.astype(int) for frame in read_frames(tmp_path / "p.mp4"))
    border = np.s_[30:60, 149:152]
    assert bright(first[border]).any() and not bright(second[border]).any()
    assert np.abs(first[30:55, 19:22] - 90).max() > 60 and not bright(first[30:55, 19:22]).any()  # the track's colour
