"""The sheets of the human check: frames drawn at random and numbered, and the claims that a count of faces supports.

Axes: H height, W width of a picture on a sheet; h, w of a picture before.
"""

import bisect
import dataclasses
import itertools
from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
from jaxtyping import UInt8

from deemo_jax.audit.audited_clips import AuditedClip
from deemo_jax.audit.human_check import FRAMES, HOW, LISTING, RECORD, on_record
from deemo_jax.audit.report_parts import Section
from deemo_jax.core import files, parallel
from deemo_jax.core.progress import with_progress
from deemo_jax.core.stats import upper_bound
from deemo_jax.core.tables import Table
from deemo_jax.media.video import read_frames

# Of the draw.
SEED = 20250
# Pictures side by side, and one below the other, on a page.
COLUMNS, ROWS = 3, 6
# Longer side of a picture on a page, pixels, at most.
THUMBNAIL_SIDE = 480
# Height of a head on the sheet, pixels, below which it can hardly be made out.
LEAST_HEAD = 16
# Height of the band with the number above a picture, pixels.
BAND = 18
WHITE = (255, 255, 255)
# Counts of pictures with a face for which the report gives the bound.
MISSES = (0, 1, 2, 3, 5, 10)
# Clip id, SHA-256 of the clip's file, number of the frame, its time in seconds, picture.
Thumbnail = tuple[str, str, int, float, UInt8[np.ndarray, "H W 3"]]


@dataclasses.dataclass(frozen=True, slots=True)
class Drawn:
    """One picture of the sheets, as listed in sheet.json.

    Attributes:
        number: on the sheets, from 1.
        clip_id: of its clip.
        output_sha256: of the clip's file.
        frame: number of the frame in the clip.
        time_s: of the frame, seconds.
    """

    number: int
    clip_id: str
    output_sha256: str
    frame: int
    time_s: float


def human_section(clips: Sequence[AuditedClip], folder: Path, *, frames: int = FRAMES, workers: int = 1) -> Section:
    """Writes the pages `sheet_NN.png` and their listing into `folder`.

    Args:
        clips: at least one; each of their frames is drawn with the same probability.
        folder: for the pages.
        frames: how many are drawn, without replacement; all where there are fewer.
        workers: processes.
    """
    counts = [len(clip.masks().rectangles) for clip in clips]
    ends = list(itertools.accumulate(counts))
    total = ends[-1]
    places = sorted(np.random.default_rng(SEED).permutation(total)[:frames].tolist())
    wanted: dict[int, list[int]] = {}
    for place in places:
        index = bisect.bisect_right(ends, place)
        wanted.setdefault(index, []).append(place - (ends[index] - counts[index]))
    jobs = [(clips[index], tuple(inside)) for index, inside in wanted.items()]
    shown: list[Thumbnail] = list(
        itertools.chain(*with_progress(parallel.each(_thumbnails, jobs, workers), "sheet", len(jobs)))
    )
    # Shuffled, since a person looks less closely at a picture that resembles the one before it.
    order = np.random.default_rng(SEED + 1).permutation(len(shown))
    drawn, pictures = [], []
    for number, k in enumerate(order.tolist(), 1):
        clip_id, digest, frame, time_s, picture = shown[k]
        drawn.append(Drawn(number, clip_id, digest, frame, round(time_s, 3)))
        pictures.append(_numbered(picture, number))
    names = write_pages(pictures, folder)
    files.write_json(folder / LISTING, [dataclasses.asdict(row) for row in drawn])
    n = len(drawn)
    check, told = on_record(folder)
    rows = tuple((str(k), f"{upper_bound(k, n):.2%}") for k in MISSES if k <= n)
    return Section(
        name="human",
        title="Human check",
        tables=(
            Table(
                f"What a person who looks at all {n} pictures has shown, of {total} frames in {len(clips)} clips"
                " (Clopper and Pearson's exact one-sided 95 % bound)",
                ("pictures with a face", "share of all frames with a face, at most"),
                rows,
            ),
        ),
        notes=(
            f"{n} frames, drawn at random (seed {SEED}), are in {', '.join(names)} beside this report.",
            "How to fill it in: look at every picture, at full size. Count those in which any part of a person's face"
            " can be made out; in doubt, count it. The row of that number is what you may claim.",
            f"Pictures larger than {THUMBNAIL_SIDE} pixels were made smaller: the bound speaks of heads that are at"
            f" least some {LEAST_HEAD} pixels high on the sheet.",
            f"{LISTING} tells the clip and the time behind each number.",
            f"Then put it on record: `python -m deemo_jax.audit DIR {HOW}`. It is written to {RECORD} beside"
            " this report, and every later audit of the same pictures reads it.",
            f"{told}.",
        ),
        numbers={
            "frames": n,
            "of": total,
            "seed": SEED,
            "upper_bounds": {str(k): upper_bound(k, n) for k in MISSES if k <= n},
            "pages": names,
            "misses": None if check is None else len(check.with_a_face),
            "bound": None if check is None else check.bound,
        },
        failures=(told,) if check is not None and check.with_a_face else (),
    )


def write_pages(pictures: Sequence[UInt8[np.ndarray, "_ _ 3"]], folder: Path) -> list[str]:
    """Writes pages of 3 x 6 pictures and removes further pages of an earlier report.

    Args:
        pictures: RGB, with their numbers.
        folder: for the pages.

    Returns:
        The names of the pages.
    """
    size = COLUMNS * ROWS
    names = []
    for page, start in enumerate(range(0, len(pictures), size), 1):
        part = pictures[start : start + size]
        width = max(picture.shape[1] for picture in part)
        grid = np.concatenate([_row(part[i : i + COLUMNS], width) for i in range(0, len(part), COLUMNS)])
        done, encoded = cv2.imencode(".png", cv2.cvtColor(grid, cv2.COLOR_RGB2BGR))
        if not done:
            raise RuntimeError("OpenCV cannot encode a PNG")
        names.append(f"sheet_{page:02d}.png")
        with files.atomic(folder / names[-1]) as temporary:
            temporary.write_bytes(encoded.tobytes())
    for path in folder.glob("sheet_[0-9][0-9].png"):
        if path.name not in names:
            path.unlink()
    return names


def _row(pictures: Sequence[UInt8[np.ndarray, "_ _ 3"]], width: int) -> UInt8[np.ndarray, "H W 3"]:
    """Pictures side by side, in columns of one width, as high as the highest picture; white between them."""
    row = np.full((max(p.shape[0] for p in pictures) + 4, COLUMNS * (width + 4), 3), WHITE, np.uint8)
    for column, picture in enumerate(pictures):
        left = column * (width + 4) + 2
        row[2 : 2 + picture.shape[0], left : left + picture.shape[1]] = picture
    return row


def _thumbnails(job: tuple[AuditedClip, tuple[int, ...]]) -> list[Thumbnail]:
    """The wanted frames of a clip (their numbers ascend), scaled down."""
    clip, wanted = job
    found = []
    for frame in read_frames(clip.output):
        if frame.index in wanted:
            digest = clip.manifest.output_sha256
            found.append((clip.clip_id, digest, frame.index, frame.time_s, _small(frame.image)))
        if frame.index >= wanted[-1]:
            break
    return found


def _small(image: UInt8[np.ndarray, "h w 3"]) -> UInt8[np.ndarray, "H W 3"]:
    scale = min(1.0, THUMBNAIL_SIDE / max(image.shape[:2]))
    return cv2.resize(image, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)


def _numbered(image: UInt8[np.ndarray, "h W 3"], number: int) -> UInt8[np.ndarray, "H W 3"]:
    """The picture with its number in a white band above it."""
    band = np.full((BAND, image.shape[1], 3), 255, np.uint8)
    cv2.putText(band, str(number), (3, BAND - 5), cv2.FONT_HERSHEY_SIMPLEX, 0.45, (0, 0, 0), 1, cv2.LINE_AA)
    return np.concatenate([band, image])
