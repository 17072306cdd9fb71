"""`python -m deemo_jax.build DATASET`: a TFDS dataset: de-identified clips behind the privacy gate, captions, or
instructions."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from deemo_jax.core import caption_formats, cli, formats, instruction_formats
from deemo_jax.core.files import refuse_other_bytes
from deemo_jax.core.schema import DEEMO_LABELS, Labels

# Datasets of videos and images with captions, for stage 1, or with questions and answers, for stage 2.
CAPTIONS = ("webvid", "cc3m", "captions", "instructions")
# Flags of `deemo_mer` that these know, and flags that only these know.
SHARED = frozenset({"dataset", "data_dir", "frames", "overwrite", "workers"})
OF_CAPTIONS = frozenset({"source", "media", "name", "keep_faces", "caption_rule", "shard_rows", "beam"})


def parser() -> argparse.ArgumentParser:
    """The command line."""
    parser = cli.Parser(
        prog="python -m deemo_jax.build",
        description=__doc__,
        epilog="Exit code 0: the dataset is there, whole; 2: refused, and nothing was written, or some clips could not"
        " be read, and the others are in the dataset.",
    )
    parser.add_argument("dataset", nargs="?", choices=["deemo_mer", *CAPTIONS], help="which dataset")
    parser.add_argument(
        "--manifest",
        nargs="+",
        type=Path,
        metavar="PATH",
        help="de-identified clips: folders of manifests, or manifests",
    )
    parser.add_argument("--attest", type=Path, metavar="FILE", help="data de-identified elsewhere: its attestation")
    parser.add_argument(
        "--attest_template", type=Path, metavar="DIR", help="write DIR/attestation.json to fill in, and stop"
    )
    parser.add_argument("--annotations", type=Path, metavar="FILE", help="JSON lines, one clip a line (--show_format)")
    parser.add_argument(
        "--labels",
        metavar="A,B,...",
        help="the emotions that annotations may name, in the order of their index (default negative,positive); the"
        " dataset keeps them, and whoever reads it follows them",
    )
    parser.add_argument(
        "--source_map",
        type=Path,
        metavar="FILE",
        help="which clip was made from which raw file, for annotations with file names: the private list that"
        " deidentify writes beside its key (default: the one beside the default key)",
    )
    parser.add_argument("--data_dir", type=Path, metavar="DIR", help="where datasets lie; this one goes to DIR/DATASET")
    parser.add_argument("--frames", type=int, default=8, help="frames stored per clip (default 8)")
    parser.add_argument("--clips", type=int, default=8, help="2-second audio clips stored per clip (default 8)")
    parser.add_argument("--fractions", default="train=0.4,test=0.6", help="own splits, by person (default %(default)s)")
    parser.add_argument("--split_seed", type=int, default=0, help="of the own splits (default 0)")
    parser.add_argument(
        "--splits", type=Path, metavar="FILE", help="published splits instead: JSON {split: [clip ids]}"
    )
    parser.add_argument(
        "--validation",
        type=float,
        metavar="SHARE",
        help="share of the training clips that goes, by whole persons, to a split `validation`, on which probabilities "
        "are calibrated (default 0.1 with --fractions that do not name it, 0 with --splits)",
    )
    parser.add_argument(
        "--strict_persons", action="store_true", help="refuse --splits that put a person into two splits"
    )
    parser.add_argument(
        "--skip_missing", action="store_true", help="leave out clips without a paper trail, and count them"
    )
    parser.add_argument("--overwrite", action="store_true", help="replace a dataset that was made from other inputs")
    parser.add_argument(
        "--croissant",
        action="store_true",
        help="write the dataset's card beside it, croissant.json and texts.jsonl; without --annotations, for the one"
        " that is in --data_dir",
    )
    parser.add_argument(
        "--card", type=Path, metavar="FILE", help="with --croissant: what only you know, such as the licence, JSON"
    )
    parser.add_argument(
        "--include_raw_text",
        action="store_true",
        help="with --croissant: texts.jsonl shows texts that are not known to be de-identified, too",
    )
    parser.add_argument(
        "--workers",
        type=int,
        default=1,
        help="processes that read media (default 1); 0: none but this one, which a damaged file may end",
    )
    captions = parser.add_argument_group(
        ", ".join(CAPTIONS), "videos and images with captions, for stage 1, or with questions and answers, for stage 2"
    )
    captions.add_argument(
        "--source",
        nargs="+",
        type=Path,
        metavar="PATH",
        help="the folder that holds captions or instructions and media, or the files with captions or instructions",
    )
    captions.add_argument("--media", type=Path, metavar="DIR", help="where videos and images lie, if elsewhere")
    captions.add_argument("--name", help="of the dataset, as config.data.mixture names it (default: DATASET)")
    captions.add_argument(
        "--keep_faces", action="store_true", help="leave faces visible, as in the paper; they are covered otherwise"
    )
    captions.add_argument(
        "--caption_rule",
        choices=["webvid", "raw"],
        help="how captions are cleaned (default: webvid for webvid, raw for others)",
    )
    captions.add_argument("--shard_rows", type=int, default=1000, help="rows of a shard (default 1000)")
    captions.add_argument(
        "--beam",
        metavar="OPTIONS",
        help="make the shards with Apache Beam: --beam='--runner=DirectRunner --direct_num_workers=2'",
    )
    parser.add_argument(
        "--show_format",
        action="store_true",
        help="show what the files look like that DATASET is made from (without DATASET: all of them), and stop",
    )
    return parser


def build(argv: Sequence[str] | None = None) -> None:
    """Does what the flags say.

    Raises:
        UserError: any mistake that a person can mend; also where clips could not be read and the rest is built.
    """
    flags = parser()
    args = flags.parse_args(argv)
    if args.show_format:
        clips = (formats.ANNOTATIONS, formats.SOURCES, formats.SPLITS, formats.ATTESTATION, formats.CARD)
        media = {**caption_formats.OF_DATASET, "instructions": instruction_formats.ALL}
        every = (*clips, *caption_formats.ALL, *instruction_formats.ALL)
        print(formats.shown({"deemo_mer": clips, **media}.get(args.dataset, every)))
        return
    if args.workers < 0:
        flags.error(f"--workers {args.workers}: choose 0 or more")
    if args.dataset in CAPTIONS:
        _captions(args, flags)
        return
    if others := _given(args, flags) & OF_CAPTIONS:
        flags.error(f"--{min(others)} goes with {', '.join(CAPTIONS)}")
    if args.attest_template:
        from deemo_jax.data.build.attestation import write_template

        path, notes = write_template(args.attest_template)
        print("\n".join([f"{path}: fill in holder, method and date, then build with --attest", *notes]))
        return
    if (args.card or args.include_raw_text) and not args.croissant:
        flags.error("--card and --include_raw_text go with --croissant")
    known = args.croissant and not (args.annotations or args.manifest or args.attest)
    if not args.dataset or not args.data_dir or not (args.annotations or known):
        flags.error("give DATASET, --annotations and --data_dir (or --attest_template DIR)")
    refuse_other_bytes(args.data_dir)
    if not known:
        _make(args, flags)
    if args.croissant:
        from deemo_jax.data.card.write_card import write_card

        print(write_card(args.data_dir, args.dataset, args.card, include_raw=args.include_raw_text))


def _given(args: argparse.Namespace, flags: argparse.ArgumentParser) -> set[str]:
    """The flags that have another value than their default."""
    return {name for name, value in vars(args).items() if value != flags.get_default(name)}


def _captions(args: argparse.Namespace, flags: argparse.ArgumentParser) -> None:
    """Builds a dataset of captions.

    Raises:
        UserError: see `tfds_builders.build_captions.build_captions`.
    """
    if others := _given(args, flags) - SHARED - OF_CAPTIONS:
        flags.error(f"--{min(others)} goes with deemo_mer")
    if args.dataset == "instructions" and args.caption_rule:
        flags.error("--caption_rule goes with captions; questions and answers stay as they are")
    if not (args.source and args.data_dir):
        flags.error(f"give {args.dataset} --source and --data_dir")
    refuse_other_bytes(args.data_dir)

    from deemo_jax.data.captions.sources import find_source
    from tfds_builders.build_captions import CaptionRequest, build_captions

    built = build_captions(
        CaptionRequest(
            dataset=args.dataset,
            source=find_source(args.dataset, args.source, args.media, args.caption_rule),
            data_dir=args.data_dir,
            name=args.name or "",
            frames=args.frames,
            keep_faces=args.keep_faces,
            shard_rows=args.shard_rows,
            overwrite=args.overwrite,
            workers=args.workers,
            beam=args.beam,
        )
    )
    print(built)


def _make(args: argparse.Namespace, flags: argparse.ArgumentParser) -> None:
    """Builds the dataset.

    Raises:
        UserError: see `build`.
    """
    if bool(args.manifest) == bool(args.attest):
        flags.error(
            "give --manifest (clips of deemo_jax.deidentify) or --attest (de-identified elsewhere), one of the two"
        )

    # Spawned workers import this module: what only the parent needs is imported here.
    from deemo_jax.data.build.splits import parse_fractions
    from tfds_builders.deemo_mer import assemble

    assemble.run(
        assemble.BuildRequest(
            manifests=tuple(args.manifest or ()),
            attestation=args.attest,
            annotations=args.annotations,
            source_map=args.source_map,
            data_dir=args.data_dir,
            labels=DEEMO_LABELS if args.labels is None else Labels.parse(args.labels),
            frames=args.frames,
            clips=args.clips,
            fractions=parse_fractions(args.fractions),
            split_seed=args.split_seed,
            splits=args.splits,
            validation=args.validation,
            strict_persons=args.strict_persons,
            skip_missing=args.skip_missing,
            overwrite=args.overwrite,
            workers=args.workers,
        )
    )


def main(argv: Sequence[str] | None = None) -> int:
    """Exit code 0, or 2 with one line on stderr."""
    cli.tidy_when_terminated()
    return cli.guarded(lambda: build(argv))


if __name__ == "__main__":
    sys.exit(main())
