"""Caption datasets: speed, size, and faces that are found: `python -m benchmarks.captions [--films 12] [--faces 24]`.

Makes films (596x336, 10 s, H.264, as WebVid's) and images (500x375, JPEG), a third of them with a face, and times their
records in one process, with faces covered and kept. Then plants faces of known place and height in photographs without
people, and counts those that are covered. All faces are warps of one portrait.
"""

import math
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
from jaxtyping import Float, UInt8
from skimage import data

from benchmarks.ratios import spread
from deemo_jax.core import cli, tables
from deemo_jax.core.parallel import one_thread
from deemo_jax.core.progress import with_progress
from deemo_jax.data.captions.faces import find_faces
from deemo_jax.data.captions.media import StillPicture
from deemo_jax.data.captions.record import RecordMaker
from deemo_jax.data.captions.rows import CaptionRow
from deemo_jax.deid.video import masks
from deemo_jax.deid.video.leak_check import covered_share
from deemo_jax.sample.identity import make_identity
from deemo_jax.sample.render.drawing import paste
from deemo_jax.sample.render.portrait import FACE_HEIGHT, head

FILM, IMAGE = (596, 336), (500, 375)
FILM_S, RATE = 10, 25
# Photographs of skimage without a person.
PHOTOGRAPHS = ("coffee", "chelsea", "rocket", "brick", "hubble_deep_field", "gravel")
# Heights, forehead to chin, pixels.
HEIGHTS = (9, 12, 15, 18, 24, 36, 72, 144)
# A face counts as covered where this share of its box is.
COVERED = 0.98
SHARD_ROWS = 1000
# Clips of WebVid-2M and images of CC3M-595K.
PLANNED = {"film": ("WebVid-2M", 2_500_000), "image": ("CC3M-595K", 595_375)}


def main() -> int:
    """Prints two tables and the plan."""
    parser = cli.Parser("python -m benchmarks.captions", description=__doc__)
    parser.add_argument("--films", type=int, default=12, help="films, and as many images (%(default)s)")
    parser.add_argument("--faces", type=int, default=24, help="planted faces of each height (%(default)s)")
    flags = parser.parse_args()
    one_thread()
    with tempfile.TemporaryDirectory() as folder:
        rows = write_media(Path(folder), flags.films)
        measured = {
            (kind, keep): [_timed(RecordMaker(Path(folder), keep_faces=keep), row) for row in rows[kind]]
            for keep in (False, True)
            for kind in rows
        }
    print(tables.markdown(("media", "faces", "records per core and second", "bytes of a record"), _rates(measured)))
    print()
    for kind, (name, count) in PLANNED.items():
        size = count * float(np.mean([size for _, size in measured[kind, False]]))
        hours = [count * float(np.mean([s for s, _ in measured[kind, keep]])) / 3600 for keep in (False, True)]
        print(
            f"{name}, {count:,} rows: {math.ceil(count / SHARD_ROWS):,} shards of {SHARD_ROWS} rows,"
            f" {size / 1e9:.0f} GB; {hours[0]:,.0f} core-hours with faces covered, {hours[1]:,.0f} with faces kept"
        )
    print()
    found, bare = _recall(flags.faces)
    print(tables.markdown(("height of the face, pixels", "planted", "covered"), found))
    print(f"\nphotographs without a person in which something was covered: {bare}")
    return 0


def _rates(measured: dict[tuple[str, bool], list[tuple[float, int]]]) -> list[tuple[str, ...]]:
    return [
        (
            kind,
            "kept" if keep else "covered",
            f"{spread([1 / seconds for seconds, _ in found], '.3g')} (n = {len(found)})",
            spread([float(size) for _, size in found], ".0f"),
        )
        for (kind, keep), found in measured.items()
    ]


def _timed(maker: RecordMaker, row: CaptionRow) -> tuple[float, int]:
    """Seconds of processor time for a record, and the bytes of its frames."""
    maker(row)  # what is loaded once is not counted
    start = time.process_time()
    record: Any = maker(row)
    return time.process_time() - start, sum(map(len, record["frames"]))


def _photograph(name: str, size: tuple[int, int]) -> UInt8[np.ndarray, "H W 3"]:
    """A photograph that fills a size, width and height in pixels."""
    image = getattr(data, name)()
    image = np.repeat(image[..., None], 3, -1) if image.ndim == 2 else image[..., :3]
    scale = max(size[0] / image.shape[1], size[1] / image.shape[0])
    sides = math.ceil(image.shape[1] * scale), math.ceil(image.shape[0] * scale)
    large = cv2.resize(image, sides, interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC)
    return np.ascontiguousarray(large[: size[1], : size[0]])


def _planted(
    image: UInt8[np.ndarray, "H W 3"], person: int, height: float, rng: np.random.Generator
) -> Float[np.ndarray, "4"]:
    """Draws a face into a picture, and returns its box: x0, y0, x1, y1, pixels."""
    drawn = head(make_identity(0, person).face)
    scale = height / (FACE_HEIGHT * drawn.scale)
    outline = drawn.outline * scale
    low, high = outline.min(0), outline.max(0)
    # The hair above the face, as high as half of it, stays in the picture.
    room = np.array(image.shape[1::-1]) - (high - low) * [1.4, 1.8]
    place = (high - low) * [0.2, 0.6] + rng.uniform(0, 1, 2) * np.maximum(room, 0) - low
    paste(image, drawn.sprite, np.array([[scale, 0, place[0]], [0, scale, place[1]]]))
    return np.concatenate([low + place, high + place])


def write_media(folder: Path, count: int) -> dict[str, list[CaptionRow]]:
    """Writes as many films as images into a folder, a third of them with a face; returns their rows by kind."""
    rng = np.random.default_rng(0)
    rows: dict[str, list[CaptionRow]] = {"film": [], "image": []}
    for i in range(count):
        film, image = _photograph(PHOTOGRAPHS[i % 6], FILM), _photograph(PHOTOGRAPHS[i % 6], IMAGE)
        if i % 3 == 0:
            _planted(film, i, 80, rng)
            _planted(image, i, 80, rng)
        cv2.imwrite(str(folder / f"{i}.jpg"), cv2.cvtColor(image, cv2.COLOR_RGB2BGR))
        with av.open(str(folder / f"{i}.mp4"), "w") as container:
            stream = container.add_stream("libx264", rate=RATE, options={"preset": "veryfast"})
            stream.width, stream.height, stream.pix_fmt = *FILM, "yuv420p"
            for t in range(FILM_S * RATE):
                moved = np.ascontiguousarray(np.roll(film, t % 40, axis=1))
                container.mux(stream.encode(av.VideoFrame.from_ndarray(moved, "rgb24")))
            container.mux(stream.encode(None))
        for kind, ending in (("film", "mp4"), ("image", "jpg")):
            rows[kind].append(CaptionRow(f"{i}", f"{i}.{ending}", "a thing"))
    return rows


def _recall(count: int) -> tuple[list[tuple[str, ...]], str]:
    """For each height how many faces were planted and covered; and in how many bare photographs something was."""
    rng, rows = np.random.default_rng(1), list[tuple[str, ...]]()
    bare = [bool(find_faces(StillPicture(_photograph(name, FILM)))) for name in PHOTOGRAPHS]
    for height in HEIGHTS:
        covered = 0
        for i in with_progress(range(count), f"faces of {height} pixels"):
            image = _photograph(PHOTOGRAPHS[i % 6], FILM)
            box = _planted(image, i, height, rng)
            hidden = masks.region(find_faces(StillPicture(image)), *FILM)
            covered += covered_share(box, hidden) >= COVERED
        rows.append((str(height), str(count), f"{covered} ({covered / count:.0%})"))
    return rows, f"{sum(bare)} of {len(bare)}"


if __name__ == "__main__":
    sys.exit(cli.guarded(main))
