"""Media files made on the spot: colours and tones that tell where and when they are."""

from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

MakeMedia = Callable[..., Path]


def picture(index: int, height: int, width: int) -> np.ndarray:
    """Grey that grows with the index; red top left and blue bottom right corners tell the orientation."""
    image = np.full((height, width, 3), 20 + 6 * (index % 32), np.uint8)
    image[: height // 3, : width // 3] = (220, 20, 20)
    image[-(height // 3) :, -(width // 3) :] = (20, 20, 220)
    return image


@pytest.fixture
def make_media(tmp_path: Path) -> MakeMedia:
    """Writes a file with PyAV: `times` of the frames (s), one (waveform, rate) per sound track, flags and tags."""

    def make(
        name: str = "clip.mp4",
        *,
        times: list[float] | None = None,
        size: tuple[int, int] = (96, 128),
        tracks: list[tuple[np.ndarray, int]] = (),
        offset_s: float = 0.0,
        rotation: int = 0,
        tags: dict[str, str] | None = None,
        track_tags: dict[str, str] | None = None,
        chapters: list[dict] | None = None,
        picture_track: bool = True,
        faststart: bool = False,
        codec: str = "libx264",
        gop: int = 12,
    ) -> Path:
        path = tmp_path / name
        times = [i / 10 for i in range(30)] if times is None else times
        clock = Fraction(1, 90_000)
        options = {"movflags": "+faststart+use_metadata_tags"} if faststart else {"movflags": "+use_metadata_tags"}
        if offset_s:
            options["avoid_negative_ts"] = "disabled"
        with av.open(str(path), "w", options=options) as container:
            container.metadata.update(tags or {})
            if chapters:
                container.set_chapters(chapters)
            if picture_track:
                quality = {"crf": "10"} if codec == "libx264" else {"b": "2000000"}
                video = container.add_stream(codec, rate=10, options=quality | {"g": str(gop)})
                video.height, video.width, video.pix_fmt = *size, "yuv420p"
                if codec == "libx264":
                    video.time_base = video.codec_context.time_base = clock
                video.metadata.update(track_tags or {})
                if rotation:
                    video.set_display_rotation(rotation)
            sounds = [
                container.add_stream("aac", rate=rate, layout="mono" if w.ndim == 1 else "stereo") for w, rate in tracks
            ]
            for sound in sounds:
                sound.metadata.update(track_tags or {})
            if picture_track:
                for index, time_s in enumerate(times):
                    frame = av.VideoFrame.from_ndarray(picture(index, *size), "rgb24").reformat(format="yuv420p")
                    frame.pts, frame.time_base = round((time_s + offset_s) / clock), clock
                    container.mux(video.encode(frame))
                container.mux(video.encode(None))
            for sound, (waveform, rate) in zip(sounds, tracks, strict=True):
                samples = np.atleast_2d(waveform).astype(np.float32)
                for start in range(0, samples.shape[1], 1024):
                    block = np.ascontiguousarray(samples[:, start : start + 1024])
                    frame = av.AudioFrame.from_ndarray(block, "fltp", "mono" if len(samples) == 1 else "stereo")
                    frame.sample_rate, frame.time_base = rate, Fraction(1, rate)
                    frame.pts = start + round(offset_s * rate)
                    container.mux(sound.encode(frame))
                container.mux(sound.encode(None))
        return path

    return make


@pytest.fixture
def tone() -> Callable[..., np.ndarray]:
    """A sine: float32 (rate * seconds,)."""

    def make(hertz: float, seconds: float = 3.0, rate: int = 16_000, level: float = 0.3) -> np.ndarray:
        return (level * np.sin(2 * np.pi * hertz * np.arange(round(rate * seconds)) / rate)).astype(np.float32)

    return make
