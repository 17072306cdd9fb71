"""A second Beam worker for captions: `python -m benchmarks.captions_beam [--repeats 3] [--films 24]` (extra `beam`).

Builds a dataset of captioned films with Beam's DirectRunner, with one worker process and with two in turn, one row a
shard, a thread a worker. Time begins with the command, so imports and start-up are in it. On a machine that does other
work two workers get less than twice the time of one: the load is printed, too.
"""

import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from benchmarks.captions import write_media
from benchmarks.ratios import spread
from deemo_jax.core import cli

RUNNER = "--runner=DirectRunner --direct_running_mode=multi_processing --direct_num_workers={}"
ONE_THREAD = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}


def main() -> int:
    """Prints the ratio of pairs of builds."""
    parser = cli.Parser("python -m benchmarks.captions_beam", description=__doc__)
    parser.add_argument("--repeats", type=int, default=3, help="pairs of builds (%(default)s)")
    parser.add_argument("--films", type=int, default=24, help="films of the dataset (%(default)s)")
    flags = parser.parse_args()
    loads = [os.getloadavg()[0]]
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        media = [row.media for row in write_media(root, 12)["film"]]
        rows = [{"clip_id": str(i), "media": media[i % len(media)], "caption": "a thing"} for i in range(flags.films)]
        pairs = []
        for turn in range(flags.repeats):
            pairs.append([_build(root, f"{turn}-{workers}", rows, workers) for workers in (1, 2)])
            loads.append(os.getloadavg()[0])
    times = np.array(pairs)
    print(
        f"two Beam workers beside one, {flags.films} films: {spread(times[:, 0] / times[:, 1])} times as fast, n"
        f" {flags.repeats}; seconds with one {spread(times[:, 0], '.1f')}; load of the machine {spread(loads, '.1f')}"
        f" on {os.cpu_count()} cores"
    )
    return 0


def _build(root: Path, name: str, rows: list[dict[str, str]], workers: int) -> float:
    """Seconds of a build into a folder of its own."""
    captions = root / f"captions-{name}.jsonl"
    captions.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    command = [sys.executable, "-m", "deemo_jax.build", "captions", "--source", captions, "--media", root]
    command += ["--data_dir", root / name, "--shard_rows", 1, "--workers", 0, f"--beam={RUNNER.format(workers)}"]
    start = time.perf_counter()
    done = subprocess.run(
        [*map(str, command)], env={**os.environ, **ONE_THREAD}, capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise SystemExit(done.stderr[-2000:])
    return time.perf_counter() - start


if __name__ == "__main__":
    sys.exit(cli.guarded(main))
