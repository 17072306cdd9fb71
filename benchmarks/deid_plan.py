"""Processor time for many interviews: `python -m benchmarks.deid_plan [--interviews 500] [--hours 1]`.

A 720p film is de-identified by one thread of one process, each time with other flags, and what a second of film costs
is carried on to all interviews. How much of it runs the face detector is measured, too: that is the part that a GPU
could take over (`deidentify --device cuda`). No GPU is used here: its hours are reckoned, in a table of their own, for
one that runs the detector so many times as fast as a core does. `benchmarks.deid_gpu` measures how many that is.
"""

import os
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.deid_scaling import DIM
from benchmarks.detector_calls import Watched, looking_with
from benchmarks.films import SIZE, write_film
from benchmarks.ratios import spread
from benchmarks.write_docs import machine
from deemo_jax.core import cli
from deemo_jax.core.tables import Table
from deemo_jax.deid.clip import deidentify_clip
from deemo_jax.deid.keys import VoiceKey
from deemo_jax.deid.settings import NO_TRACK, Settings
from deemo_jax.deid.video.detection import face_network
from deemo_jax.sample import hard

KEY = VoiceKey(b"a plan for many interviews")
# The flags that ask for a way -> what differs from the default settings.
WAYS: dict[str, dict[str, Any]] = {
    "(defaults)": {},
    "--smallest_face 0.15": {"smallest_face": 0.15},
    "--audio_track none": {"audio_track": NO_TRACK},
    "--background grey": {"background": "grey"},
}


def main(arguments: list[str] | None = None) -> int:
    parser = cli.Parser("python -m benchmarks.deid_plan", description=__doc__)
    parser.add_argument("--interviews", type=int, default=500, help="(default %(default)s)")
    parser.add_argument("--hours", type=float, default=1.0, help="of each (default %(default)s)")
    parser.add_argument("--frame_rate", type=float, default=25.0, help="of each (default %(default)s)")
    parser.add_argument("--seconds", type=float, default=12.0, help="of the film that is timed (default %(default)s)")
    parser.add_argument(
        "--gpu_cores",
        type=int,
        nargs="+",
        default=(20, 100),
        help="how many times as fast as a core a GPU runs the detector (default: 20 and 100)",
    )
    parser.add_argument("--repeats", type=int, default=3, help="runs of each way (default %(default)s)")
    flags = parser.parse_args(arguments)
    film_hours = flags.interviews * flags.hours
    with tempfile.TemporaryDirectory() as folder:
        film = Path(folder) / "film.mp4"
        frames = write_film(film, flags.seconds, DIM, SIZE)
        costs = {
            name: np.array([cost(film, Path(folder) / f"{n}_{turn}", Settings(**way)) for turn in range(flags.repeats)])
            for n, (name, way) in enumerate(WAYS.items())
        }
    # A film of another frame rate has as many more frames to read, cover and write; this counts all work so.
    stretch = flags.frame_rate / hard.FRAME_RATE
    measured, reckoned = [], []
    for name, of in costs.items():
        all_s, detector_s = stretch * np.median(of, axis=0) / flags.seconds
        shares = (spread(frames / of[:, 0], ".1f"), f"{detector_s / all_s:.0%}")
        measured.append((name, *shares, f"{film_hours * all_s:,.0f}"))
        gpu = (f"{film_hours * detector_s / cores:.1f}" for cores in flags.gpu_cores)
        reckoned.append((name, f"{film_hours * (all_s - detector_s):,.0f}", *gpu))
    header = ("flags", "frames a processor second", "in the detector", "core-hours")
    beside = ("flags", "core-hours beside a GPU", *(f"GPU-hours, of {cores} cores" for cores in flags.gpu_cores))
    print(
        f"{flags.interviews} interviews of {flags.hours:g} h, {SIZE[0]}x{SIZE[1]}, {flags.frame_rate:g} frames a"
        f" second: {film_hours:,.0f} hours of film, from {frames} frames, n {flags.repeats} ({machine()}; load"
        f" {os.getloadavg()[0]:.1f})\n\n{Table('', header, tuple(measured)).markdown()}\n\nReckoned, not measured:\n\n"
        f"{Table('', beside, tuple(reckoned)).markdown()}"
    )
    return 0


def cost(film: Path, out: Path, settings: Settings) -> tuple[float, float]:
    """Processor seconds of one thread for a film: of everything, and of the face detector's network."""
    watched = Watched(face_network.network())
    out.mkdir()
    with looking_with(watched):
        begin = time.process_time()
        deidentify_clip(film, out, "film", settings, KEY)
        return time.process_time() - begin, watched.seconds


if __name__ == "__main__":
    sys.exit(cli.guarded(main))
