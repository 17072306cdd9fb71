"""Which of several moving pictures is the film."""

from fractions import Fraction

import av
import numpy as np
import pytest
from av.stream import Disposition

from deemo_jax.media.video import read_frames, sample_frames, video_info


def film(path, *tracks):
    """Each track: (brightness, width, frames a second, frames, codec, flags)."""
    with av.open(str(path), "w") as container:
        streams = []
        for _, width, rate, _, codec, flags in tracks:
            stream = container.add_stream(codec, rate=rate)
            stream.width, stream.height = width, width * 3 // 4
            stream.pix_fmt = "yuvj420p" if codec == "mjpeg" else "yuv420p"
            stream.disposition = flags
            streams.append(stream)
        for stream, (level, width, rate, frames, _, _) in zip(streams, tracks, strict=True):
            for t in range(frames):
                frame = av.VideoFrame.from_ndarray(np.full((width * 3 // 4, width, 3), level, np.uint8), "rgb24")
                frame.pts, frame.time_base = t, Fraction(1, rate)
                container.mux(stream.encode(frame))
            container.mux(stream.encode(None))
    return path


NO, DEFAULT = Disposition(0), Disposition.default
CASES = {
    "a small preview first": ([(200, 32, 10, 20, "mjpeg", DEFAULT), (60, 128, 10, 20, "libx264", NO)], 1),
    "a slow preview first": ([(200, 128, 1, 2, "mjpeg", DEFAULT), (60, 128, 25, 50, "libx264", NO)], 1),
    "one picture first": ([(200, 256, 25, 1, "mjpeg", DEFAULT), (60, 128, 25, 50, "libx264", NO)], 1),
    "two views": ([(60, 128, 10, 20, "libx264", NO), (200, 128, 10, 20, "libx264", NO)], 0),
    "two views, the second marked": ([(200, 128, 10, 20, "libx264", NO), (60, 128, 10, 20, "libx264", DEFAULT)], 1),
    "the larger of two": ([(200, 96, 10, 20, "libx264", DEFAULT), (60, 128, 10, 20, "libx264", DEFAULT)], 1),
    "the marked one, though smaller": ([(200, 128, 10, 20, "libx264", NO), (60, 96, 10, 20, "libx264", DEFAULT)], 1),
}


@pytest.mark.parametrize("suffix", ["mov", "mkv"])
@pytest.mark.parametrize("case", CASES)
def test_the_film_is_chosen_and_the_others_are_named(tmp_path, case, suffix):
    tracks, chosen = CASES[case]
    path = film(tmp_path / f"a.{suffix}", *tracks)
    info = video_info(path)
    assert info.width == tracks[chosen][1]
    first = next(iter(read_frames(path))).image
    assert first.mean() == pytest.approx(tracks[chosen][0], abs=4)
    assert sample_frames(path, 2, 16)[0].mean() == pytest.approx(tracks[chosen][0], abs=4)
    (note,) = info.notes
    assert note.startswith("2 moving pictures") and f"picture track {chosen + 1} (" in note.split("is taken")[0]


def test_one_picture_needs_no_note(tmp_path):
    assert video_info(film(tmp_path / "a.mkv", CASES["two views"][0][0])).notes == ()


@pytest.mark.parametrize("flag", [Disposition.attached_pic, Disposition.timed_thumbnails])
def test_cover_art_is_no_film(tmp_path, flag):
    path = film(tmp_path / "a.mp4", (60, 96, 10, 20, "libx264", NO), (200, 256, 10, 20, "mjpeg", flag))
    with av.open(str(path)) as container:
        if not container.streams.video[1].disposition & flag:
            pytest.skip("this muxer does not keep the flag")
    assert video_info(path).width == 96 and video_info(path).notes == ()
