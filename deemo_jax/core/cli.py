"""What all commands share: mistakes become one line and exit code 2."""

import argparse
import io
import os
import signal
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NoReturn

from deemo_jax.core.errors import UserError, plain
from deemo_jax.core.files import refuse_remote_words

EXIT_USAGE = 2
QUOTES = "\"'"
EXIT_INTERRUPTED = 130
EXIT_STOPPED = os.EX_TEMPFAIL if hasattr(os, "EX_TEMPFAIL") else 75  # saved; the same command with --resume goes on
EXIT_TERMINATED = 128 + signal.SIGTERM
EXIT_UNREAD = 128 + signal.SIGPIPE  # whoever read the output has gone; what was left to do was not done


class Parser(argparse.ArgumentParser):
    """An argument parser whose mistakes are one line, and not the usage of all flags before it."""

    def error(self, message: str) -> NoReturn:
        """Says what is wrong, and ends with exit code 2."""
        files = [word for word in sys.argv[1:] if word.startswith("-") and Path(word).exists()]
        mend = f"a file whose name begins with a dash is given as ./{files[0]}" if files else "--help lists the flags"
        print(f"error: {plain(' '.join(message.split()))} ({plain(mend)})", file=sys.stderr)
        sys.exit(EXIT_USAGE)


def guarded(main: Callable[[], int | None]) -> int:
    """Runs `main` and returns its exit code; a `UserError`, or a path that fails, is one line on stderr and 2.

    Ctrl-C is 130; 141 where nobody reads the output to its end, as before `head`.
    """
    if isinstance(sys.stdout, io.TextIOWrapper):  # names of files may be in no encoding at all
        sys.stdout.reconfigure(errors="backslashreplace")
    try:
        refuse_remote_words(sys.argv[1:])
        return main() or 0
    except UserError as error:
        print(f"error: {plain(' '.join(str(error).split()))}", file=sys.stderr)
        return EXIT_USAGE
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        return EXIT_INTERRUPTED
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return EXIT_UNREAD
    except OSError as error:
        if error.filename is None:
            raise
        print(f"error: {plain(str(error.filename))}: {error.strerror}; check path and permissions", file=sys.stderr)
        return EXIT_USAGE


def tidy_when_terminated() -> None:
    """Lets SIGTERM, which schedulers send, unwind like Ctrl-C, so that no temporary copy stays."""

    def unwind(*_: object) -> None:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)  # a second one must not disturb the tidying
        sys.exit(EXIT_TERMINATED)

    signal.signal(signal.SIGTERM, unwind)


def run(main: Callable[[Sequence[str]], int | None]) -> None:
    """`absl.app.run` for commands with `--config`: unknown flags, too, exit with 2 and no traceback."""
    from absl import app, flags, logging

    def parse(argv: Sequence[str]) -> list[str]:
        try:
            return list(flags.FLAGS(list(argv)))
        except (flags.Error, AttributeError, KeyError, TypeError, ValueError, OSError) as error:
            said = " ".join(str(error.args[0] if error.args else error).replace("\\n", " ").split())
            # ml_collections names a close key where there is one, and else gives the bare key.
            said = said if " " in said else f"the config has no key {said.strip(QUOTES)}"
            print(f"error: {said} (--help lists the flags)", file=sys.stderr)
            sys.exit(EXIT_USAGE)

    def quietly(argv: Sequence[str]) -> None:
        logging.set_verbosity(logging.WARNING)  # of the libraries; our own progress goes to stderr
        sys.exit(guarded(lambda: main(argv)))

    app.run(quietly, flags_parser=parse)
