import itertools
from fractions import Fraction

import av
import numpy as np
import pytest

from deemo_jax.core.errors import UserError
from deemo_jax.media.audio import read_audio
from deemo_jax.media.clip_writer import write_clip
from deemo_jax.media.picture import Frame
from deemo_jax.media.probe import probe
from deemo_jax.media.video import read_frames, sample_frames, uniform_indices, video_info


def grey(image):
    """The index that conftest.picture was drawn with, from the middle of the picture."""
    height, width = image.shape[:2]
    return (float(image[height // 2, width // 2].mean()) - 20) / 6


def test_uniform_indices_follow_the_rule():
    assert uniform_indices(100, 8) == [0, 12, 25, 37, 50, 62, 75, 87]
    assert uniform_indices(3, 5) == [0, 1, 2, 2, 2]
    assert all(len(set(uniform_indices(n, 8))) == 8 for n in range(8, 500))


def test_info_and_frames(make_media, tone):
    path = make_media(tracks=[(tone(300), 16_000)])
    info = video_info(path)
    assert (info.width, info.height, info.frames, info.rotation, info.has_audio) == (128, 96, 30, 0, True)
    assert info.frame_rate == pytest.approx(10) and info.duration_s == pytest.approx(3, abs=0.11)
    frames = list(read_frames(path))
    assert [f.index for f in frames] == list(range(30))
    np.testing.assert_allclose([f.time_s for f in frames], np.arange(30) / 10, atol=1e-3)
    np.testing.assert_allclose([grey(f.image) for f in frames], np.arange(30), atol=0.8)


@pytest.mark.parametrize("codec,name", [("libx264", "a.mkv"), ("mpeg4", "a.avi"), ("libvpx", "a.webm")])
def test_other_containers(make_media, codec, name):
    if codec not in av.codecs_available:
        pytest.skip(f"this PyAV has no {codec}")
    path = make_media(name, codec=codec)
    _, times = sample_frames(path, 5, 32)
    assert len(list(read_frames(path))) == 30
    np.testing.assert_allclose(times, [0, 0.6, 1.2, 1.8, 2.4], atol=2e-3)


def test_variable_frame_rate_is_kept_through_writing(make_media, tmp_path):
    times = [0.0, 0.04, 0.08, 0.5, 0.54, 1.5, 1.6, 2.9]
    path = make_media(times=times)
    np.testing.assert_allclose([f.time_s for f in read_frames(path)], times, atol=1e-3)
    write_clip(tmp_path / "copy.mp4", read_frames(path), 10)
    copied = list(read_frames(tmp_path / "copy.mp4"))
    np.testing.assert_allclose([f.time_s for f in copied], times, atol=1e-3)
    np.testing.assert_allclose([grey(f.image) for f in copied], range(8), atol=1)
    assert video_info(tmp_path / "copy.mp4").duration_s == pytest.approx(3.0, abs=0.01)


@pytest.mark.parametrize("rotation", [90, -90, 180])
def test_rotation_flag_is_applied(make_media, rotation):
    path = make_media(rotation=rotation)
    info = video_info(path)
    image = next(iter(read_frames(path))).image
    assert info.rotation == rotation % 360
    assert (info.height, info.width) == image.shape[:2] == ((96, 128) if rotation == 180 else (128, 96))
    sampled = sample_frames(path, 1, 64)[0][0]
    for picture in (image, sampled):
        corners = {"tl": (5, 5), "tr": (5, -6), "bl": (-6, 5), "br": (-6, -6)}
        red = max(corners, key=lambda c: int(picture[corners[c]][0]) - int(picture[corners[c]][2]))
        # Red starts top left; the flag turns the picture counter-clockwise.
        assert red == {90: "bl", 180: "br", -90: "tr"}[rotation]


def test_clip_time_starts_at_the_first_frame(make_media, tone):
    path = make_media(offset_s=5.0, tracks=[(tone(300), 16_000)])
    with av.open(str(path)) as container:
        assert float(container.streams.video[0].start_time * container.streams.video[0].time_base) > 4
    frames = list(read_frames(path))
    assert frames[0].time_s == pytest.approx(0, abs=1e-3) and frames[-1].time_s == pytest.approx(2.9, abs=1e-3)
    np.testing.assert_allclose(sample_frames(path, 2, 32)[1], [0, 1.5], atol=1e-3)
    assert read_audio(path)[0].size == pytest.approx(48_000, abs=2048)


def test_span_is_read_alone(make_media):
    path = make_media(gop=5)
    frames = list(read_frames(path, 1.2, 2.0))
    np.testing.assert_allclose([f.time_s for f in frames], np.arange(12, 20) / 10, atol=1e-3)
    np.testing.assert_allclose([grey(f.image) for f in frames], np.arange(12, 20), atol=0.8)
    assert [f.index for f in frames] == list(range(8))


@pytest.mark.parametrize("gop", [3, 250])
def test_sampled_frames_are_the_uniform_ones(make_media, gop):
    path = make_media(gop=gop)
    images, times = sample_frames(path, 8, 64)
    assert images.shape == (8, 64, 64, 3) and images.dtype == np.uint8
    expected = uniform_indices(30, 8)
    np.testing.assert_allclose(times, np.array(expected) / 10, atol=1e-3)
    np.testing.assert_allclose([grey(i) for i in images], expected, atol=0.8)
    images, times = sample_frames(path, 4, 64, 1.0, 1.25)
    np.testing.assert_allclose(times, [1.0, 1.1, 1.2, 1.2], atol=1e-3)
    np.testing.assert_allclose([grey(i) for i in images], [10, 11, 12, 12], atol=0.8)


def test_reading_is_lazy(make_media):
    """A consumer that stops early must not have had the whole file decoded."""
    path = make_media(times=[i / 10 for i in range(400)], size=(32, 32))
    frames = read_frames(path)
    assert len(list(itertools.islice(frames, 3))) == 3
    frames.close()


def test_written_clip_holds_picture_and_sound_only(tmp_path):
    frames = [Frame(i, i / 12.5, np.full((97, 131, 3), 8 * i, np.uint8)) for i in range(25)]
    voice = np.convolve(np.random.default_rng(0).normal(0, 0.2, 32_000), np.ones(8) / 8, "same").astype(np.float32)
    voice[:4000] = 0
    path = tmp_path / "clip.mp4"
    write_clip(path, iter(frames), 12.5, (voice, 16_000))
    info = video_info(path)
    assert (info.width, info.height, info.frames) == (130, 96, 25) and info.duration_s == pytest.approx(2, abs=0.01)
    back, rate = read_audio(path)
    assert rate == 16_000 and back.size == pytest.approx(32_000, abs=1100)
    assert abs(back[:3800]).max() < 0.02 < 0.1 < abs(back[4200:8000]).max()
    lag = np.argmax(np.correlate(back[4000:12_000], voice[4200:11_000], "valid")) - 200
    assert abs(lag) <= 1
    contents = probe(path)
    assert contents.streams == ("video/h264", "audio/aac")
    assert not [
        t
        for t in contents.tags
        if "handler" not in t
        and "brand" not in t
        and "minor_version" not in t
        and "language" not in t
        and "vendor_id" not in t
    ]
    write_clip(tmp_path / "again.mp4", iter(frames), 12.5, (voice, 16_000))
    assert path.read_bytes() == (tmp_path / "again.mp4").read_bytes()


def test_colours_survive(tmp_path):
    image = np.zeros((64, 64, 3), np.uint8)
    image[:32, :32], image[:32, 32:], image[32:, :32], image[32:, 32:] = (
        (200, 30, 30),
        (30, 200, 30),
        (30, 30, 200),
        128,
    )
    write_clip(tmp_path / "a.mp4", [Frame(0, 0.0, image), Frame(1, 0.1, image)], 10, crf=5)
    back = next(iter(read_frames(tmp_path / "a.mp4"))).image
    for y, x in itertools.product((16, 48), repeat=2):
        np.testing.assert_allclose(back[y, x].astype(int), image[y, x], atol=6)


def test_sound_at_a_rate_that_aac_lacks(tmp_path, tone):
    frames = [Frame(i, i / 10, np.zeros((32, 32, 3), np.uint8)) for i in range(10)]
    write_clip(tmp_path / "a.mp4", frames, Fraction(10), (tone(440, 1.0, 10_000), 10_000))
    back, _ = read_audio(tmp_path / "a.mp4")
    assert np.argmax(abs(np.fft.rfft(back[:16_000]))) == pytest.approx(440, abs=2)


@pytest.mark.parametrize("faststart,share", [(False, 0.5), (True, 0.3), (True, 0.7)])
def test_truncated_file_is_refused(make_media, tone, faststart, share):
    noise = np.random.default_rng(0).normal(size=48_000).astype(np.float32) * 0.1
    path = make_media(faststart=faststart, tracks=[(noise, 16_000)], size=(480, 640))
    path.write_bytes(path.read_bytes()[: int(path.stat().st_size * share)])
    with pytest.raises(UserError, match=r"clip\.mp4"):
        list(read_frames(path))
        read_audio(path)


@pytest.mark.parametrize("reader", [video_info, sample_frames, read_audio, lambda p: list(read_frames(p))])
def test_what_is_no_media_is_refused(tmp_path, reader):
    text = tmp_path / "text.mp4"
    text.write_text("this is no film\n" * 100)
    with pytest.raises(UserError, match=r"text\.mp4"):
        reader(text)
    with pytest.raises(UserError, match="no such file"):
        reader(tmp_path / "absent.mp4")
    (tmp_path / "empty.mp4").touch()
    with pytest.raises(UserError, match=r"empty\.mp4"):
        reader(tmp_path / "empty.mp4")


def test_sound_without_picture(make_media, tone):
    path = make_media("voice.m4a", picture_track=False, tracks=[(tone(300), 16_000)])
    with pytest.raises(UserError, match="no picture"):
        video_info(path)
    assert read_audio(path)[0].size >= 48_000


def test_nothing_is_left_when_writing_fails(tmp_path):
    def frames():
        yield Frame(0, 0.0, np.zeros((32, 32, 3), np.uint8))
        raise UserError("the source broke off")

    with pytest.raises(UserError, match="broke off"):
        write_clip(tmp_path / "a.mp4", frames(), 10)
    with pytest.raises(UserError, match="no frame"):
        write_clip(tmp_path / "b.mp4", [], 10)
    (tmp_path / "file").touch()
    with pytest.raises(UserError, match="cannot be written"):
        write_clip(tmp_path / "file" / "c.mp4", [Frame(0, 0.0, np.zeros((32, 32, 3), np.uint8))], 10)
    assert [p.name for p in tmp_path.iterdir()] == ["file"]
