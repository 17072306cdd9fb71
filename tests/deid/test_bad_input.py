"""What people really bring: each kind of odd file is de-identified in full, or refused in one line with nothing left."""

import dataclasses
import resource
import subprocess
import sys
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from deemo_jax.audit.check import LEAST_COVERAGE, MOST_SI_SNR_DB, coverage, si_snr
from deemo_jax.deid.clip import Refused, deidentify_clip
from deemo_jax.deid.manifest import load_masks, verify
from deemo_jax.deid.settings import Settings
from deemo_jax.errors import UserError
from deemo_jax.media.audio import read_audio
from deemo_jax.media.probe import probe
from deemo_jax.media.video import frame_times, read_frames, video_info
from tests.raw_clips import FACE, SIDE, speech

CLOCK = Fraction(1, 90_000)


@dataclasses.dataclass(frozen=True)
class Made:
    """A raw clip of a portrait on a wall, as it was asked for, and where the face is as displayed."""

    path: Path
    face: list[float]
    samples: np.ndarray


@pytest.fixture
def make(portrait, tmp_path):
    """Writes an odd clip; what is not named is ordinary."""

    def write(
        name="odd.mp4", *, height=240, width=320, times=None, rate=16_000, samples=None, layout="mono", codec="libx264",
        pixels="yuv420p", sound="aac", rotation=0, faces=1, color_trc=None, options=None,
    ):  # fmt: skip
        times = [t / 10 for t in range(6)] if times is None else times
        image = np.full((height, width, 3), 110, np.uint8)
        for number in range(faces):
            x, y = 40 + number % 8 * SIDE, 40 + number // 8 * SIDE
            image[y : y + SIDE, x : x + SIDE] = portrait[: height - y, : width - x]
        samples = speech(0.6) if samples is None else samples
        path = tmp_path / name
        with av.open(str(path), "w", options=options or {}) as container:
            video = container.add_stream(codec, rate=10, options={"crf": "15", "preset": "ultrafast"})
            video.height, video.width, video.pix_fmt = height, width, pixels
            video.time_base = video.codec_context.time_base = CLOCK
            if color_trc is not None:
                video.codec_context.color_primaries, video.codec_context.color_trc = 9, color_trc
                video.codec_context.colorspace = 9
            if rotation:
                video.set_display_rotation(rotation)
            voice = container.add_stream(sound, rate=rate, layout=layout) if samples.size else None
            raw = np.ascontiguousarray(np.rot90(image, -rotation // 90)) if False else image
            for time_s in times:
                picture = av.VideoFrame.from_ndarray(raw, "rgb24").reformat(format=pixels)
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
        return Made(path, np.add(FACE, [40, 40, 40, 40]).tolist(), samples)

    return write


def done(clip, out, key, settings=None):
    """De-identifies, checks what must hold of every output, and returns the manifest."""
    manifest = deidentify_clip(clip.path, out, "c1", settings or Settings(), key)
    movie, recorded = verify(manifest, out), load_masks(out / manifest.masks)
    before, after = video_info(clip.path), video_info(movie)
    assert (after.width, after.height) == (before.width & ~1, before.height & ~1)
    assert after.rotation == 0 and sorted(probe(movie).streams) == ["audio/aac", "video/h264"]
    np.testing.assert_allclose(frame_times(movie), [f.time_s for f in read_frames(clip.path)], atol=2e-3)
    for rectangles in recorded.rectangles:
        assert coverage([clip.face], rectangles, recorded.width, recorded.height).min() >= LEAST_COVERAGE
    old, new = read_audio(clip.path)[0], read_audio(movie)[0]
    assert abs(old.size - new.size) <= 2048 and si_snr(new, old) < MOST_SI_SNR_DB
    assert sorted(p.name for p in out.iterdir()) == ["c1.manifest.json", "c1.masks.json", "c1.mp4"]
    return manifest


def refused(clip, out, key, words, kind=UserError):
    with pytest.raises(kind, match=words) as error:
        deidentify_clip(clip.path, out, "c1", Settings(), key)
    assert "\n" not in str(error.value) and (not out.exists() or not list(out.iterdir()))


ACCEPTED = {
    "one frame": {"times": [0.0]},
    "odd sides": {"height": 241, "width": 321},
    "ten bits": {"pixels": "yuv420p10le"},
    "HDR (PQ, BT.2020)": {"pixels": "yuv420p10le", "color_trc": 16},
    "4:4:4": {"pixels": "yuv444p"},
    "variable rate": {"times": [0.0, 0.02, 0.3, 0.31, 0.32, 0.9]},
    "late start": {"times": [2.0, 2.1, 2.2, 2.3], "options": {"avoid_negative_ts": "disabled"}},
    "clipped sound": {"samples": np.clip(20 * speech(0.6), -1, 1)},
    "much too loud": {"samples": 8 * speech(0.6), "sound": "pcm_f32le", "name": "loud.mkv"},
    "8 kHz": {"rate": 8_000, "samples": speech(0.6)[::2]},
    "96 kHz": {"rate": 96_000, "samples": np.repeat(speech(0.6), 6)},
    "sound twice as long": {"samples": speech(1.2)},
    "MPEG-4 in AVI": {"name": "old.avi", "codec": "mpeg4", "sound": "pcm_s16le"},
}


@pytest.mark.parametrize("kind", ACCEPTED)
def test_odd_but_whole_files_are_de_identified(make, tmp_path, key, kind):
    clip = make(**ACCEPTED[kind])
    manifest = done(clip, tmp_path / "out", key)
    assert manifest.faces["frames"] == len(ACCEPTED[kind].get("times", range(6)))
