"""The private list of which clip was made from which raw file. It lies beside the voice key, never with the clips.

It tells whom a pseudonym stands for, so only its owner may read it. Several runs may add to it at once.
"""

import contextlib
import dataclasses
import fcntl
import json
import os
from collections.abc import Iterable, Iterator
from pathlib import Path

from deemo_jax.core.errors import UserError
from deemo_jax.deid.keys import key_file
from deemo_jax.deid.manifest import recording_id

# The list's name is that of the key file with this ending.
SUFFIX = ".sources.jsonl"
# Bytes of a list, at most.
MAX_BYTES = 1 << 30


@dataclasses.dataclass(frozen=True, slots=True)
class Known:
    """A row of the list.

    Attributes:
        source: absolute path of the raw file.
        source_sha256: of the raw file.
        clip_id: of the clip that was made from it.
    """

    source: str
    source_sha256: str
    clip_id: str


class SourceMap:
    """The rows of a list, for look-ups.

    Args:
        path: of the list.
        rows: in the order in which they were added.
    """

    def __init__(self, path: Path, rows: Iterable[Known]) -> None:
        self.path, self._rows = path, tuple(rows)

    def find(self, name: str) -> dict[str, str]:
        """The raw files that a name stands for: SHA-256 -> path.

        A name is a path or the end of one, with or without its suffix. A path counts with the hash that the latest run
        recorded.
        """
        path = Path(name)
        with contextlib.suppress(RuntimeError):  # "~name" of a user who has no home folder
            path = path.expanduser()
        whole = str(path.absolute())
        for called in (str, lambda source: source.removesuffix(Path(source).suffix)):
            found = {
                digest: source
                for source, digest in _latest(self._rows).items()
                if called(source) == whole or called(source).endswith(f"/{name}")
            }
            if found:
                return found
        return {}

    def pseudonym(self, name: str) -> str | None:
        """The id of the recording that a name, as in `find`, stands for; None where it is none or several."""
        digests = self.find(name).keys() if name else ()
        ids = {recording_id(row.clip_id) for row in self._rows if row.source_sha256 in digests}
        return ids.pop() if len(digests) == 1 and len(ids) == 1 else None


def map_file(key: str | os.PathLike[str] | None) -> Path:
    """The path of the list that belongs to a key file; None stands for the default key file."""
    file = key_file(key)
    return file.with_name(file.name + SUFFIX)


def add(path: Path, known: Iterable[Known]) -> bool:
    """Adds rows that are not in the list; makes the list where it is absent.

    Returns:
        Whether the list was made.

    Raises:
        UserError: it cannot be written, or others may read it.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        new = not path.exists()
        with open(os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o600), "r+b", buffering=0) as handle:
            _refuse_open(path)
            fcntl.flock(handle, fcntl.LOCK_EX)
            before = list(_rows(handle.read()))
            there, latest = frozenset(before), _latest(before)
            fresh = [
                row
                for row in dict.fromkeys(known)
                if row not in there or latest[row.source] != row.source_sha256  # also of a file that was changed back
            ]
            lines = "".join(json.dumps(dataclasses.asdict(row)) + "\n" for row in fresh)
            if handle.tell() and (handle.seek(-1, os.SEEK_END), handle.read(1))[1] != b"\n":
                lines = "\n" + lines  # the last line was written in part only
            handle.write(lines.encode())
    except OSError as error:
        raise UserError(f"{path}: cannot be written ({error.strerror}); check its permissions") from error
    return new


def load(path: Path) -> SourceMap:
    """Reads a list.

    Raises:
        UserError: missing, too large, or others may read it.
    """
    _refuse_open(path)
    try:
        with open(path, "rb") as handle:
            data = handle.read(MAX_BYTES + 1)
    except OSError as error:
        raise UserError(f"{path}: cannot be read ({error.strerror}); deidentify writes it beside its key") from error
    if len(data) > MAX_BYTES:
        raise UserError(f"{path}: larger than {MAX_BYTES} bytes, which no such list should be")
    return SourceMap(path, _rows(data))


def _latest(rows: Iterable[Known]) -> dict[str, str]:
    """Path -> the latest SHA-256 that was recorded for it."""
    return {row.source: row.source_sha256 for row in rows}


def _rows(data: bytes) -> Iterator[Known]:
    """The rows of a file; lines that cannot be read, such as one that was written in part, are left out."""
    names = [field.name for field in dataclasses.fields(Known)]
    for line in data.splitlines():
        with contextlib.suppress(ValueError, RecursionError):
            row = json.loads(line)
            if isinstance(row, dict) and all(isinstance(row.get(name), str) for name in names):
                yield Known(*(row[name] for name in names))


def _refuse_open(path: Path) -> None:
    """Refuses a list that other users of the machine may read.

    Raises:
        UserError: they may.
    """
    with contextlib.suppress(FileNotFoundError):
        if os.name == "posix" and path.stat().st_mode & 0o077:
            raise UserError(f"{path}: others may read it, and it names files of people; run: chmod 600 {path}")
