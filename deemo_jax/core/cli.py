"""What all commands share: how flags are parsed, how mistakes are told, and exit codes."""

import argparse
import atexit
import contextlib
import io
import math
import os
import re
import signal
import sys
import traceback
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NoReturn

from deemo_jax.core.device_errors import device_trouble
from deemo_jax.core.errors import UserError, plain
from deemo_jax.core.files import refuse_remote_words

# Exit codes: of a mistake that a person can mend; of Ctrl-C; of SIGTERM; and of an output whose reader has gone, as in
# `... | head`, so that the rest was not done.
EXIT_USAGE = 2
EXIT_INTERRUPTED = 130
EXIT_TERMINATED = 128 + signal.SIGTERM
EXIT_UNREAD = 128 + signal.SIGPIPE
# Of a training run that was asked to stop and saved a checkpoint: the same command with --resume goes on.
EXIT_STOPPED = os.EX_TEMPFAIL if hasattr(os, "EX_TEMPFAIL") else 75
# The flag whose value is the address of a server, and no path.
ADDRESS_FLAG = "base_url"
# In the paths of files that are not the user's.
LIBRARIES = "site-packages"


class Parser(argparse.ArgumentParser):
    """An argument parser that tells a mistake in one line, without the usage of all flags before it."""

    def error(self, message: str) -> NoReturn:
        """Says what is wrong, and ends with exit code 2."""
        files = [word for word in sys.argv[1:] if word.startswith("-") and Path(word).exists()]
        mend = f"a file whose name begins with a dash is given as ./{files[0]}" if files else "--help lists the flags"
        print(f"error: {plain(' '.join(message.split()))} ({plain(mend)})", file=sys.stderr)
        sys.exit(EXIT_USAGE)


def guarded(main: Callable[[], int | None]) -> int:
    """Runs `main` and returns its exit code.

    A `UserError`, a path that cannot be read or written, and a device that is missing or full become one line on stderr
    and exit code 2; Ctrl-C becomes 130, and an output that nobody reads to its end 141. Any other exception is a bug
    and is raised.
    """
    if isinstance(sys.stdout, io.TextIOWrapper):  # a file name may hold bytes that the terminal's encoding lacks
        sys.stdout.reconfigure(errors="backslashreplace")
    try:
        refuse_remote_words(_paths(sys.argv[1:]))
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
    except (RuntimeError, AssertionError) as error:
        if not (trouble := device_trouble(error)):
            raise
        print(f"error: {plain(trouble)}", file=sys.stderr)
        return EXIT_USAGE


def leave(code: int) -> NoReturn:
    """Ends the process with an exit code.

    After a signal threads of libraries may still compile or read, and Python's usual end would wait for them, or crash
    in them: what was registered for the end (`atexit`) is done, and the threads are left.
    """
    if code in (EXIT_INTERRUPTED, EXIT_STOPPED):
        atexit._run_exitfuncs()
        for stream in (sys.stdout, sys.stderr):
            with contextlib.suppress(OSError, ValueError):
                stream.flush()
        os._exit(code)
    sys.exit(code)


def _paths(words: Sequence[str]) -> list[str]:
    """The words of a command line without the address of a server."""
    return [
        word
        for before, word in zip(["", *words], words, strict=False)
        if before.lstrip("-") != ADDRESS_FLAG and not word.lstrip("-").startswith(f"{ADDRESS_FLAG}=")
    ]


def finite(*names: str) -> None:
    """Has absl's float flags refuse NaN, which is within all bounds, and infinity."""
    from absl import flags

    for name in names:
        flags.register_validator(name, lambda value: value is None or math.isfinite(value), "give a number")


def recipe_trouble(error: Exception) -> str:
    """What a recipe's file did wrong, and in which line, as one line."""
    if isinstance(error, SyntaxError):
        where, line = error.filename or "the recipe", error.lineno
    else:
        frames = traceback.extract_tb(error.__traceback__)
        frame = next((one for one in reversed(frames) if LIBRARIES not in one.filename), frames[-1])
        where, line = frame.filename, frame.lineno
    return plain(f"{where}, line {line}: {type(error).__name__}: {error}; mend the recipe")


def _without_traceback(said: str) -> str:
    """A message in which ml_collections quotes the traceback of a recipe's file: what went wrong, and in which line."""
    before, quoted, after = said.partition("Traceback (most recent call last):")
    if not quoted:
        return said
    frames = list(re.finditer(r'^  File "(.*)", line (\d+)', after, re.MULTILINE))
    place = next((one for one in reversed(frames) if LIBRARIES not in one[1]), frames[-1])
    what = re.split(r"\n(?=\S)", after[frames[-1].end() :], maxsplit=1)[-1]  # frames are indented
    return f"{before}{place[1]}, line {place[2]}: {what}"


def tidy_when_terminated() -> None:
    """Lets SIGTERM, which schedulers send, end the process as Ctrl-C does, so that temporary files are removed."""

    def unwind(*_: object) -> None:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)  # a second one must not interrupt the removal
        sys.exit(EXIT_TERMINATED)

    signal.signal(signal.SIGTERM, unwind)


def run(main: Callable[[], int | None]) -> None:
    """`absl.app.run` for commands that have flags only: what is none of them, too, exits with 2 and no traceback."""

    def alone(words: Sequence[str]) -> int | None:
        refuse_words(words)
        return main()

    run_with_words(alone, between_flags=False)


def refuse_words(words: Sequence[str]) -> None:
    """Refuses what is no flag.

    Raises:
        UserError: there is a word.
    """
    if words:
        raise UserError(f"{words[0]!r} is no flag; --help lists the flags")


def run_with_words(main: Callable[[Sequence[str]], int | None], *, between_flags: bool = True) -> None:
    """`absl.app.run` for commands that take words beside flags, such as names of files; mistakes exit with 2.

    Args:
        main: gets the words.
        between_flags: whether flags may follow words; otherwise the first word ends the flags.
    """
    from absl import app, flags, logging

    def parse(argv: Sequence[str]) -> list[str]:
        flags.FLAGS.set_gnu_getopt(between_flags)
        try:
            return list(flags.FLAGS(list(argv)))
        except SystemExit:  # --help, after which absl gives 1
            sys.exit(0)
        except (flags.Error, AttributeError, KeyError, TypeError, ValueError, OSError) as error:
            if any(frame.name == "get_config" for frame in traceback.extract_tb(error.__traceback__)):
                print(f"error: {recipe_trouble(error)}", file=sys.stderr)
                sys.exit(EXIT_USAGE)
            said = _without_traceback(str(error.args[0] if error.args else error))
            said = " ".join(said.replace("\\n", " ").split())
            print(f"error: {said} (--help lists the flags)", file=sys.stderr)
            sys.exit(EXIT_USAGE)
        except Exception as error:  # of a recipe, which is a program of the user's
            print(f"error: {recipe_trouble(error)}", file=sys.stderr)
            sys.exit(EXIT_USAGE)

    def quietly(argv: Sequence[str]) -> None:
        logging.set_verbosity(logging.WARNING)  # of libraries; the project's own progress is printed to stderr
        leave(guarded(lambda: main(argv[1:])))

    app.run(quietly, flags_parser=parse)
