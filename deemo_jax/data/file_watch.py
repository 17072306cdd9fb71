"""Notices files that are removed, truncated or replaced while they are being read."""

import threading
import time
from collections.abc import Mapping
from pathlib import Path

from deemo_jax.core.errors import UserError
from deemo_jax.core.files import sha256

# Seconds between two checks of files that can be read: few enough to notice a change soon, many enough for network
# disks.
EVERY_S = 5.0

# Size in bytes, time of the last change in nanoseconds, and number of the inode.
Signature = tuple[int, int, int]


class FileWatch:
    """Remembers size, time of change and identity of files; may be called from several threads.

    Args:
        files: path -> SHA-256, or None where it is not known. A file with another time or identity counts as unchanged
            where its hash is the same.
        every_s: the least seconds between two checks by `glance`.

    Attributes:
        files: as given.
    """

    def __init__(self, files: Mapping[Path, str | None], every_s: float = EVERY_S) -> None:
        self.files = dict(files)
        self._every_s = every_s
        self._lock = threading.Lock()
        self._seen = {path: _signature(path) for path in self.files}
        self._looked = time.monotonic()

    def glance(self) -> None:
        """Calls `check`, unless the last check was less than `every_s` ago.

        Raises:
            UserError: see `check`.
        """
        if time.monotonic() - self._looked >= self._every_s:
            self.check()

    def check(self) -> None:
        """Checks that all files are what they were.

        Raises:
            UserError: a file is not; it names the file.
        """
        with self._lock:
            self._looked = time.monotonic()
            for path, before in self._seen.items():
                now = _signature(path)
                if now == before:
                    continue
                same = now[0] == before[0] and self.files[path] == sha256(path)
                if not same:
                    how = f"has {now[0]} bytes instead of {before[0]}" if now[0] != before[0] else "was replaced"
                    raise UserError(f"{path}: {how} since reading began; {MEND}")
                self._seen[path] = now


MEND = "put the file back as it was, then go on from the last checkpoint with --resume"


def _signature(path: Path) -> Signature:
    try:
        found = path.stat()
    except OSError as error:
        raise UserError(f"{path}: cannot be read any more ({error.strerror}); {MEND}") from error
    return found.st_size, found.st_mtime_ns, found.st_ino
