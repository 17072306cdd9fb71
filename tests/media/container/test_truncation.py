import io

import av
import numpy as np
import pytest

from deemo_jax.core.errors import UserError
from deemo_jax.media.audio import read_audio
from deemo_jax.media.video import frame_times

NOISE = 0.1 * np.random.default_rng(0).normal(size=132_300).astype(np.float32)


@pytest.mark.parametrize(
    ("name", "codec"), [("clip.mkv", "libx264"), ("clip.flv", "flv"), ("clip.avi", "mpeg4"), ("clip.mov", "libx264")]
)
def test_a_copy_that_broke_off_is_refused(make_media, name, codec):
    path = make_media(name, codec=codec, tracks=[(NOISE, 44_100)])
    assert len(frame_times(path)) == 30 and read_audio(path)[0].size >= 48_000
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(UserError, match=r"truncated|whole"):
        frame_times(path)


def test_sound_that_broke_off_is_refused(make_media):
    path = make_media("voice.mka", picture_track=False, tracks=[(NOISE, 44_100)])
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    with pytest.raises(UserError, match="truncated"):
        read_audio(path)


@pytest.mark.parametrize(("name", "codec"), [("clip.mkv", "mpeg4"), ("clip.flv", "flv")])
def test_the_length_of_the_longest_track_is_no_promise_of_the_others(make_media, name, codec):
    path = make_media(name, codec=codec, times=[i / 10 for i in range(10)], tracks=[(NOISE, 44_100)])
    assert len(frame_times(path)) == 10
    path = make_media(name, codec=codec, tracks=[(NOISE[:44_100], 44_100)])
    assert read_audio(path)[0].size < 20_000


class Pipe(io.RawIOBase):
    """What a recorder writes that cannot go back, or is killed: its headers promise nothing."""

    def __init__(self, handle):
        self.handle = handle

    def writable(self):
        return True

    def write(self, data):
        return self.handle.write(data)


@pytest.mark.parametrize(("kind", "codec"), [("matroska", "ffv1"), ("avi", "mpeg4")])
def test_a_recording_that_nobody_finished_is_read_as_far_as_it_goes(tmp_path, kind, codec):
    path = tmp_path / "clip"
    with open(path, "wb") as handle, av.open(Pipe(handle), "w", format=kind) as container:
        picture = container.add_stream(codec, rate=10)
        picture.width, picture.height, picture.pix_fmt = 64, 48, "yuv420p"
        sound = container.add_stream("pcm_s16le", rate=8000, layout="mono")
        for _ in range(20):
            grey = np.random.default_rng(0).integers(0, 255, (48, 64, 3), np.uint8)
            container.mux(picture.encode(av.VideoFrame.from_ndarray(grey, "rgb24")))
        container.mux(picture.encode(None))
        frame = av.AudioFrame.from_ndarray(np.zeros((1, 16_000), np.int16), "s16", "mono")
        frame.sample_rate = 8000
        container.mux(sound.encode(frame))
    assert len(frame_times(path)) == 20 and read_audio(path, None)[0].size == 16_000
