"""Clips that are hard to de-identify: what detectors lose, with the truth known for every frame.

Each is a clip of the sample corpus, filmed by somebody who made one thing difficult. Coordinates: pixels of the frame.
Axes: H and W pixels.
"""

import dataclasses
import functools
import math
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from jaxtyping import Float, UInt8

from deemo_jax.core import parallel
from deemo_jax.core.files import atomic, write_jsonl
from deemo_jax.core.progress import with_progress
from deemo_jax.data.corpus_statement import KEY, CorpusStatement
from deemo_jax.sample import corpus_clip as ordinary
from deemo_jax.sample.corpus_settings import CorpusSettings
from deemo_jax.sample.render.phone_file import write_mp4
from deemo_jax.sample.seeds import generator

KINDS = ("motion", "occlusion", "leaves", "two", "dim", "small", "cuts")
FRAME_RATE = 25  # frames a second
# The scene is drawn at this size (width, height) and enlarged.
STAGE = (432, 240)
ENLARGED = 1.5
SIZE = (640, 360)
# Share of a face's box that must be in the picture, and not hidden, for the truth to list it.
LEAST_VISIBLE = 0.25

Box = tuple[float, float, float, float]
Matrix = Float[np.ndarray, "2 3"]


@dataclasses.dataclass(frozen=True, slots=True)
class HardClip:
    """All decisions about one clip.

    Attributes:
        clip_id: "h", the seed, and the index.
        kind: one of `KINDS`.
        speakers: one clip of the sample corpus, or two.
        numbers: uniform in [0, 1), of which each kind makes what it needs.
    """

    clip_id: str
    kind: str
    speakers: tuple[ordinary.ClipPlan, ...]
    numbers: tuple[float, ...]

    @property
    def frames(self) -> int:
        """How many it has."""
        return min(speaker.frames for speaker in self.speakers)


def plan(seed: int, index: int) -> HardClip:
    """Decides the `index`-th hard clip of a seed; kinds take turns."""
    settings = CorpusSettings(seed, *STAGE, FRAME_RATE)
    kind = KINDS[index % len(KINDS)]
    rng = generator("hard", seed, index)
    speakers = [ordinary.plan(settings, index), ordinary.plan(settings, index + 7)]
    if kind == "dim":
        dark = dataclasses.replace(
            speakers[0].camera, gain=float(rng.uniform(0.22, 0.42)), noise=float(rng.uniform(4, 8))
        )
        speakers[0] = dataclasses.replace(speakers[0], camera=dark)
    return HardClip(
        clip_id=f"h{seed}_{index:04d}",
        kind=kind,
        speakers=tuple(speakers if kind in ("two", "cuts") else speakers[:1]),
        numbers=tuple(rng.random(8).tolist()),
    )


def render(hard: HardClip, path: Path) -> None:
    """Writes the MP4, whole or not at all."""
    samples, rate, _ = ordinary.sound(hard.speakers[0])
    samples = samples[: round(hard.frames / FRAME_RATE * rate)]
    with atomic(path) as temporary:
        write_mp4(temporary, pictures(hard), Fraction(FRAME_RATE), samples, rate, hard.speakers[0].metadata)


def truth(hard: HardClip) -> dict[str, Any]:
    """Per frame the boxes of all faces of which enough is to be seen, within the picture; and what is planted."""
    first = hard.speakers[0]
    return {
        "clip_id": hard.clip_id,
        "kind": hard.kind,
        "person_id": first.identity.person_id,
        "file": f"clips/{hard.clip_id}.mp4",
        "frame_rate": FRAME_RATE,
        "faces": [[[round(v, 2) for v in box] for box in _faces(hard, t)] for t in range(hard.frames)],
        "planted": sorted(
            {*dict(first.metadata.container).values(), first.metadata.video_handler, first.metadata.audio_handler}
        ),
    }


def pictures(hard: HardClip) -> Iterator[UInt8[np.ndarray, "H W 3"]]:
    for t in range(hard.frames):
        picture: UInt8[np.ndarray, "H W 3"] = np.zeros((SIZE[1], SIZE[0], 3), np.uint8)
        for speaker, matrix, (left, right) in _shots(hard, t):
            stage = ordinary.film(speaker).frame(t)
            shown = cv2.warpAffine(stage, matrix, SIZE, flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
            picture[:, left:right] = shown[:, left:right]
        if hard.kind == "occlusion":
            cv2.fillConvexPoly(picture, np.rint(_sheet(hard, t)).astype(np.int32), (205, 200, 188), cv2.LINE_AA)
        yield picture


def _faces(hard: HardClip, t: int) -> list[Box]:
    found = []
    for speaker, matrix, (left, right) in _shots(hard, t):
        box = ordinary.film(speaker).placement.faces[t].reshape(2, 2)
        (x0, y0), (x1, y1) = (box @ matrix[:, :2].T + matrix[:, 2]).tolist()
        clipped: Box = (max(x0, left), max(y0, 0), min(x1, right), min(y1, SIZE[1]))
        seen = max(0.0, clipped[2] - clipped[0]) * max(0.0, clipped[3] - clipped[1])
        if hard.kind == "occlusion" and seen:
            seen -= _hidden(clipped, _sheet(hard, t))
        if seen >= LEAST_VISIBLE * (x1 - x0) * (y1 - y0):
            found.append(clipped)
    return found


def _shots(hard: HardClip, t: int) -> list[tuple[ordinary.ClipPlan, Matrix, tuple[int, int]]]:
    """Who is shown, how the stage lies in the picture, and between which columns."""
    time, numbers, everything = t / FRAME_RATE, hard.numbers, (0, SIZE[0])
    if hard.kind == "two":
        # Two people, each in the middle of a half of the picture.
        halves = ((0, SIZE[0] // 2), (SIZE[0] // 2, SIZE[0]))
        return [
            (speaker, _view(1.0, (-SIZE[0] / 4 + half[0], 0.0)), half)
            for speaker, half in zip(hard.speakers, halves, strict=True)
        ]
    if hard.kind == "cuts":
        every = 0.6 + 0.6 * numbers[0]
        speaker = hard.speakers[int(time / every) % 2]
        return [(speaker, _view(1.0 if speaker is hard.speakers[0] else 1.25, (0.0, 12.0)), everything)]
    shift, zoom = (0.0, 0.0), 1.0
    if hard.kind == "motion":
        beat = 2 * math.pi * (0.4 + 0.5 * numbers[0])
        shift = (150 * math.sin(beat * time + 6 * numbers[1]), 25 * math.sin(1.7 * beat * time + 6 * numbers[2]))
        zoom = 1 + 0.25 * math.sin(0.8 * beat * time + 6 * numbers[3])
    elif hard.kind == "leaves":
        away, lasts = 0.4 + 0.4 * numbers[0], 1.0 + 0.5 * numbers[1]
        gone = math.sin(math.pi * min(max((time - away) / lasts, 0.0), 1.0)) ** 2
        shift = (math.copysign(470 * gone, numbers[2] - 0.5), 0.0)
    elif hard.kind == "small":
        zoom = 0.40 + 0.15 * numbers[0]
        shift = (120 * (numbers[1] - 0.5), 60 * (numbers[2] - 0.5))
    return [(hard.speakers[0], _view(zoom, shift), everything)]


def _view(zoom: float, shift: tuple[float, float]) -> Matrix:
    """From the stage to the picture: enlarged about the middle, then moved."""
    scale = ENLARGED * zoom
    x, y = (SIZE[i] / 2 + shift[i] - scale * STAGE[i] / 2 for i in (0, 1))
    return np.array([[scale, 0.0, x], [0.0, scale, y]])


def _sheet(hard: HardClip, t: int) -> Float[np.ndarray, "4 2"]:
    """Corners of a sheet of paper that is held into the picture, over the face or a part of it, and taken away."""
    numbers = hard.numbers
    begins, lasts = 0.3 + 0.6 * numbers[0], 0.5 + 0.7 * numbers[1]
    reach = math.sin(math.pi * min(max((t / FRAME_RATE - begins) / lasts, 0.0), 1.0)) ** 2
    width, height = 90 + 60 * numbers[2], 110 + 40 * numbers[3]
    side = 1 if numbers[4] < 0.5 else -1
    middle = SIZE[0] / 2 + side * (SIZE[0] * 0.75 * (1 - reach) + 40 * (numbers[5] - 0.5)), 130 + 30 * numbers[6]
    angle = math.radians(30 * (numbers[7] - 0.5))
    corners = np.array([[-1, -1], [1, -1], [1, 1], [-1, 1]]) * (width / 2, height / 2)
    turn = np.array([[math.cos(angle), math.sin(angle)], [-math.sin(angle), math.cos(angle)]])
    return corners @ turn + middle


def _hidden(box: Box, sheet: Float[np.ndarray, "4 2"]) -> float:
    """The area that two convex shapes share."""
    x0, y0, x1, y1 = box
    corners = np.array([[x0, y0], [x1, y0], [x1, y1], [x0, y1]], np.float32)
    return float(cv2.intersectConvexConvex(corners, sheet.astype(np.float32))[0])


def make(out: Path, clips: int, seed: int, workers: int = 1) -> int:
    """Writes `clips` hard clips and their truth.jsonl, or what is missing of them; returns how many were rendered."""
    rows = []
    rendered = 0
    job = functools.partial(_make_clip, out, seed)
    for row, fresh in with_progress(parallel.each(job, range(clips), workers), "hard clips", clips):
        rows.append(row | {KEY: CorpusStatement("synthetic").to_json()})
        rendered += fresh
    write_jsonl(out / "truth.jsonl", rows)
    return rendered


def _make_clip(out: Path, seed: int, index: int) -> tuple[dict[str, Any], bool]:
    hard = plan(seed, index)
    row = truth(hard)
    path = out / row["file"]
    fresh = not path.exists()
    if fresh:
        render(hard, path)
    return row, fresh
