"""Finds the films that are to be de-identified: files that a person names, and films in folders that they name."""

import dataclasses
import fnmatch
import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from deemo_jax.core.errors import UserError, plain
from deemo_jax.deid.manifest import PREVIEW, SUFFIX

# File endings of films: of containers that libav reads, without those of sounds, pictures and playlists.
VIDEO_SUFFIXES = frozenset(
    f".{name}"
    for names in (
        "3g2 3gp 3gp2 3gpp amv asf avi dav divx dv dvr-ms f4v flv gxf h261 h263 h264 264 h265 265 hevc insv",
        "ismv ivf m1v m2p m2t m2ts m2v m4v mj2 mjpeg mjpg mk3d mkv mod mov mp2v mp4 mp4v mpe mpeg mpg mpv mqv",
        "mts mxf nsv nut ogm ogv ogx qt rm rmvb tod tp trp ts vob vro webm wm wmv wtv y4m",
    )
    for name in names.split()
)
# Patterns of names of files and folders that operating systems put into folders; they are no data.
SYSTEM_FILES = (
    "._*",
    ".DS_Store",
    ".Spotlight-V100",
    ".Trash*",
    ".fseventsd",
    "Thumbs.db",
    "desktop.ini",
    "$RECYCLE.BIN",
    "System Volume Information",
    "__MACOSX",
)
# So many names are printed of a longer list.
NAMED = 5

# Why a file or folder is not taken, in words.
SUB_FOLDER = "in a sub-folder, which --recursive would look into"
NO_FILM = "not a film, by the end of its name; name it to have it read all the same"
HIDDEN = "hidden, by a dot before its name"
LEADS_OUT = "a link that leads out of the folder, or nowhere"
NO_FILE = "a pipe, a device or the like"
DONE = "de-identified already: a manifest lies beside it"
SHOWN = "the preview of a clip that was de-identified"
RESULTS = "the folder of the results"
LOCKED = "cannot be read"


@dataclasses.dataclass(frozen=True, slots=True)
class Sources:
    """The films that were found, and what was left out.

    Attributes:
        films: files to read, each once, in order.
        left_out: why something was not taken, in words -> the files and folders.
    """

    films: tuple[Path, ...]
    left_out: Mapping[str, tuple[Path, ...]]

    def notes(self) -> list[str]:
        """A line for each reason: how many were left out, and the first of them."""
        return [f"left out: {listed(paths)}: {why}" for why, paths in self.left_out.items()]


def find_sources(paths: Iterable[str | Path]) -> list[Path]:
    """The films of `look_for`, without those in sub-folders.

    Raises:
        UserError: a folder without any film.
    """
    return list(look_for(paths).films)


def look_for(
    paths: Iterable[str | Path], recursive: bool = False, results: Path | None = None, copies: bool = False
) -> Sources:
    """Finds films: the files among `paths`, whatever their names, and the films in the folders among them, sorted.

    Files of the operating system are ignored; everything else that is not taken is listed. Links to folders are not
    followed, links to files only where they stay within the folder.

    Args:
        paths: files and folders.
        recursive: whether sub-folders are searched, to any depth.
        results: a folder that is not searched.
        copies: whether de-identified clips, which lie beside their manifests, are taken too.

    Raises:
        UserError: a folder without any film.
    """
    films: list[Path] = []
    left_out: dict[str, list[Path]] = {}
    for path in map(Path, paths):
        if not path.is_dir():
            films.append(path)
            continue
        count, inside = len(films), list(_inside(path, recursive, results, copies))
        for found, why in inside:
            if why is None:
                films.append(found)
            else:
                left_out.setdefault(why, []).append(found)
        if len(films) == count:
            here: dict[str, list[Path]] = {}
            for found, why in inside:
                here.setdefault(why or "", []).append(found)
            why_not = "; ".join(f"{listed(of)}: {why}" for why, of in here.items())
            raise UserError(f"{path}: holds no video{f' ({why_not})' * bool(why_not)}")
    return Sources(_once(films), {why: tuple(found) for why, found in left_out.items()})


def _inside(folder: Path, recursive: bool, results: Path | None, copies: bool) -> Iterator[tuple[Path, str | None]]:
    """Files and folders in a folder, each with why it is not taken; None for films that are."""
    home, target = folder.resolve(), results.resolve() if results is not None else None
    locked: list[OSError] = []
    for place, folders, names in os.walk(folder, onerror=locked.append):
        kept = []
        for name in sorted(folders):
            path = Path(place, name)
            if is_of_the_system(name):
                continue
            if why := _or_locked(_folder_out, path, recursive, target):
                yield path, why
            else:
                kept.append(name)
        folders[:] = kept
        for name in sorted(names):
            if not is_of_the_system(name):
                path = Path(place, name)
                yield path, _or_locked(_file_out, path, home, set(names), copies)
    for error in locked:
        yield Path(error.filename), LOCKED


def _or_locked(ask: Callable[..., str | None], *about: Any) -> str | None:
    """The answer of `ask`; `LOCKED` where the operating system refuses, as in a folder that may only be listed."""
    try:
        return ask(*about)
    except OSError:
        return LOCKED


def _folder_out(path: Path, recursive: bool, target: Path | None) -> str | None:
    """Why a folder is not searched; None where it is."""
    if target is not None and path.resolve() == target:
        return RESULTS
    if path.is_symlink():
        return LEADS_OUT
    if path.name.startswith("."):
        return HIDDEN
    return None if recursive else SUB_FOLDER


def _file_out(path: Path, home: Path, beside: set[str], copies: bool) -> str | None:
    """Why a file is not taken; None where it is. `beside` are the names in its folder."""
    if path.name.startswith("."):
        return HIDDEN
    if path.suffix.lower() not in VIDEO_SUFFIXES:
        return NO_FILM
    if path.is_symlink() and not (path.is_file() and path.resolve().is_relative_to(home)):
        return LEADS_OUT
    if not path.is_file():
        return NO_FILE
    if path.name.endswith(PREVIEW) and f"{path.name.removesuffix(PREVIEW)}{SUFFIX}" in beside:
        return SHOWN
    return DONE if not copies and f"{path.stem}{SUFFIX}" in beside else None


def is_of_the_system(name: str) -> bool:
    """Whether the name of a file or folder is one of `SYSTEM_FILES`."""
    return any(fnmatch.fnmatchcase(name, kind) for kind in SYSTEM_FILES)


def _once(films: Iterable[Path]) -> tuple[Path, ...]:
    """Each file once, under the first of its names."""
    found: dict[Path, Path] = {}
    for film in films:
        found.setdefault(film.resolve(), film)
    return tuple(found.values())


def listed(paths: Sequence[Path]) -> str:
    """How many paths there are, and the names of the first: "7 (a.mp4, b.mp4, ... and 2 more)"."""
    more = f" and {len(paths) - NAMED} more" if len(paths) > NAMED else ""
    return f"{len(paths)} ({', '.join(plain(path.name) for path in paths[:NAMED])}{more})"
