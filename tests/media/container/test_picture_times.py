"""Times come from the pictures that can be decoded, whatever headers and packets say."""

from fractions import Fraction

import av
import numpy as np
import pytest
from av.bitstream import BitStreamFilterContext

from deemo_jax.core.errors import UserError
from deemo_jax.media.audio import read_audio
from deemo_jax.media.container.film_header import film_header
from deemo_jax.media.container.picture_times import Clock
from deemo_jax.media.video import frame_times, packet_times, read_frames, read_pictures, sample_frames, video_info

RATE = 25


def number(image):
    """Which frame it is."""
    return round((float(image[8:-8, 8:-8].mean()) - 19) / 4)


def film(path, frames=48, *, bframes=2, gop=12, flash=None, codec="libx264", empty=(), start_s=0.0):
    """Grey that grows by frame; with `flash` a click (16 kHz) is heard while that frame is shown."""
    with av.open(str(path), "w") as container:
        options = {"bf": str(bframes), "g": str(gop)}
        options |= (
            {"crf": "8", "x264-params": "b-adapt=0:scenecut=0:open-gop=1"} if codec == "libx264" else {"b": "4000000"}
        )
        stream = container.add_stream(codec, rate=RATE, options=options)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        sound = container.add_stream("pcm_s16le" if path.suffix == ".avi" else "mp2", rate=16_000, layout="mono")
        for t in range(frames):
            if t in empty:
                continue
            frame = av.VideoFrame.from_ndarray(np.full((48, 64, 3), 20 + 4 * t, np.uint8), "rgb24")
            frame.pts, frame.time_base = t + round(start_s * RATE), Fraction(1, RATE)
            container.mux(stream.encode(frame))
            samples = np.full(640, 16_000 if t == flash else 0, np.int16)
            block = av.AudioFrame.from_ndarray(samples[None], "s16", "mono")
            block.sample_rate, block.pts, block.time_base = (
                16_000,
                640 * t + round(start_s * 16_000),
                Fraction(1, 16_000),
            )
            container.mux(sound.encode(block))
        container.mux(stream.encode(None))
        container.mux(sound.encode(None))
    return path


def copied(source, path, filters=""):
    """Packets as they are, with bitstream filters."""
    with av.open(str(source)) as given, av.open(str(path), "w") as taken:
        stream = given.streams.video[0]
        target = taken.add_stream_from_template(stream)
        way = BitStreamFilterContext(filters or "null", stream)
        for packet in [*given.demux(stream), None]:
            if packet is None or packet.dts is not None:
                for kept in way.filter(packet):
                    kept.stream = target
                    taken.mux(kept)
    return path


def assert_each_at_its_time(path, expected=range(48)):
    frames = list(read_frames(path))
    assert [number(frame.image) for frame in frames] == list(expected)
    first = expected[0]
    np.testing.assert_allclose([f.time_s for f in frames], [(t - first) / RATE for t in expected], atol=2e-3)
    images, times = sample_frames(path, 6, 32)
    np.testing.assert_allclose([number(image) / RATE for image in images], times + first / RATE, atol=2e-3)
    np.testing.assert_allclose(
        [p.time_s for p in read_pictures(path, 1.0, 1.2)], [1.0, 1.04, 1.08, 1.12, 1.16], atol=2e-3
    )


@pytest.mark.parametrize(
    "codec,bframes,gop", [("libx264", 2, 12), ("libx264", 16, 48), ("libx264", 0, 12), ("mpeg4", 2, 12)]
)
def test_avi_with_pictures_in_another_order(tmp_path, codec, bframes, gop):
    path = film(tmp_path / "a.avi", codec=codec, bframes=bframes, flash=20, gop=gop)
    assert_each_at_its_time(path)
    assert video_info(path).frame_rate == RATE
    loud = np.flatnonzero(np.abs(read_audio(path)[0]) > 0.2)
    assert loud[0] / 16_000 == pytest.approx(0.8, abs=0.002)


def test_avi_in_which_frames_are_left_out(tmp_path):
    """As cameras do where nothing moves: an empty packet says that the picture stays."""
    kept = [t for t in range(48) if t not in (7, 8, 9, 30)]
    path = film(tmp_path / "a.avi", empty=(7, 8, 9, 30), bframes=0)
    frames = list(read_frames(path))
    assert [number(frame.image) for frame in frames] == kept
    np.testing.assert_allclose([f.time_s for f in frames], np.array(kept) / RATE, atol=1e-3)


@pytest.mark.parametrize("name,filters", [("a.h264", "h264_mp4toannexb"), ("a.mp4", "setts=ts=DTS-STARTDTS")])
def test_files_without_times_of_showing(tmp_path, name, filters):
    path = copied(film(tmp_path / "plain.mp4"), tmp_path / name, filters)
    assert film_header(path).clock is (Clock.COUNTED if name == "a.h264" else Clock.SORTED)
    assert_each_at_its_time(path)


@pytest.mark.parametrize("at", [0.3, 0.55])
def test_a_stream_cut_anywhere_begins_with_what_can_be_decoded(tmp_path, at):
    data = film(tmp_path / "whole.ts", flash=40, start_s=3.0, gop=10).read_bytes()
    path = tmp_path / "cut.ts"
    path.write_bytes(data[int(at * len(data)) :])
    frames = list(read_frames(path))
    first = number(frames[0].image)
    assert 8 < first < 40
    np.testing.assert_allclose(
        [f.time_s for f in frames], [(number(f.image) - first) / RATE for f in frames], atol=2e-3
    )
    assert frame_times(path) == [f.time_s for f in frames]
    images, times = sample_frames(path, 5, 32)
    np.testing.assert_allclose([(number(i) - first) / RATE for i in images], times, atol=2e-3)
    # What is heard and what is seen have one origin.
    loud = np.flatnonzero(np.abs(read_audio(path)[0]) > 0.2)
    assert loud[0] / 16_000 == pytest.approx((40 - first) / RATE, abs=0.04)


def test_ordinary_times_are_not_reordered_and_packets_tell_them(tmp_path):
    path = film(tmp_path / "a.mp4")
    assert film_header(path).clock is Clock.SHOWN and film_header(path).origin_s == 0
    assert_each_at_its_time(path)
    np.testing.assert_allclose(packet_times(path), frame_times(path), atol=1e-9)


def test_a_file_that_changes_is_looked_at_again(tmp_path):
    path = film(tmp_path / "a.mp4", 12)
    assert video_info(path).width == 64 and len(frame_times(path)) == 12
    path.unlink()
    with pytest.raises(UserError, match="no such file"):
        video_info(path)
    film(path, 20, start_s=1.0)
    assert len(frame_times(path)) == 20 and frame_times(path)[0] == 0


def test_two_recordings_end_to_end_are_refused_with_what_helps(tmp_path):
    part = film(tmp_path / "a.ts", 20).read_bytes()
    (tmp_path / "b.ts").write_bytes(part + part)
    with pytest.raises(UserError, match=r"jump back at 0\.\d+ s; cut it there"):
        frame_times(tmp_path / "b.ts")
