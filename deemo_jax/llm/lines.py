"""Files of JSON lines that are only added to, of which a process may have been killed while it wrote the last line."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from deemo_jax.core.errors import UserError
from deemo_jax.core.files import append_line

# Bytes of a line, at most; a reply has at most 100,000 characters, each up to six bytes in JSON.
MAX_LINE = 2 << 20


def read_lines(path: Path, take: Callable[[Any], None]) -> None:
    """Hands each line of a file to `take`, as JSON. A last line that was written in part is removed.

    Args:
        path: may be missing.
        take: raises ValueError, TypeError, KeyError or OverflowError for what is none of its lines.

    Raises:
        UserError: the file cannot be read or written, or a line of it is damaged.
    """
    if not path.exists():
        return
    try:
        with open(path, "r+b") as handle:
            whole = number = 0
            while line := handle.readline(MAX_LINE + 1):
                number += 1
                if not line.endswith(b"\n") and len(line) <= MAX_LINE:
                    handle.truncate(whole)
                    return
                whole += len(line)
                try:
                    take(json.loads(line) if len(line) <= MAX_LINE else None)
                except (ValueError, TypeError, KeyError, RecursionError, OverflowError):
                    raise UserError(
                        f"{path}:{number}: is no line of kept answers; remove the line to ask for it again, or name"
                        " another file"
                    ) from None
    except OSError as error:
        raise UserError(f"{path}: cannot be read or written ({error.strerror})") from error


def add_line(path: Path, line: dict[str, Any]) -> None:
    """Adds a line, which is on the disk when this returns.

    Raises:
        UserError: it cannot be written.
    """
    try:
        append_line(path, json.dumps(line), synced=True)
    except OSError as error:
        raise UserError(
            f"{path}: cannot be written ({error.strerror}); what is answered is kept: mend space and permissions, and"
            " give the same command again"
        ) from error
