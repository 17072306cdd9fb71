"""The audit's detectors beside each other: `python -m benchmarks.detectors [--speakers 30]`.

For faces of several heights in 720p pictures: the share of faces that each reports, the number of reports elsewhere in
a picture, and the milliseconds for a picture. MTCNN is there where `make audit_models` installed it.
"""

import dataclasses
import sys
import time
from typing import Any

import cv2
import numpy as np
from jaxtyping import UInt8

from benchmarks.films import HEIGHTS, SIZE, still
from deemo_jax.audit.clip_check import RESIDUAL_THRESHOLD, touch
from deemo_jax.audit.face_detection import mtcnn
from deemo_jax.audit.face_detection.blazeface import THRESHOLD, BlazeFace
from deemo_jax.audit.face_detection.detectors import CenterFace, Detector
from deemo_jax.core import cli, tables


@dataclasses.dataclass(frozen=True, slots=True)
class Still:
    """An RGB array in the form of `deemo_jax.media.picture.RgbPicture`."""

    image: UInt8[np.ndarray, "H W 3"]

    def rgb(self, width: int | None = None, height: int | None = None) -> UInt8[np.ndarray, "H W 3"]:
        """The picture, scaled to a size where one is given."""
        return self.image if width is None or height is None else cv2.resize(self.image, (width, height))


def main() -> int:
    """Prints a row a detector."""
    parser = cli.Parser("python -m benchmarks.detectors", description=__doc__)
    parser.add_argument("--speakers", type=int, default=30, help="faces of each height (%(default)s)")
    flags = parser.parse_args()
    lookers: dict[str, Detector] = {
        f"CenterFace at {RESIDUAL_THRESHOLD}": CenterFace(*SIZE, RESIDUAL_THRESHOLD),
        f"BlazeFace at {THRESHOLD}, in tiles": BlazeFace(),
    }
    if mtcnn.is_installed():
        lookers[f"MTCNN at {mtcnn.THRESHOLD}"] = mtcnn.Mtcnn()
    rows = [(f"recall of {flags.speakers} faces by height in pixels", *map(str, HEIGHTS), "elsewhere", "ms")]
    for name, look in lookers.items():
        shares, elsewhere, times = [], 0, []
        for height in HEIGHTS:
            hits = 0
            for speaker in range(flags.speakers):
                image, box = still(speaker, height)
                picture: Any = Still(image)
                start = time.perf_counter()
                faces = look(picture)
                times.append(time.perf_counter() - start)
                on = [touch(face, box) for face in faces]
                hits += any(on)
                elsewhere += len(on) - sum(on)
            shares.append(f"{hits / flags.speakers:.2f}")
        per_picture = elsewhere / (flags.speakers * len(HEIGHTS))
        rows.append((name, *shares, f"{per_picture:.2f}", f"{1e3 * np.median(times):.0f}"))
    print(tables.aligned(rows, right=range(1, len(rows[0]))))
    return 0


if __name__ == "__main__":
    sys.exit(cli.guarded(main))
