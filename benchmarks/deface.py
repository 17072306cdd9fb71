"""De-identification beside the `deface` command: `python -m benchmarks.deface [--seconds 8] [--repeats 3]`.

Both commands de-identify the same 720p file, on all cores, in turns; deface with its OpenCV backend and with the sound,
which it copies unchanged. Then both detectors look for faces of several heights in 720p pictures: recall is the share
of true faces of which 98 % of the box would be covered.
"""

import dataclasses
import functools
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
from jaxtyping import UInt8

from benchmarks.films import HEIGHTS, SIZE, still, write_film
from benchmarks.ratios import clock_and_processor
from deemo_jax.core import cli, tables
from deemo_jax.deid.settings import Settings
from deemo_jax.deid.video import masks
from deemo_jax.deid.video.detection.centerface import FaceDetector
from deemo_jax.deid.video.leak_check import covered_share

# Height of the smallest face that our command is asked for, pixels.
SMALLEST = 40
# deface's defaults: the least score of a face, and the share by which its box is enlarged.
DEFACE_THRESHOLD, DEFACE_MARGIN = 0.2, 0.3


def main() -> int:
    """Prints frames a second, and recall by height."""
    parser = cli.Parser("python -m benchmarks.deface", description=__doc__)
    parser.add_argument("--seconds", type=float, default=8.0, help="length of the film (%(default)s)")
    parser.add_argument("--repeats", type=int, default=3, help="runs of each command (%(default)s)")
    parser.add_argument("--speakers", type=int, default=30, help="faces of each height (%(default)s)")
    flags = parser.parse_args()
    _recall(flags.speakers)
    with tempfile.TemporaryDirectory() as folder:
        _whole(Path(folder), flags.seconds, flags.repeats)
    return 0


def _whole(folder: Path, seconds: float, repeats: int) -> None:
    film = folder / "film.mp4"
    frames = write_film(film, seconds, size=SIZE)
    share = str(round(SMALLEST / SIZE[1], 4))
    ours = [sys.executable, "-m", "deemo_jax.deidentify", film, "--smallest_face", share, "--key_file", folder / "key"]
    theirs = [Path(sys.executable).with_name("deface"), film, "--backend", "opencv", "--keep-audio"]
    times, ratios = in_turns(ours, theirs, folder, repeats)
    print(
        f"whole command, {frames} frames of {SIZE[0]}x{SIZE[1]}: ours {frames / times[0]:.1f} frames/s, deface"
        f" {frames / times[1]:.1f}; {ratios}"
    )


def in_turns(ours: list[object], theirs: list[object], folder: Path, repeats: int) -> tuple[tuple[float, float], str]:
    """Runs two commands in turns; median seconds of each, and a text on the ratios of the pairs."""
    costs = np.array(
        [
            (
                cost_of([*ours, "--out", folder / f"ours{turn}"]),
                cost_of([*theirs, "--output", folder / f"theirs{turn}.mp4"]),
            )
            for turn in range(repeats)
        ]
    )
    our_s, their_s = np.median(costs[:, :, 0], axis=0)
    return (our_s, their_s), clock_and_processor(costs[:, 0], costs[:, 1])


def cost_of(command: list[object]) -> tuple[float, float]:
    """Seconds on the clock and of processor time that a command takes, from start to end."""
    start, before = time.perf_counter(), resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run([str(part) for part in command], check=True, capture_output=True)
    seconds, after = time.perf_counter() - start, resource.getrusage(resource.RUSAGE_CHILDREN)
    return seconds, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


@dataclasses.dataclass(frozen=True, slots=True)
class Looker:
    """A detector, the least score of a face, and the share by which boxes are enlarged."""

    name: str
    detector: FaceDetector
    threshold: float
    margin: float


def _recall(speakers: int) -> None:
    lookers = [Looker("deface, full size", FaceDetector(*SIZE), DEFACE_THRESHOLD, DEFACE_MARGIN)]
    for pixels in (24, SMALLEST, 72, 108):
        settings = Settings(smallest_face=pixels / SIZE[1])
        detector = FaceDetector(*SIZE, settings.detection_scale(*SIZE))
        lookers.append(Looker(f"ours, faces from {pixels}", detector, settings.threshold, settings.margin))
    print(f"recall of {speakers} faces by height in pixels, and ms a look ({cv2.getNumThreads()} threads)")
    rows = [("detector", "input", "ms", *map(str, HEIGHTS))]
    stills = {height: [still(speaker, height) for speaker in range(speakers)] for height in HEIGHTS}
    for looker in lookers:
        found = {height: [_finds(looker, *still) for still in row] for height, row in stills.items()}
        image = stills[SMALLEST][0][0]
        took = _median_ms(functools.partial(looker.detector, image, looker.threshold))
        width, height = looker.detector.input_size
        shares = (f"{np.mean(found[height]):.2f}" for height in HEIGHTS)
        rows.append((looker.name, f"{width}x{height}", f"{took:.0f}", *shares))
    print(tables.aligned(rows, right=range(1, len(rows[0]))))


def _finds(looker: Looker, picture: UInt8[np.ndarray, "H W 3"], box: tuple[float, float, float, float]) -> bool:
    boxes = looker.detector(picture, looker.threshold)[:, :4]
    return covered_share(box, masks.region(masks.enlarge(boxes, looker.margin, *SIZE), *SIZE)) >= 0.98


def _median_ms(look: Callable[[], object], repeats: int = 7) -> float:
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        look()
        times.append(time.perf_counter() - start)
    return statistics.median(times) * 1e3


if __name__ == "__main__":
    sys.exit(cli.guarded(main))
