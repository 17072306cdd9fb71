"""Takes names out of annotations and transcripts: `python -m deemo_jax.redact FILE --out FILE`."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from deemo_jax.core import cli, formats


def parser() -> argparse.ArgumentParser:
    flags = cli.Parser(
        prog="python -m deemo_jax.redact",
        description="Replaces names, teams, places, dates, numbers and addresses by tags, in annotations (JSON lines,"
        " or a table as CSV) or in a transcript (SRT, VTT, Whisper's JSON, TextGrid, TXT).",
    )
    flags.add_argument("file", type=Path, nargs="?", metavar="FILE", help="annotations, or a transcript")
    flags.add_argument("--out", type=Path, metavar="FILE", help="where they go without names: another file")
    flags.add_argument(
        "--transcripts",
        type=Path,
        metavar="DIR",
        help="transcripts for rows that have none, called like their clip_id, video_id or file",
    )
    flags.add_argument("--names", type=Path, metavar="FILE", help="names to remove always, one a line")
    flags.add_argument(
        "--source_map",
        type=Path,
        metavar="FILE",
        help="the private list of which file became which clip, so that rows lose the names of files too (default: the"
        " one beside the key)",
    )
    flags.add_argument("--key_file", metavar="F", help="the voice key beside which that list lies")
    flags.add_argument(
        "--text_engine",
        choices=("rules", "presidio"),
        default="rules",
        help="own rules (default), or Presidio (extra presidio)",
    )
    flags.add_argument("--show_format", action="store_true", help="instead, show what annotations and names look like")
    return flags


def main(arguments: Sequence[str] | None = None) -> int:
    flags = parser().parse_args(arguments)
    if flags.show_format:
        print(formats.shown((formats.ANNOTATIONS, formats.NAMES)))
        return 0
    cli.tidy_when_terminated()
    if flags.file is None or flags.out is None:
        parser().error("a FILE and --out FILE are needed")
    from deemo_jax.deid.text.redact_file import redact_words  # loads the lists of words

    found = redact_words(
        flags.file,
        flags.out,
        names=flags.names,
        engine=flags.text_engine,
        transcripts=flags.transcripts,
        source_map=flags.source_map,
        key=flags.key_file,
    )
    print(found.told)
    for warning in found.warnings:
        print(warning, file=sys.stderr)
    return 0


if __name__ == "__main__":
    sys.exit(cli.guarded(main))
