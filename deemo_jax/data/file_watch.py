"""Files that must stay as they are while they are read: one that is gone, cut or replaced is named, not read over."""

import threading
import time
from collections.abc import Mapping
from pathlib import Path

from deemo_jax.core.errors import UserError
from deemo_jax.core.files import sha256

EVERY_S = 5.0
"""Between two looks at files that read well: often enough to stop within seconds, rare enough for network disks."""

Signature = tuple[int, int, int]


class FileWatch:
    """Remembers size, time of change and identity of files; safe to ask from several threads.

    Args:
        files: path -> sha256 where it is known. A file that was touched or copied anew is the same while its hash is.
        every_s: seconds between two looks of `glance`.
    """

    def __init__(self, files: Mapping[Path, str | None], every_s: float = EVERY_S) -> None:
        self._files = dict(files)
        self._every_s = every_s
        self._lock = threading.Lock()
        self._seen = {path: _signature(path) for path in self._files}
        self._looked = time.monotonic()

    def glance(self) -> None:
        """`check`, unless the last look was only just now.

        Raises:
            UserError: see there.
        """
        if time.monotonic() - self._looked >= self._every_s:
            self.check()

    def check(self) -> None:
        """Whether all files are still what they were.

        Raises:
            UserError: naming the first that is not.
        """
        with self._lock:
            self._looked = time.monotonic()
            for path, before in self._seen.items():
                now = _signature(path)
                if now == before:
                    continue
                same = now[0] == before[0] and self._files[path] == sha256(path)
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
