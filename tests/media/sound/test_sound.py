"""Sound as people bring it: many channels and tracks, changes on the way, offsets, damage, clocks that lie."""

import struct
import wave
from fractions import Fraction

import av
import numpy as np
import pytest

from deemo_jax.core.errors import UserError
from deemo_jax.media.audio import read_audio, read_sound, sound_tracks
from deemo_jax.media.container.media_file import open_media, packets
from deemo_jax.media.sound.piece_times import placed
from deemo_jax.media.sound.track_decoder import Piece, Tally, pieces

RATE = 16_000
CLOCK = Fraction(1, 90_000)


def write(path, tracks, codec="pcm_f32le", rate=RATE, picture_s=None, start_s=0.0, retime=None, packet=None, size=1024):
    """Writes a file of sound: each track is Float[C n] with its layout; `retime` and `packet` change what is muxed.

    Args:
        picture_s: how long a black picture is beside it.
        start_s: where all begins on the container's clock.
        retime: (number of the packet, its time in s) -> time.
        packet: (number of the packet, its bytes) -> bytes.
    """
    with av.open(str(path), "w") as container:
        if picture_s:
            video = container.add_stream("mpeg4", rate=25)
            video.width, video.height, video.pix_fmt = 64, 64, "yuv420p"
        sounds = []
        for _, layout in tracks:
            sound = container.add_stream(codec, rate=rate, layout=layout)
            if codec == "wavpack":
                sound.codec_context.format = "fltp"
            sounds.append(sound)
        if picture_s:
            for number in range(round(25 * picture_s)):
                picture = av.VideoFrame(64, 64, "yuv420p")
                picture.pts = number + round(25 * start_s)
                container.mux(video.encode(picture))
            container.mux(video.encode(None))
        for sound, (samples, layout) in zip(sounds, tracks, strict=True):
            interleaved = np.ascontiguousarray(np.atleast_2d(samples).T, np.float32)
            frame = av.AudioFrame("flt", layout, len(interleaved))
            frame.planes[0].update(interleaved.tobytes())
            frame.sample_rate, frame.time_base, frame.pts = rate, Fraction(1, rate), round(start_s * rate)
            fit = av.AudioResampler(sound.format, layout, rate, sound.codec_context.frame_size or size)
            made = [p for f in [*fit.resample(frame), *fit.resample(None)] for p in sound.encode(f)]
            for number, encoded in enumerate([*made, *sound.encode(None)]):
                copy = av.Packet(packet(number, bytes(encoded)) if packet else bytes(encoded))
                copy.time_base, copy.duration, copy.stream = encoded.time_base, encoded.duration, sound
                time_s = float(encoded.pts * encoded.time_base)
                time_s = retime(number, time_s) if retime else time_s
                copy.pts = round(time_s / encoded.time_base)
                copy.dts = 0 if retime else copy.pts  # which must not fall
                container.mux(copy)
    return path


def tones(count, seconds=0.5, rate=RATE, level=0.2, first=200):
    """Float[count n]: a tone a channel, 100 Hz apart."""
    pitches = first + 100 * np.arange(count)
    return (level * np.sin(2 * np.pi * np.outer(pitches, np.arange(round(seconds * rate)) / rate))).astype(np.float32)


def heard(waveform, pitches, rate=RATE):
    """The level of each pitch."""
    spectrum = np.abs(np.fft.rfft(waveform * np.hanning(waveform.size))) / waveform.size * 4
    return [spectrum[round(pitch * waveform.size / rate)] for pitch in pitches]


def rms(waveform):
    return float(np.sqrt(np.mean(np.square(waveform, dtype=np.float64))))


MANY = {
    "8 packed": (8, "7.1", "pcm_f32le", "a.mkv"),
    "8 planar": (8, "7.1", "aac", "a.mp4"),
    "8 planar, lossless": (8, "7.1", "wavpack", "a.wv"),
    "16 planar": (16, "hexadecagonal", "wavpack", "a.wv"),
    "16 packed": (16, "hexadecagonal", "pcm_f32le", "a.mov"),
    "16 without a layout": (16, "16 channels", "pcm_s16le", "a.mkv"),
    "9, a number without a layout": (9, "9 channels", "pcm_s16le", "a.mkv"),
    "64": (64, "64 channels", "pcm_f32le", "a.mkv"),
}


@pytest.mark.parametrize("kind", MANY)
def test_many_channels_are_mixed(tmp_path, kind):
    count, layout, codec, name = MANY[kind]
    path = write(tmp_path / name, [(tones(count), layout)], codec)
    sound = read_sound(path)
    levels = heard(sound.waveform[:8000], [200 + 100 * k for k in range(count) if k != 3 or codec != "aac"])
    assert sound.channels == (count,) and min(levels) > 0.7 * max(levels) > 0.005
    assert rms(sound.waveform[500:7500]) == pytest.approx(0.2 / 2**0.5, rel=0.1) or count > 16
    first, _ = read_audio(path)
    assert heard(first[:8000], [200])[0] == pytest.approx(0.2, rel=0.1)


def test_more_channels_than_can_be_mixed_are_refused_in_words(tmp_path):
    path = tmp_path / "a.wav"
    with wave.open(str(path), "wb") as file:
        file.setnchannels(65)
        file.setsampwidth(2)
        file.setframerate(RATE)
        file.writeframes(bytes(2 * 65 * 800))
    with pytest.raises(UserError, match="65 channels of sound in one track; at most 64"):
        read_sound(path)


@pytest.mark.parametrize("labels", [[2, 1, *range(3, 17)], [3] * 16, [0] * 16, [(1 << 16) | k for k in range(16)]])
def test_channels_in_an_order_of_their_own(tmp_path, labels):
    """PyAV frees such a layout twice: it must be gone before the first frame."""
    path = write(tmp_path / "a.mov", [(tones(16), "hexadecagonal")], "pcm_s16le")
    data = bytearray(path.read_bytes())
    at = data.index(b"chan", data.index(b"stsd")) + 20
    for number, label in enumerate(labels):
        data[at + 20 * number : at + 20 * number + 4] = struct.pack(">I", label)
    path.write_bytes(data)
    with open_media(path) as container:
        assert {piece.layout for piece in pieces(container, container.streams.audio[0], Tally())} == {"16 channels"}
    assert min(heard(read_sound(path).waveform[:8000], range(200, 1800, 100))) > 0.01


CHANGES = {
    "mono to stereo": ((1, "mono", 48_000), (2, "stereo", 48_000), "mp2"),
    "stereo to mono": ((2, "stereo", 48_000), (1, "mono", 48_000), "mp2"),
    "rate": ((1, "mono", 48_000), (1, "mono", 32_000), "mp2"),
    "rate and layout": ((2, "stereo", 32_000), (1, "mono", 48_000), "mp2"),
    "stereo to 5.1": ((2, "stereo", 48_000), (6, "5.1(side)", 48_000), "ac3"),
}


@pytest.mark.parametrize("kind", CHANGES)
@pytest.mark.parametrize("target", [RATE, None])
def test_layout_and_rate_may_change_within_a_track(tmp_path, kind, target):
    (*before, codec) = CHANGES[kind]
    data, starts = b"", (0.0, 0.8)
    for start_s, (channels, layout, rate), pitch in zip(starts, before, (500, 900), strict=True):
        one = tones(1, 0.5, rate, first=pitch)
        samples = np.pad(one, ((channels // 3, channels - channels // 3 - 1), (0, 0)))  # one channel sounds
        data += write(tmp_path / "part.ts", [(samples, layout)], codec, rate, 0.5, start_s).read_bytes()
    (tmp_path / "a.ts").write_bytes(data)
    sound = read_sound(tmp_path / "a.ts", target)
    assert sound.rate == target or sound.rate == before[0][2]
    assert sound.channels == (max(channels for channels, _, _ in before),)
    for (start, stop), pitch in (((0.1, 0.4), 500), ((0.9, 1.2), 900)):
        part = sound.waveform[round(start * sound.rate) : round(stop * sound.rate)]
        assert heard(part, [pitch], sound.rate)[0] == pytest.approx(0.2, rel=0.15)
    # The gap between the two is where the pictures have it.
    loud = np.abs(sound.waveform) > 0.02
    last, first = (np.flatnonzero(loud[: sound.rate * 7 // 10])[-1], np.flatnonzero(loud[sound.rate * 7 // 10 :])[0])
    assert last / sound.rate == pytest.approx(0.5, abs=0.05) and 0.7 + first / sound.rate == pytest.approx(
        0.8, abs=0.05
    )


def test_a_rate_that_changes_without_a_gap(tmp_path):
    first = write(tmp_path / "a.ts", [(tones(1, 0.48, 48_000, first=500), "mono")], "mp2", 48_000)
    lasts_s = read_audio(first, None)[0].size / 48_000
    second = write(tmp_path / "b.ts", [(tones(1, 0.5, 32_000, first=900), "mono")], "mp2", 32_000, start_s=lasts_s)
    (tmp_path / "c.ts").write_bytes(first.read_bytes() + second.read_bytes())
    sound = read_sound(tmp_path / "c.ts")
    assert not sound.notes  # no gap
    for start, pitch in ((1600, 500), (9600, 900)):
        assert heard(sound.waveform[start : start + 4800], [pitch])[0] == pytest.approx(0.2, rel=0.1)


def test_all_tracks_are_mixed_and_silent_ones_do_not_halve_the_voice(tmp_path):
    voice, other = tones(1, first=300), tones(1, first=700)
    silent = np.zeros_like(voice)
    path = write(tmp_path / "a.mkv", [(silent, "mono"), (voice, "mono"), (silent, "mono")])
    sound = read_sound(path)
    assert (sound.tracks, sound.used) == (3, (1, 2, 3)) and "sound track 1 is silent" in sound.notes[0]
    assert rms(sound.waveform) == pytest.approx(rms(voice), rel=0.02)
    both = read_sound(write(tmp_path / "b.mkv", [(other, "mono"), (voice, "mono")])).waveform
    assert min(heard(both, [300, 700])) > 0.1 and rms(both) == pytest.approx(rms(voice), rel=0.02)
    opposed = read_sound(write(tmp_path / "c.mkv", [(-voice, "mono"), (voice, "mono")]))
    assert rms(opposed.waveform) == pytest.approx(rms(voice), rel=0.02) and "cancel each other" in opposed.notes[0]


def test_the_noise_of_a_dead_input_does_not_halve_the_voice(tmp_path):
    voice = tones(1, first=300)
    noise = (0.002 * np.random.default_rng(0).normal(size=voice.shape)).astype(np.float32)  # 37 dB softer
    soft = 0.1 * tones(1, first=700)  # 20 dB softer: somebody farther away
    for beside, share in ((noise, 1.0), (soft, 0.5**0.5)):
        for tracks in ([(beside, "mono"), (voice, "mono")], [(np.concatenate([voice, beside]), "stereo")]):
            waveform = read_sound(write(tmp_path / "a.mkv", tracks)).waveform
            assert rms(waveform) == pytest.approx(share * rms(voice), rel=0.03)


def test_one_track_is_chosen_by_number(tmp_path):
    path = write(tmp_path / "a.mkv", [(tones(1, first=300), "mono"), (tones(2, first=700), "stereo")])
    for number, here, there in ((1, 300, 700), (2, 700, 300)):
        sound = read_sound(path, track=number)
        assert sound.used == (number,) and heard(sound.waveform, [here])[0] > 50 * heard(sound.waveform, [there])[0]
    for number in (0, 3):
        with pytest.raises(UserError, match=f"no sound track {number}; it has 2"):
            read_sound(path, track=number)


def test_tracks_of_several_lengths_and_rates_keep_their_clock(tmp_path):
    short, long = tones(1, 0.3, first=300), tones(1, 0.9, first=700)
    mixed = read_sound(write(tmp_path / "a.mkv", [(short, "mono"), (long, "mono")])).waveform
    assert mixed.size == 14_400 and heard(mixed[9600:], [300])[0] < 0.01 < heard(mixed[9600:], [700])[0]


@pytest.mark.parametrize("where", [slice(None), slice(0, 9000), slice(7000, None), slice(5000, 9000)])
@pytest.mark.parametrize("level", [0.45, -0.2])
def test_an_offset_is_taken_off_wherever_it_is(tmp_path, where, level):
    voice = tones(1, 1.0, level=0.1)
    shifted = voice.copy()
    shifted[:, where] += level
    waveform = read_sound(write(tmp_path / "a.mkv", [(shifted, "mono")])).waveform
    for start in range(0, 16_000, 1600):
        if all(abs(start + 800 - edge) > 1600 for edge in (5000, 7000, 9000)):
            part = waveform[start : start + 1600]
            assert abs(part.mean()) < 0.01 and rms(part) == pytest.approx(rms(voice), rel=0.15)


def test_an_offset_does_not_hide_that_channels_cancel(tmp_path):
    voice = tones(1, level=0.1)[0]
    path = write(tmp_path / "a.mkv", [(np.stack([voice + 0.4, 0.4 - voice]), "stereo")])
    assert rms(read_sound(path).waveform) == pytest.approx(rms(voice), rel=0.1)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf, 1e30, -1e30, 1e4])
@pytest.mark.parametrize("channels", [1, 2])
def test_wrong_samples_are_bridged_and_told(tmp_path, value, channels):
    layout, voice = ("mono", "stereo")[channels - 1], np.repeat(tones(1), channels, axis=0)
    wrong = voice.copy()
    wrong[-1, [3000, 3001, 5000]] = value
    path = write(tmp_path / "a.mkv", [(wrong, layout)])
    sound, right = read_sound(path), read_sound(write(tmp_path / "b.mkv", [(voice, layout)]))
    np.testing.assert_allclose(sound.waveform, right.waveform, atol=0.02)
    assert f"3 of {8000 * channels} samples are no numbers" in sound.notes[0]
    assert np.abs(read_audio(path)[0]).max() < 0.3


def test_a_track_of_wrong_samples_is_refused_with_the_cause(tmp_path):
    for samples in (np.full((1, 8000), np.nan, np.float32), 32768 * tones(1)):
        with pytest.raises(UserError, match="are no numbers, or beyond 32 times full scale"):
            read_sound(write(tmp_path / "a.mkv", [(samples, "mono")]))


def test_what_is_too_loud_is_turned_down_and_a_click_cut_off(tmp_path):
    voice = tones(1)
    loud = read_sound(write(tmp_path / "a.mkv", [(30 * voice, "mono")])).waveform
    assert np.abs(loud).max() <= 1 and rms(loud) == pytest.approx(0.5**0.5, rel=0.1)
    voice[0, 4000] = 20.0
    clicked = read_sound(write(tmp_path / "b.mkv", [(voice, "mono")])).waveform
    assert np.abs(clicked).max() <= 1 and rms(clicked[:3000]) == pytest.approx(rms(tones(1)), rel=0.05)


@pytest.mark.parametrize("codec,name", [("aac", "a.mp4"), ("aac", "a.mkv"), ("flac", "a.mkv"), ("ac3", "a.mkv")])
def test_one_damaged_packet_costs_itself(tmp_path, codec, name):
    rate = 48_000
    voice = tones(1, 1.0, rate)
    whole = read_sound(write(tmp_path / f"whole{name}", [(voice, "mono")], codec, rate, 1.0)).waveform
    damaged = write(
        tmp_path / name, [(voice, "mono")], codec, rate, 1.0, packet=lambda n, b: b"\xff" * len(b) if n == 8 else b
    )
    sound = read_sound(damaged)
    assert sound.waveform.size == pytest.approx(whole.size, abs=20) and len(sound.notes) == 1
    assert "packets cannot be decoded; silence in their place" in sound.notes[0] or "1 gap of" in sound.notes[0]
    size = min(whole.size, sound.waveform.size)
    differs = np.flatnonzero(np.abs(sound.waveform[:size] - whole[:size]) > 0.02)
    assert 0 < differs.size < 0.15 * RATE and np.ptp(differs) < 0.15 * RATE and np.abs(sound.waveform).max() < 0.5


def test_a_mostly_damaged_track_is_refused(tmp_path):
    path = write(tmp_path / "a.mkv", [(tones(1), "mono")], "aac", packet=lambda n, b: b"\xff" * len(b) if n % 2 else b)
    with pytest.raises(UserError, match=r"the sound: \d+ of \d+ packets cannot be decoded; convert or repair it"):
        read_sound(path)


CLOCKS = {
    "late": (lambda n, t: t + 0.7, 0.7),
    "early": (lambda n, t: t - 0.2, -0.2),
    "years late": (lambda n, t: t + 4e6, 0.0),
    "garbage at first": (lambda n, t: 5000.0 + 7 * n if n < 3 else t, 0.0),
    "garbage in the middle": (lambda n, t: 4e5 if n == 9 else t, 0.0),
    "set back in the middle": (lambda n, t: t - 30 if n > 12 else t, 0.0),
    "jitter": (lambda n, t: t + 0.02 * (n % 2), 0.0),
}


@pytest.mark.parametrize("kind", CLOCKS)
def test_the_clock_is_followed_as_far_as_it_can_be_true(tmp_path, kind):
    """Sound is where the timestamps say, unless they cannot be true."""
    retime, begins_s = CLOCKS[kind]
    rng = np.random.default_rng(0)
    noise = np.convolve(rng.normal(size=32_000), np.ones(8) / 16, "same")[None].astype(np.float32) / 4

    def later(number, time_s):
        return retime(number, time_s - 40) + 40  # the container's clock does not begin at 0

    path = write(tmp_path / "a.mkv", [(noise, "mono")], picture_s=3.0, start_s=40.0, retime=later)
    sound = read_sound(path, end_s=1000.0)
    shift = round(begins_s * RATE)
    piece = noise[0, 8000 : 8000 + 8000]
    at = np.argmax(np.correlate(sound.waveform, piece, "valid"))
    assert abs(at - 8000 - shift) <= (320 if kind == "jitter" else 2)
    assert sound.waveform.size == pytest.approx(32_000 + shift, abs=330)
    told = any("timestamps cannot be true" in note for note in sound.notes)
    assert told == (kind in ("years late", "garbage at first", "garbage in the middle", "set back in the middle"))


def test_pieces_without_times_follow_one_another():
    track = [Piece(time_s, RATE, "mono", np.zeros((1, 1600), np.float32)) for time_s in (None, None, 7.2, None)]
    assert [at for at, _ in placed(track, 7.0, 0.0, lambda: None, Tally())] == pytest.approx([0.0, 0.1, 0.2, 0.3])


@pytest.mark.parametrize("begins_s,placed_s", [(-59.0, -59.0), (-61.0, 0.0), (9.0, 9.0), (11.0, 0.0)])
def test_how_early_and_late_a_track_may_begin_without_pictures(begins_s, placed_s):
    track = [Piece(begins_s + k / 10, RATE, "mono", np.zeros((1, 1600), np.float32)) for k in range(3)]
    tally = Tally()
    times = [at for at, _ in placed(track, 0.0, 0.0, lambda: None, tally)]
    assert times == pytest.approx([placed_s, placed_s + 0.1, placed_s + 0.2])
    assert tally.doubted == (0 if placed_s else 3)


def test_a_track_that_appears_on_the_way_costs_no_other():
    """PyAV asks for such a track when all is read, and does not find it."""

    class Container:
        def demux(self, stream):
            yield from stream
            raise IndexError("list index out of range")

    assert list(packets(Container(), [1, 2, 3])) == [1, 2, 3]


def test_a_gap_is_silence(tmp_path):
    path = write(tmp_path / "a.mkv", [(tones(1, 1.0), "mono")], picture_s=1.5, retime=lambda n, t: t + 0.25 * (n > 7))
    sound = read_sound(path)
    waveform = sound.waveform
    assert sound.notes == ("the sound: 1 gap of 0.25 s in all is silence",)
    assert waveform.size == 20_000 and not waveform[8192 + 400 : 8192 + 3600].any()
    assert rms(waveform[12_400:]) == pytest.approx(rms(tones(1)), rel=0.03)


def test_tracks_are_counted(tmp_path, make_media):
    assert sound_tracks(make_media()) == ()
    with pytest.raises(UserError, match="has no sound track"):
        read_sound(make_media())
    assert sound_tracks(write(tmp_path / "a.mkv", [(tones(1), "mono")] * 2)) == (True, True)
