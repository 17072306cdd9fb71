"""Raw clips made on the spot: the astronaut's portrait moves over a wall, a buzz speaks, metadata tells.

Libraries are imported where they are used: pytest imports this file before it starts its workers.
"""

import dataclasses
import os
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest

if TYPE_CHECKING:
    from deemo_jax.deid.keys import VoiceKey

# Head and collar of scikit-image's 512x512 portrait, and the face in it, hair line to chin, in pixels of `portrait`.
HEAD = (slice(0, 240), slice(110, 350))
SIDE = 120
FACE = np.array([36.0, 31.0, 81.0, 88.0])
PLANTED = ("Jane Example", "+48.8583+002.2945/", "recorded by Jane")
HEIGHT, WIDTH = 240, 320


@dataclasses.dataclass(frozen=True)
class RawClip:
    path: Path
    faces: list[list[float]]
    planted: tuple[str, ...] = PLANTED

    @property
    def truth(self):
        return {"clip_id": self.path.stem, "file": self.path.name, "faces": self.faces, "planted": list(self.planted)}


@pytest.fixture(scope="session")
def portrait():
    import cv2
    from skimage import data

    return cv2.resize(data.astronaut()[HEAD], (SIDE, SIDE), interpolation=cv2.INTER_AREA)


def speech(seconds: float) -> np.ndarray:
    """A buzz through two formants, rising and falling in level: float32 at 16 kHz."""
    from scipy.signal import lfilter

    n = round(seconds * 16_000)
    sound = np.zeros(n)
    sound[::133] = 1.0
    sound += 0.02 * np.random.default_rng(0).normal(size=n)
    for hertz, width in ((700, 80), (1200, 90), (2600, 120)):
        radius = np.exp(-np.pi * width / 16_000)
        sound = lfilter([1], [1, -2 * radius * np.cos(2 * np.pi * hertz / 16_000), radius**2], sound)
    sound *= 0.6 + 0.4 * np.sin(2 * np.pi * 2 * np.arange(n) / 16_000)
    return (0.4 * sound / np.abs(sound).max()).astype(np.float32)


@pytest.fixture(scope="session")
def face_in_portrait() -> np.ndarray:
    return FACE


@pytest.fixture(scope="session")
def voice() -> np.ndarray:
    """2.3 s of a buzzing vowel: float32 at 16 kHz."""
    return speech(2.3)


@pytest.fixture(scope="session")
def make_clip(portrait) -> Callable[..., RawClip]:
    """Writes a raw clip; `hidden` frames show the wall instead of the portrait."""
    import av

    def make(
        path: Path,
        *,
        frames: int = 12,
        hidden: tuple[int, ...] = (),
        seconds: float | None = None,
        speed: float = 4.0,
        rate: int = 10,
    ) -> RawClip:
        seconds = frames / rate if seconds is None else seconds
        wall = np.linspace(70, 140, WIDTH).astype(np.uint8)[None, :, None].repeat(HEIGHT, 0).repeat(3, 2)
        boxes: list[list[float]] = []
        with av.open(str(path), "w", options={"movflags": "+use_metadata_tags"}) as container:
            container.metadata.update({"title": PLANTED[0], "comment": PLANTED[1]})
            video = container.add_stream("libx264", rate=rate, options={"crf": "12"})
            video.width, video.height, video.pix_fmt = WIDTH, HEIGHT, "yuv420p"
            sound = container.add_stream("aac", rate=16_000, layout="mono") if seconds else None
            if sound is not None:
                sound.metadata["handler_name"] = PLANTED[2]
            for t in range(frames):
                image, x = wall.copy(), round(60 + speed * t)
                if t not in hidden:
                    image[50 : 50 + SIDE, x : x + SIDE] = portrait
                boxes.append(np.add(FACE, [x, 50, x, 50]).tolist())
                container.mux(video.encode(av.VideoFrame.from_ndarray(image, "rgb24")))
            container.mux(video.encode(None))
            if sound is not None:
                samples = speech(seconds)
                for start in range(0, samples.size, 1024):
                    block = av.AudioFrame.from_ndarray(samples[None, start : start + 1024], "fltp", "mono")
                    block.sample_rate, block.pts, block.time_base = 16_000, start, Fraction(1, 16_000)
                    container.mux(sound.encode(block))
                container.mux(sound.encode(None))
        return RawClip(path, boxes)

    return make


@pytest.fixture(scope="session")
def raw(make_clip, tmp_path_factory) -> RawClip:
    """One clip that should be accepted; not to be changed."""
    return make_clip(tmp_path_factory.mktemp("raw") / "speaker.mp4")


@pytest.fixture(scope="session")
def key() -> "VoiceKey":
    from deemo_jax.deid.keys import VoiceKey

    return VoiceKey(b"0123456789abcdef0123456789abcdef")


@pytest.fixture(scope="session")
def deidentified(raw, make_clip, key, tmp_path_factory) -> list[Path]:
    """Two clips beside their manifests; not to be changed."""
    from deemo_jax.deid.clip import deidentify_clip
    from deemo_jax.deid.settings import Settings

    folder = tmp_path_factory.mktemp("deid")
    other = make_clip(tmp_path_factory.mktemp("other") / "other.mp4", frames=25, speed=2.0)
    for name, clip in (("c1", raw), ("c2", other)):
        deidentify_clip(clip.path, folder, name, Settings(), key)
    return [folder / "c1.mp4", folder / "c2.mp4"]


@pytest.fixture(scope="session")
def refused(make_clip, tmp_path_factory) -> RawClip:
    """A raw clip without a face."""
    return make_clip(tmp_path_factory.mktemp("refused") / "empty.mp4", frames=4, hidden=(0, 1, 2, 3))


# What a child process does that opens a file of such a name.
DEADLY = """
import os
import av
really = av.open
def open(file, *arguments, **options):
    if "deadly" in str(file):
        os.abort()
    if "odd" in str(file):
        raise RuntimeError("a bug")
    return really(file, *arguments, **options)
av.open = open
"""


@pytest.fixture
def deadly_decoder(tmp_path, monkeypatch) -> None:
    """In processes begun from here on, a file called "deadly" ends who opens it; one called "odd" finds a bug."""
    (tmp_path / "site").mkdir()
    (tmp_path / "site" / "sitecustomize.py").write_text(DEADLY)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path / "site"), prepend=os.pathsep)
