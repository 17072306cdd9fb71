"""Faces that are hard to follow: `python -m benchmarks.hard_faces --out runs/hard [--clips 210] [--workers 2]`.

Makes hard clips, de-identifies them, and compares the masks with the truth: for each kind, how many clips are accepted,
how many true faces are not covered, and the area of the masks over that of the faces. Beside it, the same for
CenterFace on every frame by itself, at full size, as the `deface` tool uses it (threshold 0.2, boxes enlarged by 0.3).
"""

import dataclasses
import functools
import sys
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Bool

from benchmarks.deface import DEFACE_MARGIN, DEFACE_THRESHOLD
from deemo_jax.core import cli, files, parallel, tables
from deemo_jax.core.progress import with_progress
from deemo_jax.deid.folder.all_clips import deidentify_all
from deemo_jax.deid.keys import load_key
from deemo_jax.deid.manifest import file_names, load_masks
from deemo_jax.deid.settings import Settings
from deemo_jax.deid.video import masks
from deemo_jax.deid.video.detection.centerface import FaceDetector
from deemo_jax.deid.video.leak_check import covered_share
from deemo_jax.media.video import read_frames
from deemo_jax.sample import hard

# A face counts as covered where this share of its box is.
COVERED = 0.98


@dataclasses.dataclass(frozen=True, slots=True)
class Tally:
    """What was covered in one clip.

    Attributes:
        kind: of the clip.
        frames: of the clip.
        faces: true ones, over all frames.
        uncovered: those of which less than 98 % is covered.
        area: covered pixels over the pixels of true faces, mean of the frames that show one.
    """

    kind: str
    frames: int
    faces: int
    uncovered: int
    area: float


def main() -> int:
    """Makes, de-identifies, compares, prints."""
    parser = cli.Parser("python -m benchmarks.hard_faces", description=__doc__)
    parser.add_argument("--out", type=Path, required=True, help="folder for clips and results")
    parser.add_argument("--clips", type=int, default=210, help="how many (%(default)s)")
    parser.add_argument("--seed", type=int, default=5, help="of the clips (%(default)s)")
    parser.add_argument("--workers", type=int, default=2, help="processes (%(default)s)")
    parser.add_argument("--alone", type=int, default=3, help="one clip in so many is detected frame by frame, too")
    flags = parser.parse_args()
    hard.make(flags.out, flags.clips, flags.seed, flags.workers)
    rows = list(files.read_jsonl(flags.out / "truth.jsonl"))
    sources = [flags.out / row["file"] for row in rows]
    key = load_key(flags.out / "voice.key", flags.out / "deid")
    outcomes = deidentify_all(sources, flags.out / "deid", Settings(), key, flags.workers, "stem")
    accepted = [row for row, outcome in zip(rows, outcomes, strict=True) if outcome.status in ("done", "kept")]
    ours = [_ours(row, flags.out / "deid") for row in accepted]
    print(f"{len(rows)} clips of seed {flags.seed}, {len(accepted)} accepted ({len(accepted) / len(rows):.1%})")
    print(_table(ours, Counter(row["kind"] for row in rows)))
    for kind in hard.KINDS:
        refused = [o for row, o in zip(rows, outcomes, strict=True) if row["kind"] == kind and o.status == "refused"]
        for reason, count in Counter(o.reason.partition(" in ")[0] for o in refused).most_common():
            print(f"{kind}: {count} refused, {reason}")
    # Kinds take turns, so `--alone` must not be a multiple of their number.
    some = rows[:: flags.alone]
    job = functools.partial(_alone, folder=flags.out)
    alone = list(with_progress(parallel.each(job, some, flags.workers), "frame by frame", len(some)))
    print("every frame for itself, at full size")
    print(_table(alone, Counter(row["kind"] for row in some)))
    return 0


def _ours(row: Mapping[str, Any], folder: Path) -> Tally:
    recorded = load_masks(folder / file_names(row["clip_id"])[1])
    hidden = [masks.region(rectangles, recorded.width, recorded.height) for rectangles in recorded.rectangles]
    return _tally(row, hidden)


def _alone(row: Mapping[str, Any], folder: Path) -> Tally:
    hidden = []
    detector = FaceDetector(*hard.SIZE)
    for frame in read_frames(folder / row["file"]):
        boxes = detector(frame.image, DEFACE_THRESHOLD)[:, :4]
        hidden.append(masks.region(masks.enlarge(boxes, DEFACE_MARGIN, *hard.SIZE), *hard.SIZE))
    return _tally(row, hidden)


def _tally(row: Mapping[str, Any], hidden: Sequence[Bool[np.ndarray, "H W"]]) -> Tally:
    pairs = list(zip(row["faces"], hidden, strict=True))
    shares = [covered_share(box, pixels) for boxes, pixels in pairs for box in boxes]
    areas = [pixels.sum() / sum((x1 - x0) * (y1 - y0) for x0, y0, x1, y1 in boxes) for boxes, pixels in pairs if boxes]
    uncovered = sum(share < COVERED for share in shares)
    return Tally(row["kind"], len(hidden), len(shares), uncovered, float(np.mean(areas)) if areas else 0.0)


def _table(tallies: Sequence[Tally], clips: Mapping[str, int]) -> str:
    header = ("kind", "accepted", "frames", "faces", "uncovered", "clips with one", "area")
    rows: list[tuple[str, ...]] = [header]
    for kind in (*hard.KINDS, "all"):
        some = [t for t in tallies if kind in (t.kind, "all")]
        of = sum(clips.values()) if kind == "all" else clips.get(kind, 0)
        counts = (
            sum(t.frames for t in some),
            sum(t.faces for t in some),
            sum(t.uncovered for t in some),
            sum(t.uncovered > 0 for t in some),
        )
        area = np.mean([t.area for t in some]) if some else 0.0
        rows.append((kind, f"{len(some)}/{of}", *map(str, counts), f"{area:.2f}"))
    return tables.aligned(rows, right=range(1, len(header)))


if __name__ == "__main__":
    sys.exit(cli.guarded(main))
