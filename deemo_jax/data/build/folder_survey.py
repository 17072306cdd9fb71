"""Lists the files of a folder that was de-identified elsewhere: those of each clip, in order, and those of no use.

`deemo_jax.core.formats.ATTESTATION` describes the layout; `notes` names the files that are not used.
"""

import dataclasses
import os
import re
from collections.abc import Iterable, Sequence
from pathlib import Path, PurePosixPath
from typing import NoReturn

from deemo_jax.core.errors import UserError
from deemo_jax.deid import find_films
from deemo_jax.deid.find_films import SYSTEM_FILES, VIDEO_SUFFIXES

PICTURE_SUFFIXES = frozenset({".jpg", ".jpeg", ".png"})
SOUND_SUFFIXES = frozenset({".wav", ".npy"})
# The most folders within each other that are looked into.
MAX_DEPTH = 16
# The most files that a note names.
NAMED = 5


@dataclasses.dataclass(frozen=True)
class Survey:
    """The files of a folder, as paths relative to it.

    Attributes:
        media: clip id -> its frames, sounds and films.
        system: files that operating systems leave in folders, which are ignored.
        other: all other files, which are not used.
    """

    media: dict[str, list[str]]
    system: tuple[str, ...]
    other: tuple[str, ...]


def survey(folder: Path) -> Survey:
    """Lists all files of a folder; links to folders are not followed.

    Raises:
        UserError: a name is not UTF-8, which JSON cannot hold, or a folder cannot be read.
    """
    media: dict[str, list[str]] = {}
    system: list[str] = []
    other: list[str] = []
    for place, folders, files in os.walk(folder, onerror=_refuse):
        links = [name for name in folders if Path(place, name).is_symlink()]
        for path in (Path(place, name) for name in (*files, *links)):
            name = path.relative_to(folder).as_posix()
            if is_of_the_system(name):
                system.append(name)
            elif (clip_id := clip_of(name)) is not None and path.is_file():
                if not name.isprintable() and name.encode(errors="replace").decode() != name:
                    raise UserError(f"{folder}: the name of the file {name!r} is not UTF-8; rename it")
                media.setdefault(clip_id, []).append(name)
            else:
                other.append(name)
    return Survey(
        {clip_id: sorted(media[clip_id], key=natural) for clip_id in sorted(media)},
        tuple(sorted(system, key=natural)),
        tuple(sorted(other, key=natural)),
    )


def _refuse(error: OSError) -> NoReturn:
    raise UserError(f"{error.filename}: cannot be read ({error.strerror}); check its permissions") from error


def clip_of(name: str) -> str | None:
    """The id of the clip that a relative path belongs to; None where it is no picture, sound or film of a clip."""
    path = PurePosixPath(name)
    if not (is_picture(name) or is_sound(name) or is_film(name)) or len(path.parts) > MAX_DEPTH:
        return None
    if len(path.parts) > 1:
        return path.parts[0]
    return None if is_picture(name) else path.stem


def is_picture(name: str) -> bool:
    return PurePosixPath(name).suffix.lower() in PICTURE_SUFFIXES


def is_sound(name: str) -> bool:
    return PurePosixPath(name).suffix.lower() in SOUND_SUFFIXES


def is_film(name: str) -> bool:
    return PurePosixPath(name).suffix.lower() in VIDEO_SUFFIXES


def natural(name: str) -> tuple[object, ...]:
    """A key that sorts names by the values of numbers in them and the letters of the rest: 'a2' comes before 'a10'."""
    text, *rest = re.split("([0-9]+)", name.casefold())
    key: list[object] = [text]
    for digits, letters in zip(rest[::2], rest[1::2], strict=True):
        value = digits.lstrip("0")
        key += [(len(value), value), letters]
    return (*key, name)


def notes(found: Survey, known: Iterable[Path] = (), folder: Path | None = None) -> list[str]:
    """Notes, a line each, on files that are ignored or not used.

    Args:
        found: the files.
        known: files with another use, which are not mentioned.
        folder: that was listed.
    """
    used = {path.resolve() for path in known}
    other = [name for name in found.other if folder is None or (folder / name).resolve() not in used]
    lines = []
    if found.system:
        lines.append(f"ignored, as the system's own ({', '.join(SYSTEM_FILES)}): {listed(found.system)}")
    if other:
        lines.append(f"not taken, as neither frame, sound nor film of a clip: {listed(other)}")
    return lines


def listed(names: Sequence[str]) -> str:
    """The number of names, and the first of them: "2 ('a.txt', 'b.txt')"."""
    more = f" and {len(names) - NAMED} more" if len(names) > NAMED else ""
    return f"{len(names)} ({', '.join(map(repr, names[:NAMED]))}{more})"


def is_of_the_system(name: str) -> bool:
    """Whether a path is one of `SYSTEM_FILES`, or lies in a folder that is."""
    return any(map(find_films.is_of_the_system, PurePosixPath(name).parts))
