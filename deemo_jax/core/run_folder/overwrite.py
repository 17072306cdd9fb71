"""What --overwrite removes of an earlier run. Where a check fails, nothing is removed.

Symbolic links stay, since a person chose where these files go. Files behind a link are removed only if nothing else
lies there than what a run writes.
"""

import os
import re
import shutil
from collections.abc import Iterable
from pathlib import Path

from deemo_jax.core.errors import UserError

# Folder of a run -> pattern of the paths that a run writes below it.
OWN = {
    "checkpoints": r"(\d+|\d+\.orbax-checkpoint-tmp[^/]*|set_aside)(/.*)?",
    "tensorboard": r"events\.out\.tfevents\.[^/]*",
    "trackers": r"idents\.json|(wandb|mlflow)(/.*)?",
    "profile": r"plugins(/.*)?",
    "stacks": r"process_\d+\.txt",
    "evaluation": r"(.*/)?\.lock|.*\.(jsonl?|md|png|html|csv)",
}


def check_links(folders: Iterable[Path], files: Iterable[Path]) -> None:
    """Checks that each link among the folders leads to a folder, and each among the files into one.

    Raises:
        UserError: one leads nowhere.
    """
    needed = [(path, path) for path in folders] + [(path, _end(path).parent) for path in files]
    for path, target in needed:
        if path.is_symlink() and (_end(path).is_symlink() or not target.is_dir()):
            raise UserError(
                f"{path}: is a link to {path.readlink()}, which leads nowhere; make that folder, or remove the link"
            )


def _end(path: Path) -> Path:
    """Where a path leads when all links are followed; a link where links form a circle."""
    return Path(os.path.realpath(path))


def check_clearable(workdir: Path, folders: Iterable[Path], files: Iterable[Path]) -> None:
    """Checks that folders and files, and what links among them lead to, may be removed.

    Raises:
        UserError: one is no folder or no file; or behind a link lie other files than a run's, or the workdir itself.
    """
    for file in files:
        if file.exists() and not file.is_file():
            raise UserError(f"{file}: is no file; remove it, or name another --workdir")
    for folder in folders:
        if folder.exists() and not folder.is_dir():
            raise UserError(f"{folder}: is no folder; remove it, or name another --workdir")
        if not folder.is_symlink():
            continue
        behind = folder.resolve()
        if workdir.resolve().is_relative_to(behind):
            raise UserError(f"{folder}: is a link to {behind}, where the run itself lies; remove the link")
        own, other = workdir / "config.json", behind.parent / "config.json"
        if other.exists() and not (own.exists() and own.samefile(other)):
            raise UserError(
                f"{folder}: is a link into another run ({behind.parent}), so --overwrite removes nothing; remove the "
                "link"
            )
        for path in behind.rglob("*"):
            inside = path.relative_to(behind).as_posix()
            if (path.is_symlink() or not path.is_dir()) and not re.fullmatch(OWN[folder.name], inside):
                raise UserError(
                    f"{folder}: is a link to {behind}, where {inside} is not a run's, so --overwrite removes nothing; "
                    "empty that folder yourself, or remove the link"
                )


def clear(folders: Iterable[Path], files: Iterable[Path]) -> None:
    """Removes folders and files; of a link, what it leads to.

    Raises:
        UserError: something cannot be removed.
    """
    try:
        for folder in folders:
            if folder.is_symlink():
                for path in folder.resolve().iterdir():
                    shutil.rmtree(path) if path.is_dir() and not path.is_symlink() else path.unlink()
            elif folder.exists():
                shutil.rmtree(folder)
        for file in files:
            file.resolve().unlink(missing_ok=True)
    except OSError as error:
        raise UserError(
            f"{error.filename}: cannot be removed ({error.strerror}), so the earlier run is there in part; remove it "
            "yourself, or name another --workdir"
        ) from error
