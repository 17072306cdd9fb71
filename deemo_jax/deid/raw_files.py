"""Finds the raw films that clips were made from, by the hashes in their manifests."""

from collections.abc import Iterable, Mapping
from pathlib import Path

from deemo_jax.core import files
from deemo_jax.core.errors import UserError
from deemo_jax.deid.find_films import VIDEO_SUFFIXES


def find_raw_files(folder: Path, wanted: Mapping[str, Iterable[str]]) -> dict[str, Path]:
    """Searches a folder and its sub-folders for the raw films of clips.

    Files that have the name of a clip are hashed first, so that seldom all files are.

    Args:
        folder: of raw films.
        wanted: SHA-256 of a film -> ids of the clips that were made from it.

    Returns:
        Clip id -> path of its film; clips whose film is not there are absent.

    Raises:
        UserError: there is no such folder.
    """
    if not folder.is_dir():
        raise UserError(f"{folder}: no such folder; name the raw clips with --source")
    missing = {digest: tuple(clip_ids) for digest, clip_ids in wanted.items()}
    names = {clip_id for clip_ids in missing.values() for clip_id in clip_ids}
    films = sorted(path for path in folder.rglob("*") if path.suffix.lower() in VIDEO_SUFFIXES) if missing else []
    found: dict[str, Path] = {}
    for path in sorted(films, key=lambda path: path.stem not in names):
        if not missing:
            break
        if path.is_file():
            found |= dict.fromkeys(missing.pop(files.sha256(path), ()), path)
    return found
