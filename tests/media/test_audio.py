import av
import numpy as np
import pytest

from deemo_jax.core.errors import UserError
from deemo_jax.media.audio import read_audio


def pitch(waveform, rate=16_000):
    spectrum = abs(np.fft.rfft(waveform * np.hanning(waveform.size)))
    return np.argmax(spectrum) * rate / waveform.size


def test_resampled_and_native(make_media, tone):
    path = make_media(tracks=[(tone(1000, 3.0, 44_100), 44_100)])
    waveform, rate = read_audio(path)
    assert rate == 16_000 and waveform.dtype == np.float32 and waveform.ndim == 1
    assert waveform.size == pytest.approx(48_000, abs=1500)
    assert pitch(waveform) == pytest.approx(1000, abs=1)
    assert abs(waveform[8000:40_000]).max() == pytest.approx(0.3, abs=0.02)
    native, rate = read_audio(path, None)
    assert rate == 44_100 and pitch(native, rate) == pytest.approx(1000, abs=1)


def test_no_sound_track(make_media):
    with pytest.raises(UserError, match="no sound track"):
        read_audio(make_media())


def test_the_first_of_two_tracks(make_media, tone):
    path = make_media("two.mkv", tracks=[(tone(500), 16_000), (tone(2000), 16_000)])
    assert pitch(read_audio(path)[0]) == pytest.approx(500, abs=1)


def test_channel_0_is_taken(make_media, tone):
    path = make_media(tracks=[(np.stack([tone(500, rate=48_000), tone(1500, rate=48_000)]), 48_000)])
    waveform, _ = read_audio(path)
    spectrum = abs(np.fft.rfft(waveform[:16_000]))
    assert spectrum[500] > 50 * spectrum[1500]


def hum(seconds, rate=16_000):
    """Low-passed noise: it survives AAC, and its correlation has one sharp peak."""
    noise = np.random.default_rng(0).normal(size=round(seconds * rate))
    return (0.1 * np.convolve(noise, np.ones(8) / 8, "same")).astype(np.float32)


def lag(span, source, start_s):
    """How many samples late `span` is, when it should begin at `start_s` of `source`."""
    at = round(start_s * 16_000)
    piece = source[at + 2000 : at + 6000]
    return int(np.argmax(np.correlate(span[:8000], piece, "valid"))) - 2000


def test_span_starts_where_it_says(make_media):
    source = hum(4.0)
    path = make_media(times=[i / 10 for i in range(40)], tracks=[(source, 16_000)])
    for start, end in [(0, None), (1.0, None), (1.73, 2.5), (0.5, 2.2)]:
        span, _ = read_audio(path, start_s=start, end_s=end)
        assert abs(lag(span, source, start)) <= 1
        if end is not None:
            assert span.size == pytest.approx((end - start) * 16_000, abs=2)
    with pytest.raises(UserError, match="no sound between"):
        read_audio(path, start_s=100.0)


def test_resampling_does_not_shift(make_media):
    source = hum(3.0, 48_000)
    path = make_media(tracks=[(source, 48_000)])
    assert abs(lag(read_audio(path)[0], source[::3], 0.0)) <= 1


def test_non_zero_start_keeps_sound_and_picture_together(make_media):
    source = hum(3.0)
    path = make_media(offset_s=7.0, tracks=[(source, 16_000)])
    assert abs(lag(read_audio(path)[0], source, 0.0)) <= 1


def test_late_track_is_preceded_by_silence(make_media, tone, tmp_path):
    source = make_media("plain.mkv", codec="mpeg4", tracks=[(tone(500), 16_000)])
    late = tmp_path / "late.mkv"
    with av.open(str(source)) as given, av.open(str(late), "w") as taken:
        copies = {s.index: taken.add_stream_from_template(s) for s in given.streams}
        for packet in given.demux():
            if packet.dts is None:
                continue
            if packet.stream.type == "audio":
                packet.pts += round(0.5 / packet.time_base)
                packet.dts += round(0.5 / packet.time_base)
            packet.stream = copies[packet.stream.index]
            taken.mux(packet)
    waveform, _ = read_audio(late)
    assert abs(waveform[:7500]).max() < 0.01 < 0.2 < abs(waveform[8500:10_000]).max()


def test_sound_that_breaks_off(make_media):
    path = make_media(faststart=True, tracks=[(hum(20.0), 16_000)], times=[0.0, 0.1])
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    with pytest.raises(UserError, match=r"clip\.mp4"):
        read_audio(path)


def test_a_mix_is_as_loud_as_its_channels_and_none_is_lost(make_media, tone):
    voice, other = tone(200), tone(310)
    level = float(np.sqrt(np.mean(voice**2)))
    for left, right in ((voice, voice), (voice, -voice), (voice, 0 * voice), (voice, other)):
        path = make_media(tracks=[(np.stack([left, right]), 16_000)])
        mixed, _ = read_audio(path, mix=True)
        assert np.sqrt(np.mean(mixed[800:-800] ** 2)) == pytest.approx(level, rel=0.03)
        assert np.abs(mixed).max() <= 1


def test_a_loud_mix_is_not_clipped(make_media, tone):
    loud = tone(200, level=0.95)
    mixed, _ = read_audio(make_media(tracks=[(np.stack([loud, tone(201, level=0.95)]), 16_000)]), mix=True)
    assert 0.9 < np.abs(mixed).max() <= 1
