"""The lock that lets one process at a time work in a folder. The kernel holds it and frees it when the process ends."""

import errno
import fcntl
import json
import os
import socket
import time
from pathlib import Path
from types import TracebackType

from deemo_jax.core.errors import UserError
from deemo_jax.core.files import read_json

# Error numbers of file systems that have no locks.
UNSUPPORTED = {errno.ENOLCK, errno.ENOSYS, errno.ENOTSUP, errno.EOPNOTSUPP, errno.EINVAL, errno.EBADF}


class InUseError(UserError):
    """Another process holds a lock."""


class Lock:
    """A lock, held from `take` to the end of the `with` statement, or of the process.

    Args:
        path: of the file that is locked; it names the holder.
        instead: what a person can do while another process holds the lock, for the message.
        folder: what the lock is for, for the message; None for the folder of `path`.
        stays: whether the file stays when the lock is given back.

    Attributes:
        held: whether this object holds the lock.
        note: a warning where `take` succeeded without a lock, since the file system has none; else empty.
    """

    def __init__(
        self, path: Path, instead: str = "name another --workdir", folder: Path | None = None, *, stays: bool = True
    ) -> None:
        self._path, self._instead, self._folder, self._stays = path, instead, folder or path.parent, stays
        self._handle: int | None = None
        self.note = ""

    @property
    def held(self) -> bool:
        """Whether this object holds the lock."""
        return self._handle is not None

    def take(self) -> None:
        """Takes the lock, unless it is held already.

        Raises:
            InUseError: another process holds it.
            UserError: the file cannot be written.
        """
        while not (self.held or self.note):
            self._try()

    def _try(self) -> None:
        try:
            handle = os.open(self._path, os.O_RDWR | os.O_CREAT, 0o666)
        except OSError as error:
            raise UserError(
                f"{self._path}: cannot be written ({error.strerror}); check space and permissions"
            ) from error
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            os.close(handle)
            if error.errno in UNSUPPORTED:
                self.note = f"{self._folder}: this file system knows no locks; see that no second run is begun here"
                return
            raise InUseError(
                f"{self._folder}: is in use by another run{self._holder()}; wait for it, or {self._instead}"
            ) from error
        # Who held it before may have removed the file meanwhile: then this lock is on nothing.
        if not self._stays and not self._is(handle):
            os.close(handle)
            return
        self._handle = handle
        self._sign(handle)

    def __enter__(self) -> "Lock":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if not self._stays and (self.held or self.note):
            self._path.unlink(missing_ok=True)
        if self._handle is not None:
            os.close(self._handle)
            self._handle = None

    def _is(self, handle: int) -> bool:
        """Whether an open file is the one that has the path."""
        try:
            return os.path.samestat(self._path.stat(), os.fstat(handle))
        except FileNotFoundError:
            return False

    def _sign(self, handle: int) -> None:
        """Writes host, process and time into the file, for messages of others; where the disk is full, nothing."""
        facts = {"host": socket.gethostname(), "pid": os.getpid(), "since": time.strftime("%Y-%m-%d %H:%M:%S")}
        try:
            os.ftruncate(handle, 0)
            os.write(handle, json.dumps(facts).encode() + b"\n")
        except OSError:
            pass

    def _holder(self) -> str:
        try:
            facts = read_json(self._path)
            return f" (process {int(facts['pid'])} on {str(facts['host'])[:64]!r} since {str(facts['since'])[:32]})"
        except (ValueError, KeyError, TypeError, OverflowError):
            return ""
