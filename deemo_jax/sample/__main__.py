"""Makes what the sample is made of.

python -m deemo_jax.sample clips --out DIR     raw clips of invented speakers, with the truth known for everything
python -m deemo_jax.sample hard --out DIR      clips that are hard to de-identify, 640x360, 25 frames a second
python -m deemo_jax.sample captions --out DIR  short films with captions, faces covered: what stage 1 is trained on
python -m deemo_jax.sample towers --out DIR    the frozen encoders and decoder that the sample's recipe begins from
"""

import argparse
import sys
from pathlib import Path

from deemo_jax.core import cli
from deemo_jax.core.errors import UserError
from deemo_jax.sample.towers import NAMES

VERBS = ("clips", "hard", "captions", "towers")


def main(arguments: list[str] | None = None) -> int:
    """`python -m deemo_jax.sample`."""
    words = sys.argv[1:] if arguments is None else arguments
    if words and words[0].startswith("-") and words[0] not in ("-h", "--help"):
        raise UserError(
            "say first what to make: python -m deemo_jax.sample clips --out DIR (or hard, captions, towers)"
        )
    flags = _parser().parse_args(words)
    {"clips": _clips, "hard": _hard, "captions": _captions, "towers": _towers}[flags.what](flags)
    return 0


def _parser() -> argparse.ArgumentParser:
    formatter = argparse.RawDescriptionHelpFormatter
    parser = cli.Parser("python -m deemo_jax.sample", description=__doc__, formatter_class=formatter)
    verbs = parser.add_subparsers(dest="what", required=True, metavar="{clips,hard,captions,towers}")
    clips, hard, captions, towers = (verbs.add_parser(verb) for verb in VERBS)
    for verb in (clips, hard, captions, towers):
        verb.add_argument("--out", type=Path, required=True, help="folder to write; what is there is kept")
        verb.add_argument("--seed", type=int, default=0, help="the same seed gives the same (%(default)s)")
    for verb, count in ((clips, 650), (hard, 210), (captions, 600)):
        verb.add_argument("--clips", type=int, default=count, help="how many clips (%(default)s)")
        verb.add_argument("--workers", type=int, default=1, help="processes (%(default)s)")
    clips.add_argument("--width", type=int, default=320, help="pixels (%(default)s)")
    clips.add_argument("--height", type=int, default=240, help="pixels (%(default)s)")
    clips.add_argument("--fps", type=int, default=10, help="frames a second (%(default)s)")
    towers.add_argument("--workers", type=int, default=2, help="processes that draw and speak (%(default)s)")
    towers.add_argument(
        "--only", choices=NAMES, nargs="+", default=list(NAMES), help="train these, keep the others from the file there"
    )
    return parser


def _clips(flags: argparse.Namespace) -> None:
    from deemo_jax.core import parallel
    from deemo_jax.sample import bayes, corpus
    from deemo_jax.sample.corpus_settings import CorpusSettings

    if flags.workers == 1:
        parallel.one_thread()  # as in processes side by side
    settings = CorpusSettings(flags.seed, flags.width, flags.height, flags.fps)
    rendered, kept = corpus.make(flags.out, flags.clips, settings, flags.workers)
    print(f"{flags.out}: {rendered} clips made, {kept} were there; all invented, all faces warps of one portrait")
    print(bayes.table())


def _hard(flags: argparse.Namespace) -> None:
    from deemo_jax.core import parallel
    from deemo_jax.sample import hard

    if flags.workers == 1:
        parallel.one_thread()  # as in processes side by side
    rendered = hard.make(flags.out, flags.clips, flags.seed, flags.workers)
    print(f"{flags.out}: {rendered} hard clips made, {flags.clips - rendered} were there ({', '.join(hard.KINDS)})")


def _captions(flags: argparse.Namespace) -> None:
    from deemo_jax.core import parallel
    from deemo_jax.sample import captions

    if flags.workers == 1:
        parallel.one_thread()  # as in processes side by side
    made = captions.make(flags.out, flags.clips, flags.seed, flags.workers)
    print(f"{flags.out}: {made} captioned films made, {flags.clips - made} were there; all invented, faces covered")


def _towers(flags: argparse.Namespace) -> None:
    from configs import sample
    from deemo_jax.sample.towers import pretrain

    pretrain.pretrain(sample.MODEL, flags.out, flags.only, seed=flags.seed, workers=flags.workers)


if __name__ == "__main__":
    sys.exit(cli.guarded(main))
