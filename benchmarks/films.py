"""Pictures of the sample's speakers for benchmarks: films of any length, and single faces of a chosen height."""

from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np
from jaxtyping import UInt8

from deemo_jax.sample import corpus_clip as ordinary
from deemo_jax.sample import hard
from deemo_jax.sample.corpus_settings import CorpusSettings
from deemo_jax.sample.render import scene
from deemo_jax.sample.render.phone_file import write_mp4

# Width and height of 720p, pixels.
SIZE = (1280, 720)
# Heights of faces in the pictures of `still`, pixels.
HEIGHTS = (16, 20, 24, 30, 40, 60, 90, 120)
# Seed of the hard clips that films are made of.
SEED = 5


def write_film(path: Path, seconds: float, index: int = 0, size: tuple[int, int] = hard.SIZE) -> int:
    """Writes a hard clip, played to and fro until the film is long enough, with its sound repeated.

    Args:
        path: of the MP4.
        seconds: length of the film.
        index: of the hard clip (`deemo_jax.sample.hard.plan`).
        size: width and height, pixels; the clip is enlarged to it.

    Returns:
        The number of frames.
    """
    plan = hard.plan(SEED, index)
    samples, rate, _ = ordinary.sound(plan.speakers[0])
    shown = list(hard.pictures(plan))
    if size != hard.SIZE:
        shown = [cv2.resize(picture, size, interpolation=cv2.INTER_CUBIC) for picture in shown]
    shown = [*shown, *shown[::-1]]
    count = round(seconds * hard.FRAME_RATE)

    def frames() -> Iterator[UInt8[np.ndarray, "H W 3"]]:
        for t in range(count):
            yield shown[t % len(shown)]

    sound = np.resize(samples, round(seconds * rate))
    write_mp4(path, frames(), Fraction(hard.FRAME_RATE), sound, rate, plan.speakers[0].metadata)
    return count


def still(speaker: int, height: int) -> tuple[UInt8[np.ndarray, "H W 3"], tuple[float, float, float, float]]:
    """A speaker whose face is about `height` pixels high, in the middle of a 720p picture.

    Returns:
        The picture, RGB, and the true box of the face: left, top, right, bottom in pixels.
    """
    plan = ordinary.plan(CorpusSettings(11, *hard.STAGE, hard.FRAME_RATE), speaker)
    film = scene.Film(plan.identity, plan.camera, [plan.motion.pose(plan.duration_s / 2)])
    stage, box = film.frame(0), film.placement.faces[0]
    scale = height / (box[3] - box[1])
    way = cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC
    stage = cv2.resize(stage, None, fx=scale, fy=scale, interpolation=way)
    stage = stage[: SIZE[1], : SIZE[0]]
    x, y = (SIZE[0] - stage.shape[1]) // 2, (SIZE[1] - stage.shape[0]) // 2
    right, bottom = SIZE[0] - stage.shape[1] - x, SIZE[1] - stage.shape[0] - y
    picture = cv2.copyMakeBorder(stage, y, bottom, x, right, cv2.BORDER_REPLICATE)
    x0, y0, x1, y1 = box * scale + np.tile((x, y), 2)
    return picture, (float(x0), float(y0), float(x1), float(y1))
