"""Films of portraits that are placed frame by frame, with the true faces; for tests of what is found in them."""

import dataclasses
from collections.abc import Callable, Sequence
from pathlib import Path

import cv2
import numpy as np
from skimage import data

from deemo_jax.deid.manifest import Manifest, load_masks
from deemo_jax.deid.video import masks
from deemo_jax.deid.video.leak_check import covered_share
from deemo_jax.media.clip_writer import write_clip
from deemo_jax.media.picture import Frame
from tests.raw_clips import FACE, HEAD, SIDE, speech

WIDTH, HEIGHT = 384, 216


class Stage:
    """One picture, and the true faces in it."""

    def __init__(self, width: int = WIDTH, height: int = HEIGHT):
        self.image = np.linspace(70, 140, width).astype(np.uint8)[None, :, None].repeat(height, 0).repeat(3, 2)
        self.faces: list[list[float]] = []

    def show(self, x: float, y: float, side: float) -> "Stage":
        """Places a portrait whose face is 0.475 of `side` high; it may reach out of the picture."""
        picture = cv2.resize(data.astronaut()[HEAD], (round(side), round(side)), interpolation=cv2.INTER_AREA)
        height, width = self.image.shape[:2]
        left, top = round(x), round(y)
        x0, y0, x1, y1 = max(0, left), max(0, top), min(width, left + len(picture)), min(height, top + len(picture))
        if x0 < x1 and y0 < y1:
            self.image[y0:y1, x0:x1] = picture[y0 - top : y1 - top, x0 - left : x1 - left]
        box = np.clip(FACE * side / SIDE + [left, top, left, top], 0, [width, height, width, height])
        if np.prod(box[2:] - box[:2]) >= 0.3 * np.prod(FACE[2:] - FACE[:2]) * (side / SIDE) ** 2:
            self.faces.append(box.tolist())
        return self

    def turned(self, quarters: int) -> "Stage":
        """As a wrong rotation flag shows it, counter-clockwise."""
        for _ in range(quarters):
            width = self.image.shape[1]
            self.faces = [[y0, width - x1, y1, width - x0] for x0, y0, x1, y1 in self.faces]
            self.image = np.ascontiguousarray(np.rot90(self.image))
        return self


@dataclasses.dataclass(frozen=True)
class Film:
    path: Path
    faces: list[list[list[float]]]

    def bare(self, folder: Path, manifest: Manifest) -> list[tuple[int, float]]:
        """Frames in which a true face is not covered, and how much of it is."""
        recorded = load_masks(folder / manifest.masks)
        found = []
        for t, (boxes, rectangles) in enumerate(zip(self.faces, recorded.rectangles, strict=True)):
            hidden = masks.region(rectangles, recorded.width, recorded.height)
            shares = [covered_share(box, hidden) for box in boxes]
            found += [(t, round(share, 3)) for share in shares if share < 0.98]
        return found


def film(path: Path, stages: Sequence[Stage], rate: int = 25) -> Film:
    """Writes a film with a voice."""
    frames = [Frame(t, t / rate, stage.image) for t, stage in enumerate(stages)]
    write_clip(path, frames, rate, (speech(len(stages) / rate), 16_000), 16)
    return Film(path, [stage.faces for stage in stages])


def card(width: int = WIDTH, height: int = HEIGHT) -> Stage:
    """A title card: white letters on black."""
    stage = Stage(width, height)
    stage.image = np.zeros((height, width, 3), np.uint8)
    cv2.putText(
        stage.image, "INTERVIEW 7", (width // 6, height // 2), cv2.FONT_HERSHEY_SIMPLEX, 1.2, (240, 240, 240), 3
    )
    return stage


def each(count: int, place: Callable[[int], Stage]) -> list[Stage]:
    return [place(t) for t in range(count)]
