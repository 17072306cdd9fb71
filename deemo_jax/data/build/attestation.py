"""The privacy gate for data that was de-identified elsewhere: its holder attests how.

The folder holds the files of every clip under its clip id (`deemo_jax.core.formats.ATTESTATION`). The attestation says
who de-identified the data, by what method and when, and gives the hash of every file.
"""

import dataclasses
import datetime
import re
from collections.abc import Iterable, Mapping
from pathlib import Path, PurePosixPath

from deemo_jax.core.errors import UserError
from deemo_jax.core.files import read_json, sha256, write_json
from deemo_jax.core.schema import ABSENT, Clip, Provenance, is_whole
from deemo_jax.data.build.annotations import require, transcript_provenance
from deemo_jax.data.build.folder_survey import (
    MAX_DEPTH,
    clip_of,
    is_film,
    is_of_the_system,
    is_picture,
    is_sound,
    listed,
    natural,
    notes,
    survey,
)
from deemo_jax.data.build.records import Admitted

# Of the file's form.
VERSION = 1
FILE_NAME = "attestation.json"
# The most files of an attestation, and the most characters of each of its statements.
MAX_FILES = 5_000_000
MAX_STATEMENT = 2_000


@dataclasses.dataclass(frozen=True)
class Attestation:
    """A statement that files were de-identified.

    Attributes:
        holder: the person or institution that makes it.
        method: how faces and voices were de-identified.
        date: when, ISO 8601.
        files: path relative to the attestation -> SHA-256.
    """

    holder: str
    method: str
    date: str
    files: Mapping[str, str]


def write_template(folder: str | Path) -> tuple[Path, list[str]]:
    """Writes `attestation.json` into `folder` with the hash of every file; the holder fills in holder, method and date.

    Returns:
        The path of the file, and notes about files that it does not list.

    Raises:
        UserError: there is no such folder, nothing is in it, or it has an attestation.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise UserError(f"{folder}: no such folder; give the one that holds a folder per clip")
    target = folder / FILE_NAME
    if target.exists():
        raise UserError(f"{target}: exists already; move it away to make a new one")
    found = survey(folder)
    files = {name: sha256(folder / name) for names in found.media.values() for name in names}
    if not files:
        raise UserError(
            f"{folder}: holds no frames, WAV files, mel arrays or films in folders of their own, one folder per clip "
            "(build --show_format shows how)"
        )
    write_json(target, {"version": VERSION, "holder": "", "method": "", "date": "", "files": files})
    return target, notes(found)


def load_attestation(path: str | Path) -> Attestation:
    """Reads an attestation; `admit_attested` compares its hashes with the files.

    Raises:
        UserError: it is malformed, of another version, has a blank statement, or names a file outside its folder.
    """
    value = read_json(path, limit=1 << 30)
    if not isinstance(value, dict) or value.get("version") != VERSION:
        raise UserError(f"{path}: not an attestation of version {VERSION}; make one with build --attest_template DIR")
    for key in ("holder", "method", "date"):
        text = value.get(key)
        if not isinstance(text, str) or not text.strip() or len(text) > MAX_STATEMENT or not is_whole(text):
            raise UserError(f"{path}: {key} is blank; the holder of the data states who did it, with what method, when")
    try:
        datetime.datetime.fromisoformat(value["date"].strip())
    except ValueError as error:
        raise UserError(f"{path}: date {value['date']!r}: write it as YYYY-MM-DD") from error
    files = value.get("files")
    if not isinstance(files, dict) or not files or len(files) > MAX_FILES:
        raise UserError(f"{path}: files is no table of relative path to sha256")
    for name, digest in files.items():
        if not isinstance(digest, str) or not re.fullmatch("[0-9a-fA-F]{64}", digest):
            raise UserError(f"{path}: files: {name!r} has no sha256 (64 hex digits)")
        parts = PurePosixPath(name).parts
        inside = ".." not in parts and not name.startswith("/") and "\\" not in name and "\0" not in name
        if not inside or name != "/".join(parts) or not (1 < len(parts) <= MAX_DEPTH or clip_of(name)):
            raise UserError(f"{path}: files: {name!r} is not of the form clip_id/file, or clip_id.mp4 or .wav")
    digests = {name: digest.lower() for name, digest in files.items()}
    return Attestation(value["holder"].strip(), value["method"].strip(), value["date"].strip(), digests)


def admit_attested(
    path: str | Path, clips: Mapping[str, Clip], *, skip_missing: bool, known: Iterable[Path] = ()
) -> tuple[list[Admitted], list[str]]:
    """Admits every annotated clip whose files are attested.

    Args:
        path: of the attestation, which lies in the folder of the files.
        clips: annotations, by clip id; an attested clip without one is left out.
        skip_missing: leaves annotated clips without files out instead of raising an error.
        known: files with another use, which no note mentions where they lie in the folder.

    Returns:
        The clips, in order of their ids, and notes about what was left out.

    Raises:
        UserError: the attestation lacks a file that is there, lists one that is not, or a hash differs.
    """
    attestation = load_attestation(path)
    folder = Path(path).resolve().parent
    by_clip: dict[str, list[str]] = {}
    for name in attestation.files:
        inside = PurePosixPath(name)
        by_clip.setdefault(inside.parts[0] if len(inside.parts) > 1 else inside.stem, []).append(name)
    require(clips, by_clip, "attested files", "build --attest_template DIR", skip_missing)
    found = survey(folder)
    without = [
        f"{what}, left out: {listed(sorted(ids))}"
        for what, ids in (
            ("attested clips without an annotation", by_clip.keys() - clips.keys()),
            ("clips that are neither attested nor annotated", found.media.keys() - by_clip.keys() - clips.keys()),
        )
        if ids
    ]
    who = f"external: {attestation.method}, by {attestation.holder}, {attestation.date}"
    admitted = []
    for clip_id in sorted(clips.keys() & by_clip.keys()):
        names = sorted(by_clip[clip_id], key=natural)
        if unattested := [name for name in found.media.get(clip_id, ()) if name not in attestation.files]:
            raise UserError(
                f"privacy gate: {folder / unattested[0]}: the attestation {path} lacks this file; attest or remove it"
            )
        for name in names:
            _verify(folder, name, attestation, path)
        admitted.append(_admit(clips[clip_id], folder, names, attestation, who))
    return admitted, [*without, *notes(found, (*known, Path(path)), folder)]


def _verify(folder: Path, name: str, attestation: Attestation, where: str | Path) -> None:
    """Checks that an attested file is there, in the folder, with its hash.

    Raises:
        UserError: it is not.
    """
    file = folder / name
    if not file.is_file() or not file.resolve().is_relative_to(folder):
        raise UserError(f"{where}: {name} is attested but not there (or leads out of the folder); restore it")
    if sha256(file) != attestation.files[name]:
        raise UserError(f"privacy gate: {file}: its hash differs from the attestation's; attest the file as it is now")


def _admit(clip: Clip, folder: Path, names: list[str], attestation: Attestation, who: str) -> Admitted:
    """A clip of attested files.

    Args:
        clip: its annotation.
        folder: of the attestation.
        names: its files, relative to the folder, in order.
        attestation: that lists them.
        who: for the clip's provenance.

    Raises:
        UserError: the files are no clip: several films or sounds, frames and a film, or none of them.
    """
    taken = [name for name in names if not is_of_the_system(name)]
    images, sounds, films = ([name for name in taken if is_(name)] for is_ in (is_picture, is_sound, is_film))
    if len(sounds) > 1 or len(films) > 1 or (films and images) or not (images or sounds or films):
        has = f"{len(images)} frames, {len(films)} films, {len(sounds)} sounds"
        raise UserError(
            f"{folder}: clip {clip.clip_id!r} has {has}; it needs frames or one film, or one sound (WAV or .npy), or a "
            "sound beside frames or film"
        )
    provenance = Provenance(
        video=who if images or films else ABSENT,
        audio=who if sounds or films else ABSENT,
        transcript=transcript_provenance(clip),
        source="external",
    )
    return Admitted(
        clip,
        provenance,
        tuple((name, attestation.files[name]) for name in taken),
        movie=folder / films[0] if films else None,
        images=tuple(folder / name for name in images),
        sound=folder / sounds[0] if sounds else None,
        lasts_s=clip.end_s - clip.start_s if films else 0.0,
    )
