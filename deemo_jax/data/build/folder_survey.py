"""What lies in a folder that was de-identified elsewhere: what is taken of each clip, in which order, and what is not.

The layout is told by `deemo_jax.core.formats.ATTESTATION`. Nothing is passed over in silence: `notes` names the rest.
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
MAX_DEPTH = 16
NAMED = 5


@dataclasses.dataclass(frozen=True)
class Survey:
    """The files of a folder, as paths relative to it.

    Attributes:
        media: frames, sounds and films, by the clip that they belong to.
        system: files of the system's own, which are ignored.
        other: whatever else is there, and is not taken.
    """

    media: dict[str, list[str]]
    system: tuple[str, ...]
    other: tuple[str, ...]


def survey(folder: Path) -> Survey:
    """Looks at all files of a folder; links to folders are not followed.

    Raises:
        UserError: a name that is not UTF-8, which no attestation can hold; or a folder that cannot be read.
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
    """The clip that a relative path belongs to; None for what is no picture, sound or film of a clip."""
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
    """A key that sorts names as people count: numbers within them by their value, the rest by its letters."""
    text, *rest = re.split("([0-9]+)", name.casefold())
    key: list[object] = [text]
    for digits, letters in zip(rest[::2], rest[1::2], strict=True):
        value = digits.lstrip("0")
        key += [(len(value), value), letters]
    return (*key, name)


def notes(found: Survey, known: Iterable[Path] = (), folder: Path | None = None) -> list[str]:
    """A line each about what is ignored and what is not taken; `known` files have another use."""
    used = {path.resolve() for path in known}
    other = [name for name in found.other if folder is None or (folder / name).resolve() not in used]
    lines = []
    if found.system:
        lines.append(f"ignored, as the system's own ({', '.join(SYSTEM_FILES)}): {listed(found.system)}")
    if other:
        lines.append(f"not taken, as neither frame, sound nor film of a clip: {listed(other)}")
    return lines


def listed(names: Sequence[str]) -> str:
    """How many names, and the first of them."""
    more = f" and {len(names) - NAMED} more" if len(names) > NAMED else ""
    return f"{len(names)} ({', '.join(map(repr, names[:NAMED]))}{more})"


def is_of_the_system(name: str) -> bool:
    """Whether a path is one of `SYSTEM_FILES`, or lies in a folder that is."""
    return any(map(find_films.is_of_the_system, PurePosixPath(name).parts))
