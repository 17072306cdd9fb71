"""Makes the sample corpus: raw, identity-bearing clips of invented speakers, with the truth known for everything."""

import sys
from pathlib import Path

import cv2

from deemo_jax.core import cli
from deemo_jax.sample import bayes, corpus, hard
from deemo_jax.sample.clip import Settings


def main(arguments: list[str] | None = None) -> int:
    """`python -m deemo_jax.sample`."""
    parser = cli.Parser("python -m deemo_jax.sample", description=__doc__)
    parser.add_argument("--out", type=Path, required=True, help="folder to write; clips of the same settings are kept")
    parser.add_argument("--clips", type=int, default=650, help="how many clips (%(default)s)")
    parser.add_argument("--seed", type=int, default=0, help="the same seed gives the same clips (%(default)s)")
    parser.add_argument("--workers", type=int, default=1, help="processes (%(default)s)")
    parser.add_argument("--width", type=int, default=320, help="pixels (%(default)s)")
    parser.add_argument("--height", type=int, default=240, help="pixels (%(default)s)")
    parser.add_argument("--fps", type=int, default=10, help="frames per second (%(default)s)")
    parser.add_argument("--hard", action="store_true", help="clips that are hard to de-identify, 640x360, 25 fps")
    flags = parser.parse_args(arguments)
    cv2.setNumThreads(1)
    if flags.hard:
        rendered = hard.make(flags.out, flags.clips, flags.seed, flags.workers)
        print(f"{flags.out}: {rendered} hard clips made, {flags.clips - rendered} were there ({', '.join(hard.KINDS)})")
        return 0
    settings = Settings(flags.seed, flags.width, flags.height, flags.fps)
    rendered, kept = corpus.make(flags.out, flags.clips, settings, flags.workers)
    print(f"{flags.out}: {rendered} clips made, {kept} were there; all invented, all faces warps of one portrait")
    print(bayes.table())
    return 0


if __name__ == "__main__":
    sys.exit(cli.guarded(main))
