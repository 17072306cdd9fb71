"""Pre-trains the sample's frozen towers: `python -m deemo_jax.towers --out configs/sample_towers`."""

import argparse
import sys
from pathlib import Path

from configs import sample
from deemo_jax import cli
from deemo_jax.pretraining import towers


def main() -> int:
    """Reads the flags and trains what they name."""
    parser = argparse.ArgumentParser(prog="python -m deemo_jax.towers", description=__doc__)
    parser.add_argument("--out", type=Path, required=True, help="folder of towers.safetensors and its card")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--workers", type=int, default=2, help="processes that draw and speak")
    parser.add_argument(
        "--only",
        choices=towers.NAMES,
        nargs="+",
        default=list(towers.NAMES),
        help="train these and keep the others from the file that is there",
    )
    args = parser.parse_args()
    return cli.guarded(lambda: towers.pretrain(sample.MODEL, args.out, args.only, seed=args.seed, workers=args.workers))


if __name__ == "__main__":
    sys.exit(main())
