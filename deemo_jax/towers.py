"""Pre-trains the sample's frozen towers: `python -m deemo_jax.towers --out configs/sample_towers`."""

import sys
from pathlib import Path

from configs import sample
from deemo_jax.core import cli
from deemo_jax.sample.towers import NAMES


def main() -> int:
    """Reads the flags and trains what they name."""
    parser = cli.Parser(prog="python -m deemo_jax.towers", description=__doc__)
    parser.add_argument("--out", type=Path, required=True, help="folder of towers.safetensors and its card")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--workers", type=int, default=2, help="processes that draw and speak")
    parser.add_argument(
        "--only",
        choices=NAMES,
        nargs="+",
        default=list(NAMES),
        help="train these and keep the others from the file that is there",
    )
    parser.add_argument(
        "--speaker_encoder", action="store_true", help="instead, train the speaker encoders of the audit (minutes)"
    )
    args = parser.parse_args()
    # JAX is imported only here, so that mistakes in flags and --help answer at once.
    from deemo_jax.sample.towers import pretrain
    from deemo_jax.sample.towers.speaker_encoder import write_speakers

    if args.speaker_encoder:
        return cli.guarded(lambda: write_speakers(args.out, seed=args.seed, workers=args.workers))
    return cli.guarded(
        lambda: pretrain.pretrain(sample.MODEL, args.out, args.only, seed=args.seed, workers=args.workers)
    )


if __name__ == "__main__":
    sys.exit(main())
