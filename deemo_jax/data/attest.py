"""The privacy gate, second door: an attestation for a folder that was de-identified elsewhere.

The folder holds one folder per clip, named by the clip id:

    DIR/attestation.json
    DIR/<clip_id>/*.jpg | *.png      frames, in the order of their names
    DIR/<clip_id>/<any>.wav | .npy   the voice, or its mel array Float[M 128 204]; at most one of them

The attestation says who de-identified the data, by what method and when, and gives the hash of every file.
"""

import dataclasses
import datetime
import re
from collections.abc import Mapping
from pathlib import Path, PurePosixPath

from deemo_jax.data.annotations import require, transcript_provenance
from deemo_jax.data.records import Admitted
from deemo_jax.errors import UserError
from deemo_jax.files import read_json, sha256, write_json
from deemo_jax.schema import Clip, Provenance

VERSION = 1
FILE_NAME = "attestation.json"
IMAGE_SUFFIXES = (".jpg", ".jpeg", ".png")
SOUND_SUFFIXES = (".wav", ".npy")
MAX_FILES = 5_000_000
MAX_STATEMENT = 2_000


@dataclasses.dataclass(frozen=True)
class Attestation:
    """Who vouches for which bytes.

    Attributes:
        holder: the person or institution that makes the statement.
        method: how faces and voices were de-identified.
        date: when, ISO 8601.
        files: path relative to the attestation -> sha256.
    """

    holder: str
    method: str
    date: str
    files: Mapping[str, str]


def write_template(folder: str | Path) -> Path:
    """Writes `attestation.json` into `folder`: hashes computed, holder, method and date left for the holder to fill in.

    Raises:
        UserError: no such folder, nothing in it, or an attestation is there already.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise UserError(f"{folder}: no such folder; give the one that holds a folder per clip")
    target = folder / FILE_NAME
    if target.exists():
        raise UserError(f"{target}: exists already; move it away to make a new one")
    files = {
        path.relative_to(folder).as_posix(): sha256(path) for path in sorted(folder.glob("*/*")) if _is_media(path)
    }
    if not files:
        raise UserError(
            f"{folder}: holds no frames, WAV files or mel arrays in folders of its own, one folder per clip"
        )
    write_json(target, {"version": VERSION, "holder": "", "method": "", "date": "", "files": files})
    return target


def load_attestation(path: str | Path) -> Attestation:
    """Reads and validates an attestation; hashes are compared by `admit_attested`.

    Raises:
        UserError: malformed, of another version, with a blank statement, or naming a file outside its folder.
    """
    value = read_json(path, limit=1 << 30)
    if not isinstance(value, dict) or value.get("version") != VERSION:
        raise UserError(f"{path}: not an attestation of version {VERSION}; make one with build --attest_template DIR")
    for key in ("holder", "method", "date"):
        text = value.get(key)
        if not isinstance(text, str) or not text.strip() or len(text) > MAX_STATEMENT:
            raise UserError(f"{path}: {key} is blank; the holder of the data states who did it, with what method, when")
    try:
        datetime.datetime.fromisoformat(value["date"].strip())
    except ValueError as error:
        raise UserError(f"{path}: date {value['date']!r}: write it as YYYY-MM-DD") from error
    files = value.get("files")
    if not isinstance(files, dict) or not files or len(files) > MAX_FILES:
        raise UserError(f"{path}: files is no table of relative path to sha256")
    for name, digest in files.items():
        if not isinstance(digest, str) or not re.fullmatch("[0-9a-f]{64}", digest):
            raise UserError(f"{path}: files: {name!r} has no sha256 (64 hex digits)")
        parts = PurePosixPath(name).parts
        if len(parts) != 2 or ".." in parts or name.startswith("/") or "\\" in name or "\0" in name:
            raise UserError(f"{path}: files: {name!r} is not of the form clip_id/file")
    return Attestation(value["holder"].strip(), value["method"].strip(), value["date"].strip(), files)


def admit_attested(path: str | Path, clips: Mapping[str, Clip], *, skip_missing: bool) -> list[Admitted]:
    """Admits every annotated clip whose folder is attested, file by file.

    Args:
        path: the attestation, in the folder that it speaks of.
        clips: annotations; an attested clip without one is left out.
        skip_missing: leave out annotated clips without a folder instead of raising.

    Returns:
        The clips, in order of their ids.

    Raises:
        UserError: the attestation lacks a file that is there, names one that is not, or a hash differs.
    """
    attestation = load_attestation(path)
    folder = Path(path).resolve().parent
    by_clip: dict[str, list[str]] = {}
    for name in attestation.files:
        by_clip.setdefault(PurePosixPath(name).parts[0], []).append(name)
    require(clips, by_clip, "attested files", "build --attest_template DIR", skip_missing)
    who = f"external: {attestation.method}, by {attestation.holder}, {attestation.date}"
    return [
        _admit(clips[clip_id], folder, sorted(by_clip[clip_id]), attestation, who, path)
        for clip_id in sorted(clips.keys() & by_clip.keys())
    ]


def _admit(
    clip: Clip, folder: Path, names: list[str], attestation: Attestation, who: str, where: str | Path
) -> Admitted:
    for name in names:
        file = folder / name
        if not file.is_file() or not file.resolve().is_relative_to(folder):
            raise UserError(f"{where}: {name} is attested but not there (or leads out of the folder); restore it")
        if sha256(file) != attestation.files[name]:
            raise UserError(
                f"privacy gate: {file}: its hash differs from the attestation's; attest the file as it is now"
            )
    present = {f"{clip.clip_id}/{path.name}" for path in (folder / clip.clip_id).iterdir() if _is_media(path)}
    if unattested := sorted(present - set(names)):
        raise UserError(
            f"privacy gate: {folder / unattested[0]}: the attestation {where} lacks this file; attest or remove it"
        )
    images = tuple(folder / name for name in names if name.lower().endswith(IMAGE_SUFFIXES))
    sounds = [folder / name for name in names if name.lower().endswith(SOUND_SUFFIXES)]
    if len(sounds) > 1 or not (images or sounds):
        raise UserError(f"{folder / clip.clip_id}: needs frames or one WAV or .npy file, and not two sounds")
    provenance = Provenance(
        video=who if images else "none",
        audio=who if sounds else "none",
        transcript=transcript_provenance(clip),
        source="external",
    )
    hashes = tuple((name, attestation.files[name]) for name in names)
    return Admitted(clip, provenance, hashes, images=images, sound=sounds[0] if sounds else None)


def _is_media(path: Path) -> bool:
    return path.is_file() and path.suffix.lower() in (*IMAGE_SUFFIXES, *SOUND_SUFFIXES)
