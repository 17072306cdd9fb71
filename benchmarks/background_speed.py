"""How fast whole commands with and without a background are, in turns: `python -m benchmarks.background_speed`."""

import sys
import tempfile
from pathlib import Path

import numpy as np

from benchmarks.deface import cost_of
from benchmarks.films import SIZE, write_film
from benchmarks.ratios import clock_and_processor
from deemo_jax.core import cli
from deemo_jax.core.tables import Table
from deemo_jax.deid.settings import BACKGROUNDS


def main(arguments: list[str] | None = None) -> int:
    parser = cli.Parser("python -m benchmarks.background_speed", description=__doc__)
    parser.add_argument("--repeats", type=int, default=3, help="of the commands (default %(default)s)")
    parser.add_argument("--seconds", type=float, default=16.0, help="of the film (default %(default)s)")
    flags = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory() as folder:
        film = Path(folder) / "film.mp4"
        frames = write_film(film, flags.seconds, size=SIZE)
        command = [sys.executable, "-m", "deemo_jax.deidentify", film, "--key_file", Path(folder) / "key"]
        costs = np.array(
            [
                [
                    cost_of([*command, "--background", name, "--out", Path(folder) / f"{name}{turn}"])
                    for name in BACKGROUNDS
                ]
                for turn in range(flags.repeats)
            ]
        )
    rows = tuple(
        (name, f"{frames / np.median(of[:, 0]):.1f}", clock_and_processor(of, costs[:, 0]))
        for name, of in zip(BACKGROUNDS, np.moveaxis(costs, 1, 0), strict=True)
    )
    print(f"The whole command, {frames} frames of {SIZE[0]}x{SIZE[1]}, backgrounds in turns:\n")
    print(Table("", ("background", "frames a second", "beside keep"), rows).markdown())
    return 0


if __name__ == "__main__":
    sys.exit(cli.guarded(main))
