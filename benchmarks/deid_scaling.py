"""Long films and many of them: `python -m benchmarks.deid_scaling [--repeats 3] [--clips 24]`.

Peak memory of the whole command on a film of ten seconds and one of ten minutes (640x360, the same scene to and fro),
and how much faster two workers with one thread each are than one worker with one thread on a folder of clips.
"""

import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import psutil

from benchmarks.films import write_film
from benchmarks.ratios import spread
from deemo_jax.core import cli
from deemo_jax.sample import hard

# Lengths of the films whose memory is measured, and of the clips in the folder.
SECONDS = (10, 600)
CLIP_SECONDS = 4
# Seconds between two looks at the command's memory.
POLL_S = 0.05
# The first hard clip in dim light: kinds take turns.
DIM = hard.KINDS.index("dim")


def main() -> int:
    """Prints peak memory by length, and the gain of a second worker."""
    parser = cli.Parser("python -m benchmarks.deid_scaling", description=__doc__)
    parser.add_argument("--repeats", type=int, default=3, help="runs with one and with two workers (%(default)s)")
    parser.add_argument("--clips", type=int, default=24, help="in the folder (%(default)s)")
    flags = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        _memory(Path(folder))
        _workers(Path(folder), flags.clips, flags.repeats)
    return 0


def _memory(folder: Path) -> None:
    for seconds in SECONDS:
        film = folder / f"film{seconds}.mp4"
        frames = write_film(film, seconds, DIM)
        took, peak = _run([film, "--out", folder / f"long{seconds}", "--key_file", folder / "key", "--threads", 1])
        print(f"{seconds:>4} s ({frames} frames): peak {peak / 1e6:.0f} MB, {frames / took:.1f} frames/s")


def _workers(folder: Path, count: int, repeats: int) -> None:
    raw = folder / "raw"
    raw.mkdir()
    for number in range(count):
        write_film(raw / f"clip{number:02d}.mp4", CLIP_SECONDS, DIM + number * len(hard.KINDS))
    command = [raw, "--key_file", folder / "key", "--threads", 1, "--workers"]
    pairs = [[_run([*command, n, "--out", folder / f"w{turn}{n}"])[0] for n in (1, 2)] for turn in range(repeats)]
    gains = np.array([one / two for one, two in pairs])
    print(
        f"two workers beside one, one thread each, {count} clips of {CLIP_SECONDS} s:"
        f" {spread(gains)} times as fast, n {repeats}"
    )


def _run(arguments: list[object]) -> tuple[float, int]:
    """Seconds of a run, and the most memory that its processes had together, bytes."""
    command = [sys.executable, "-m", "deemo_jax.deidentify", *map(str, arguments)]
    start, peak = time.perf_counter(), 0
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE) as child:
        parent = psutil.Process(child.pid)
        while child.poll() is None:
            try:
                family = [parent, *parent.children(recursive=True)]
                peak = max(peak, sum(one.memory_info().rss for one in family))
            except psutil.Error:  # a process ended meanwhile
                pass
            time.sleep(POLL_S)
        if child.returncode:
            raise SystemExit(child.stderr.read().decode() if child.stderr else child.returncode)
    return time.perf_counter() - start, peak


if __name__ == "__main__":
    sys.exit(cli.guarded(main))
