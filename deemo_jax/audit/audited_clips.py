"""The clips that are audited: each with its manifest and, where they are given, its raw file and row of the truth."""

import dataclasses
import os
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float

from deemo_jax.core import files
from deemo_jax.core.errors import UserError, plain
from deemo_jax.deid.find_films import VIDEO_SUFFIXES
from deemo_jax.deid.manifest import PREVIEW, SUFFIX, Manifest, Masks, find_manifests, load_manifest, load_masks
from deemo_jax.deid.raw_files import find_raw_files
from deemo_jax.deid.settings import EACH, MIXED, Settings
from deemo_jax.media import SAMPLE_RATE
from deemo_jax.media.audio import read_sound

# File endings of sounds: a sound without a manifest is reported like a film, since a voice identifies a person too.
SOUND_SUFFIXES = frozenset({".wav", ".mp3", ".m4a", ".aac", ".flac", ".ogg", ".opus", ".wma"})


@dataclasses.dataclass(frozen=True, slots=True)
class AuditedClip:
    """One de-identified clip.

    Attributes:
        manifest: of the clip.
        folder: in which its files lie.
        source: path of its raw file; None where raw files are not given, or this one is not there.
        truth: its row of the truth; None without one.
        lacking: what of these two was given for the folder and lacks this clip, in words; None where nothing does.
    """

    manifest: Manifest
    folder: Path
    source: Path | None = None
    truth: Mapping[str, Any] | None = None
    lacking: str | None = None

    @property
    def clip_id(self) -> str:
        """The clip's pseudonym."""
        return self.manifest.clip_id

    @property
    def output(self) -> Path:
        """Path of the de-identified film."""
        return self.folder / self.manifest.file

    @property
    def person(self) -> str:
        """Pseudonym of the person whom the clip shows, by the truth; "" where that is not known."""
        return str((self.truth or {}).get("person_id") or "")

    @property
    def source_span(self) -> tuple[float, float | None]:
        """Where in its raw file the clip begins and ends, seconds; None for the file's end."""
        return source_span(self.manifest)

    def masks(self) -> Masks:
        """The covered rectangles, read from their file."""
        return load_masks(self.folder / self.manifest.masks)


def read_voice(path: Path) -> Float[np.ndarray, " n"]:
    """The sound of a clip: mono, 16 kHz, in [-1, 1]."""
    return read_sound(path, SAMPLE_RATE).waveform


def source_span(manifest: Manifest) -> tuple[float, float | None]:
    """Where in its raw file a clip begins and ends, seconds; None for the file's end."""
    return manifest.span[0] if manifest.span else 0.0, manifest.asked[1] if manifest.asked else None


def read_source_voice(source: Path, manifest: Manifest) -> Float[np.ndarray, " n"]:
    """The sound of the raw file in the span, and from the sound tracks, that a clip was made from: mono, 16 kHz."""
    wanted = Settings.on_record(manifest.settings).audio_track
    return read_sound(
        source, SAMPLE_RATE, *source_span(manifest), None if wanted in (MIXED, EACH) else int(wanted)
    ).waveform


def source_frames(masks: Masks) -> list[int]:
    """For each frame of a clip, the number of that frame in the source."""
    dropped = set(masks.dropped)
    return [frame for frame in range(len(masks.rectangles) + len(dropped)) if frame not in dropped]


@dataclasses.dataclass(frozen=True, slots=True)
class Found:
    """The clips and other media in a folder.

    Attributes:
        clips: in order of their manifests.
        unusable: clip id, or name of a manifest that cannot be read -> why it cannot be audited.
        unnamed: names of films and sounds that no manifest names.
    """

    clips: tuple[AuditedClip, ...]
    unusable: Mapping[str, str] = dataclasses.field(default_factory=dict)
    unnamed: tuple[str, ...] = ()

    @property
    def clip_ids(self) -> frozenset[str]:
        """Of all clips that have a manifest, whether it can be read or not."""
        return frozenset({clip.clip_id for clip in self.clips} | self.unusable.keys())


def find_clips(folder: Path, truth_file: Path | None = None, source_dir: Path | None = None) -> Found:
    """Finds the clips of `folder`, without those in sub-folders.

    Args:
        folder: de-identified clips with manifests.
        truth_file: JSON lines with "clip_id" and, where they are known, "file", "person_id", "faces" and "planted".
        source_dir: folder of the raw files.

    Raises:
        UserError: a file or folder is missing; no clip is in the truth; or no raw file is in `source_dir`.
    """
    rows: dict[str, dict[str, Any]] = {}
    if truth_file is not None:
        rows = {row["clip_id"]: row for row in files.read_jsonl(truth_file) if isinstance(row.get("clip_id"), str)}
    if folder.is_file():
        raise UserError(f"{folder}: is no folder; name the folder of the de-identified clips")
    unusable: dict[str, str] = {}
    manifests: list[Manifest] = []
    names: set[str] = set()
    for path in find_manifests([folder]):
        stem = path.name.removesuffix(SUFFIX)
        # Also files of a manifest that cannot be read, which is reported already.
        names |= {f"{stem}.mp4", f"{stem}{PREVIEW}"}
        try:
            _refuse_pipes([path])
            manifest = load_manifest(path)
            _refuse_pipes(folder / name for name, _ in manifest.hashes)
        except UserError as error:
            unusable[plain(stem)] = tidied(error, folder)
            continue
        if manifest.clip_id == stem:
            manifests.append(manifest)
        else:
            unusable[plain(stem)] = f"its manifest is that of {manifest.clip_id}"
    lacking: dict[str, list[str]] = {m.clip_id: [] for m in manifests}
    if truth_file is not None:
        untold = [m.clip_id for m in manifests if m.clip_id not in rows]
        if manifests and len(untold) == len(manifests):
            raise UserError(
                f"{truth_file}: has no row for {untold[0]}; its clip_id must be the ids of these clips, which are"
                " pseudonyms unless they were made with --clip_ids stem"
            )
        for clip_id in untold:
            lacking[clip_id].append("the truth has no row for it")
        for m in manifests:
            if m.clip_id in rows and "faces" not in rows[m.clip_id]:
                lacking[m.clip_id].append('its row of the truth has no "faces"')
    sources: dict[str, Path] = {}
    if source_dir is not None:
        sources, absent = _find_sources(source_dir, manifests, rows)
        if absent and not sources:
            clip_id, why = next(iter(absent.items()))
            raise UserError(f"{source_dir}: the raw file of {clip_id} {why}; name the raw clips as --source")
        for clip_id, why in absent.items():
            lacking[clip_id].append(f"its raw file {why}")
    return Found(
        clips=tuple(
            AuditedClip(m, folder, sources.get(m.clip_id), rows.get(m.clip_id), "; ".join(lacking[m.clip_id]) or None)
            for m in manifests
        ),
        unusable=unusable,
        unnamed=tuple(sorted(p.name for p in folder.iterdir() if _is_media(p) and p.name not in names)),
    )


def tidied(error: UserError | str, folder: Path, source: Path | None = None) -> str:
    """A message without the paths of folder and source: these may name people, which the report must not."""
    text = str(error)
    if source is not None:
        text = text.replace(str(source), "the source")
    return plain(text.replace(f"{folder}{os.sep}", ""))


def _refuse_pipes(paths: Iterable[Path]) -> None:
    """Refuses what is there and is no file: reading a pipe would wait for ever.

    Raises:
        UserError: something is none.
    """
    for path in paths:
        if path.exists() and not path.is_file():
            raise UserError(f"{path}: is no file; de-identify the clip again")


def _is_media(path: Path) -> bool:
    return path.suffix.lower() in VIDEO_SUFFIXES | SOUND_SUFFIXES and path.is_file()


def _find_sources(
    folder: Path, manifests: Sequence[Manifest], rows: Mapping[str, Mapping[str, Any]]
) -> tuple[dict[str, Path], dict[str, str]]:
    """The raw files of clips: where the truth names a file, that one, else one with the hash in the manifest.

    Returns:
        Clip id -> path; and, for clips without a raw file, clip id -> why, in words.
    """
    if not folder.is_dir():
        raise UserError(f"{folder}: no such folder; name the raw clips with --source")
    found: dict[str, Path] = {}
    lacking: dict[str, str] = {}
    unnamed: dict[str, list[str]] = {}
    for manifest in manifests:
        name = rows.get(manifest.clip_id, {}).get("file")
        if not isinstance(name, str):
            unnamed.setdefault(manifest.source_sha256, []).append(manifest.clip_id)
            continue
        path = folder / Path(name).name
        try:
            digest = files.sha256(path)
        except UserError:
            lacking[manifest.clip_id] = "is not there, or cannot be read"
            continue
        if digest == manifest.source_sha256:
            found[manifest.clip_id] = path
        else:
            lacking[manifest.clip_id] = "is not the one that it was made from (its hash differs)"
    found |= find_raw_files(folder, unnamed)
    lacking |= {c: "is not there" for clip_ids in unnamed.values() for c in clip_ids if c not in found}
    return found, lacking
