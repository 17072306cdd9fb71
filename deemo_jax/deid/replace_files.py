"""Replaces the files of a clip all together, or none of them.

New files are written into a folder of their own, `.NAME.????????.draft`. When all are written it is renamed to
`.NAME.whole`; then its files are moved over the old ones, the manifest last. What fails before the renaming leaves the
old files as they were. Where a run is killed after it, the next run moves the rest; until then the manifest's hashes do
not match, so that the mixture of old and new files is not taken for a clip.
"""

import contextlib
import fcntl
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

from deemo_jax.core.errors import UserError
from deemo_jax.deid import manifest

# Endings of the names of a clip's folder of new files and of its lock.
DRAFT, LOCK = ".draft", ".lock"


@contextlib.contextmanager
def alone(folder: Path, clip_id: str) -> Iterator[None]:
    """Within this context no other process works on the clip; waits until that is so.

    Two sources may be copies of one film, and so one clip. The kernel holds the lock and frees it when its process
    ends. Where the file system has no locks, nobody waits.

    Raises:
        UserError: the folder cannot be written.
    """
    path = folder / f".{clip_id}{LOCK}"
    while True:
        try:
            folder.mkdir(parents=True, exist_ok=True)
            handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o666)
        except OSError as error:
            raise UserError(f"{path}: cannot be written ({error.strerror}); check space and permissions") from error
        try:
            with contextlib.suppress(OSError):
                fcntl.flock(handle, fcntl.LOCK_EX)
            if _is_at(path, handle):
                try:
                    yield
                finally:
                    path.unlink(missing_ok=True)
                return
        finally:
            os.close(handle)


def _is_at(path: Path, handle: int) -> bool:
    """Whether an open file is still the one at `path`: the process that held the lock before removes it."""
    try:
        return os.path.samestat(os.fstat(handle), path.lstat())
    except FileNotFoundError:
        return False


@contextlib.contextmanager
def replacing(folder: Path, clip_id: str) -> Iterator[Path]:
    """Yields an empty folder for all files of a clip; on success they replace those that `folder` has of the clip.

    Raises:
        UserError: the folder cannot be written.
    """
    draft: Path | None = None
    try:
        folder.mkdir(parents=True, exist_ok=True)
        settle(folder, clip_id)
        draft = Path(tempfile.mkdtemp(dir=folder, prefix=f".{clip_id}.", suffix=DRAFT))
        yield draft
        # An earlier preview shows earlier masks. An empty file, unless a new preview is there, has `settle` remove it.
        (draft / manifest.preview_name(clip_id)).touch()
        draft.rename(manifest.whole(folder, clip_id))
        settle(folder, clip_id)
    except OSError as error:
        raise UserError(
            f"{folder}: cannot be written ({error.strerror or error}); check space and permissions"
        ) from error
    finally:
        if draft is not None:
            shutil.rmtree(draft, ignore_errors=True)


def settle(folder: Path, clip_id: str) -> None:
    """Finishes a replacement that another process began and did not finish, if there is one."""
    whole = manifest.whole(folder, clip_id)
    if not whole.is_dir() or whole.is_symlink():
        return
    preview = folder / manifest.preview_name(clip_id)
    for name in (preview.name, *manifest.file_names(clip_id)):  # the manifest last
        if (whole / name).exists():
            (whole / name).replace(folder / name)
    if preview.exists() and not preview.stat().st_size:
        preview.unlink()
    shutil.rmtree(whole)


def discard(folder: Path, clip_id: str) -> None:
    """Removes the drafts of a clip that killed processes left.

    Raises:
        UserError: one cannot be removed.
    """
    for draft in folder.glob(f".{clip_id}.{'?' * 8}{DRAFT}"):
        try:
            draft.unlink() if draft.is_symlink() else shutil.rmtree(draft)
        except OSError as error:
            raise UserError(f"{draft}: cannot be removed ({error.strerror})") from error
