"""What people really bring: every odd file is de-identified, or refused in one line with nothing left."""

import dataclasses
import subprocess
import sys
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from deemo_jax.audit.clip_check import LEAST_COVERAGE, coverage
from deemo_jax.core.errors import UserError
from deemo_jax.deid.clip import Refused, deidentify_clip
from deemo_jax.deid.manifest import load_masks, verify
from deemo_jax.deid.settings import Settings
from deemo_jax.deid.voice.likeness import MOST_SI_SNR_DB, si_snr
from deemo_jax.media.audio import read_audio
from deemo_jax.media.probe import probe
from deemo_jax.media.video import frame_times, read_frames, video_info
from tests.raw_clips import FACE, SIDE, speech

# Finds all faces here in half the time of the default.
QUICK = Settings(smallest_face=0.2)
CLOCK = Fraction(1, 90_000)


@dataclasses.dataclass(frozen=True)
class Made:
    """A raw clip of portraits on a wall, and where the faces are as displayed."""

    path: Path
    faces: list[list[float]]


@pytest.fixture
def make(portrait, tmp_path):
    """Writes an odd clip; what is not named is ordinary."""

    def write(
        name="odd.mp4", *, height=240, width=320, times=None, rate=16_000, samples=None, layout="mono", codec="libx264",
        pixels="yuv420p", sound="aac", rotation=0, faces=1, color_trc=None,
    ):  # fmt: skip
        times = [t / 10 for t in range(6)] if times is None else times
        image, boxes = np.full((height, width, 3), 110, np.uint8), []
        for number in range(faces):
            x, y = 40 + number % 8 * SIDE, 40 + number // 8 * SIDE
            image[y : y + SIDE, x : x + SIDE] = portrait[: height - y, : width - x]
            boxes.append(np.add(FACE, [x, y, x, y]).tolist())
        samples = speech(0.6) if samples is None else samples
        path = tmp_path / name
        with av.open(str(path), "w") as container:
            timed = codec == "libx264"
            quality = {"crf": "15", "preset": "ultrafast"} if timed else {"b": "2000000"}
            video = container.add_stream(codec, rate=10, options=quality)
            video.height, video.width = (width, height) if rotation % 180 else (height, width)
            video.pix_fmt = pixels
            if timed:
                video.time_base = video.codec_context.time_base = CLOCK
            if color_trc is not None:
                video.codec_context.color_primaries, video.codec_context.color_trc = 9, color_trc
                video.codec_context.colorspace = 9
            if rotation:
                video.set_display_rotation(rotation)
            voice = container.add_stream(sound, rate=rate, layout=layout) if samples.size else None
            stored = np.ascontiguousarray(np.rot90(image, -(rotation // 90)))
            for time_s in times:
                picture = av.VideoFrame.from_ndarray(stored, "rgb24").reformat(format=pixels)
                if timed:
                    picture.pts, picture.time_base = round(time_s / CLOCK), CLOCK
                container.mux(video.encode(picture))
            container.mux(video.encode(None))
            if voice is not None:
                block = av.AudioFrame.from_ndarray(np.atleast_2d(samples).astype(np.float32), "fltp", layout)
                block.sample_rate, block.pts = rate, 0
                resampler = av.AudioResampler(voice.format, layout, rate, voice.frame_size or 0)
                for piece in [*resampler.resample(block), *resampler.resample(None)]:
                    container.mux(voice.encode(piece))
                container.mux(voice.encode(None))
        return Made(path, boxes)

    return write


def done(clip, out, key):
    """De-identifies, checks what must hold of every output, and returns the manifest."""
    manifest = deidentify_clip(clip.path, out, "c1", QUICK, key)
    movie, recorded = verify(manifest, out), load_masks(out / manifest.masks)
    before, after = video_info(clip.path), video_info(movie)
    assert (after.width, after.height) == (before.width & ~1, before.height & ~1)
    assert after.rotation == 0 and sorted(probe(movie).streams) == ["audio/aac", "video/h264"]
    np.testing.assert_allclose(frame_times(movie), [f.time_s for f in read_frames(clip.path)], atol=2e-3)
    for rectangles in recorded.rectangles:
        assert coverage(clip.faces, rectangles, recorded.width, recorded.height).min() >= LEAST_COVERAGE
    old, new = read_audio(clip.path)[0], read_audio(movie)[0]
    assert abs(old.size - new.size) <= 2048 and si_snr(new, old) < MOST_SI_SNR_DB
    assert sorted(p.name for p in out.iterdir()) == ["c1.manifest.json", "c1.masks.json", "c1.mp4", "c1.tracks.json"]
    return manifest


def refused(clip, out, key, words, kind=UserError):
    with pytest.raises(kind, match=words) as error:
        deidentify_clip(clip.path, out, "c1", QUICK, key)
    assert "\n" not in str(error.value) and (not out.exists() or not list(out.iterdir()))


ACCEPTED = {
    "one frame": {"times": [0.0]},
    "odd sides": {"height": 241, "width": 321, "pixels": "yuv444p"},
    "ten bits": {"pixels": "yuv420p10le"},
    "HDR (PQ, BT.2020)": {"pixels": "yuv420p10le", "color_trc": 16},
    "4:4:4": {"pixels": "yuv444p"},
    "variable rate": {"times": [0.0, 0.02, 0.3, 0.31, 0.32, 0.9]},
    "late start": {"times": [2.0, 2.1, 2.2, 2.3], "samples": speech(2.6)},
    "clipped sound": {"samples": np.clip(20 * speech(0.6), -1, 1)},
    "much too loud": {"samples": 8 * speech(0.6), "sound": "pcm_f32le", "name": "loud.mkv"},
    "8 kHz": {"rate": 8_000, "samples": speech(0.6)[::2]},
    "96 kHz": {"rate": 96_000, "samples": np.repeat(speech(0.6), 6)},
    "sound twice as long": {"samples": speech(1.2)},
    "turned left": {"rotation": 90, "height": 320, "width": 240},
    "turned right": {"rotation": 270, "height": 320, "width": 240},
    "upside down": {"rotation": 180},
    "silence": {"samples": np.zeros(9600, np.float32)},
    "16 faces": {"width": 1040, "height": 280, "faces": 16, "times": [0.0, 0.1]},
    "MPEG-4 in AVI": {"name": "old.avi", "codec": "mpeg4", "sound": "pcm_s16le"},
}


@pytest.mark.slow
@pytest.mark.parametrize("kind", ACCEPTED)
def test_odd_but_whole_files_are_de_identified(make, tmp_path, key, kind):
    clip = make(**ACCEPTED[kind])
    manifest = done(clip, tmp_path / "out", key)
    assert manifest.faces["frames"] == len(ACCEPTED[kind].get("times", range(6)))


def test_both_channels_are_changed(make, tmp_path, key):
    left, right = speech(0.6), np.roll(speech(0.6)[::-1], 700)
    clip = make(samples=np.stack([left, right]), layout="stereo")
    done(clip, tmp_path / "out", key)
    new = read_audio(tmp_path / "out" / "c1.mp4")[0]
    assert max(si_snr(new, channel) for channel in (left, right, left + right)) < MOST_SI_SNR_DB
    # A voice on the second channel only is a voice.
    clip = make("right.mp4", samples=np.stack([0 * left, right]), layout="stereo")
    done(clip, tmp_path / "right", key)
    assert np.sqrt(np.mean(read_audio(tmp_path / "right" / "c1.mp4")[0] ** 2)) > 0.01


REFUSED = {
    "no face": ({"faces": 0}, "no face"),
    "sound before the picture only": ({"times": [2.0, 2.1]}, "no sound between"),
}


@pytest.mark.parametrize("kind", REFUSED)
def test_films_that_cannot_be_deidentified_are_refused_in_one_line(make, tmp_path, key, kind):
    options, words = REFUSED[kind]
    refused(make(**options), tmp_path / "out", key, words, Refused if kind == "no face" else UserError)


def test_more_faces_than_can_be_followed(make, tmp_path, key, monkeypatch):
    monkeypatch.setattr("deemo_jax.deid.video.detection.frame_search.MOST_FACES", 3)
    refused(make(width=640, faces=4), tmp_path / "out", key, "at most 3 are followed")


def test_timestamps_that_jump_back(make, tmp_path, key):
    twice = tmp_path / "twice.ts"
    twice.write_bytes(make("once.ts", sound="mp2").path.read_bytes() * 2)
    refused(Made(twice, []), tmp_path / "out", key, "timestamps jump back at 0.50 s")


@pytest.mark.parametrize("box,field", [(b"mvhd", 16), (b"mdhd", 16), (b"tkhd", 20)])
@pytest.mark.parametrize("factor", [100, 0])
def test_headers_that_lie_about_the_length(make, tmp_path, key, box, field, factor):
    clip = make()
    data = bytearray(clip.path.read_bytes())
    at = data.index(box) + 4 + field
    length = int.from_bytes(data[at : at + 4], "big")
    assert 0 < length < 1 << 20
    data[at : at + 4] = (length * factor).to_bytes(4, "big")
    clip.path.write_bytes(data)
    try:
        manifest = deidentify_clip(clip.path, tmp_path / "out", "c1", QUICK, key)
    except UserError as error:
        assert "truncated" in str(error) or "lasts" in str(error), error
        assert not (tmp_path / "out").exists()
    else:
        assert manifest.faces["frames"] == 6


def test_a_clip_that_goes_on_for_longer_than_its_header_says(make, tmp_path, key, monkeypatch):
    monkeypatch.setattr("deemo_jax.deid.source_spans.LONGEST_CLIP_S", 0.45)
    refused(make(), tmp_path / "out", key, "lasts")


def test_pictures_beyond_8k_are_refused(make, tmp_path, key, monkeypatch):
    monkeypatch.setattr("deemo_jax.media.container.film_header.MAX_PIXELS", 320 * 240 - 1)
    refused(make(), tmp_path / "out", key, "320x240; scale it down")


@pytest.mark.slow
def test_8k_in_bounded_memory(make, tmp_path):
    """Two frames of 7680x4320 with a face of 57 pixels."""
    clip = make(width=7680, height=4320, times=[0.0, 0.1])
    program = (
        "from pathlib import Path\n"
        "from deemo_jax.deid import Settings, VoiceKey, deidentify_clip\n"
        f"source, out = Path({str(clip.path)!r}), Path({str(tmp_path / 'out')!r})\n"
        "deidentify_clip(source, out, 'c1', Settings(smallest_face=0.014), VoiceKey(b'0123456789abcdef'))\n"
        # Not getrusage's: that one begins with the peak of the process that started this one.
        "print(Path('/proc/self/status').read_text().split('VmHWM:')[1].split()[0])\n"
    )
    ran = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=300)
    assert ran.returncode == 0 and (tmp_path / "out" / "c1.mp4").exists(), ran.stderr
    assert int(ran.stdout) < 2_500_000  # KiB
