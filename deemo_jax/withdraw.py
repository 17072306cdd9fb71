"""`python -m deemo_jax.withdraw PERSON --in FOLDER...` lists what is there of a person; --remove takes it out."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from deemo_jax.core import cli


def parser() -> argparse.ArgumentParser:
    """The command line."""
    parser = cli.Parser(
        prog="python -m deemo_jax.withdraw",
        description=__doc__,
        epilog="Exit code 0: listed, or removed, or withdrawn before; 2: nobody is named, nothing of them is there, or"
        " something is damaged, read-only or in use, and nothing was changed. Docs: docs/withdraw.md.",
    )
    parser.add_argument("person", nargs="?", default="", metavar="PERSON", help="the person_id of annotations")
    parser.add_argument(
        "--in",
        dest="roots",
        nargs="+",
        type=Path,
        default=[Path()],
        metavar="FOLDER",
        help="folders that hold clips, datasets, runs and results; those below are looked through (default: this one)",
    )
    parser.add_argument(
        "--clips", nargs="+", default=[], metavar="ID", help="clips or recordings of theirs, by their ids"
    )
    parser.add_argument(
        "--source",
        nargs="+",
        default=[],
        metavar="FILE",
        help="raw recordings of theirs; one that is gone is looked up in the private list beside the key",
    )
    parser.add_argument(
        "--key_file", type=Path, metavar="FILE", help="of deidentify, for --source (default: its default, if there)"
    )
    parser.add_argument(
        "--annotations",
        nargs="+",
        type=Path,
        default=[],
        metavar="FILE",
        help="annotations outside of --in, which tell whose clips are whose",
    )
    parser.add_argument("--remove", action="store_true", help="remove it; without this flag nothing is changed")
    return parser


def withdraw(argv: Sequence[str] | None = None) -> None:
    """Does what the flags say.

    Raises:
        UserError: see `deemo_jax.withdrawal.withdraw`.
    """
    args = parser().parse_args(argv)
    from deemo_jax.withdrawal.withdraw import WithdrawalRequest, withdraw

    print(
        withdraw(
            WithdrawalRequest(
                person_id=args.person,
                clips=args.clips,
                sources=args.source,
                key_file=args.key_file,
                annotations=args.annotations,
                roots=args.roots,
                remove=args.remove,
            )
        )
    )


def main(argv: Sequence[str] | None = None) -> int:
    """Exit code 0, or 2 with one line on stderr."""
    cli.tidy_when_terminated()
    return cli.guarded(lambda: withdraw(argv))


if __name__ == "__main__":
    sys.exit(main())
