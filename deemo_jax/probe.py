"""Lists what media files still carry besides picture and sound: `python -m deemo_jax.probe FILE...`."""

import argparse
import sys
from collections.abc import Sequence

from deemo_jax.core import cli
from deemo_jax.core.errors import plain
from deemo_jax.media.probe import probe


def parser() -> argparse.ArgumentParser:
    flags = cli.Parser(
        prog="python -m deemo_jax.probe",
        description="Lists the tracks of media files, and every tag of the container, its tracks and chapters: a place,"
        " a date, a title, the name of a telephone.",
    )
    flags.add_argument("files", nargs="+", metavar="FILE", help="films or sounds")
    return flags


def main(arguments: Sequence[str] | None = None) -> int:
    for path in parser().parse_args(arguments).files:
        print(f"{plain(path)}: {probe(path).text()}")
    return 0


if __name__ == "__main__":
    sys.exit(cli.guarded(main))
