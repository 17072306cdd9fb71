"""Which clips an audit is about: each with its manifest and, as far as they are given, its raw file and its truth."""

import dataclasses
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float

from deemo_jax import files
from deemo_jax.deid.folder import VIDEO_SUFFIXES
from deemo_jax.deid.manifest import Manifest, Masks, find_manifests, load_manifest, load_masks
from deemo_jax.errors import UserError
from deemo_jax.media.audio import read_audio
from deemo_jax.media.mel import SAMPLE_RATE


@dataclasses.dataclass(frozen=True, slots=True)
class AuditedClip:
    """One de-identified clip.

    Attributes:
        manifest: of it.
        folder: where it lies.
        source: its raw file; None where the raw files are not given.
        truth: its row of the truth; None without one.
    """

    manifest: Manifest
    folder: Path
    source: Path | None = None
    truth: Mapping[str, Any] | None = None

    @property
    def clip_id(self) -> str:
        return self.manifest.clip_id

    @property
    def output(self) -> Path:
        return self.folder / self.manifest.file

    @property
    def person(self) -> str:
        """Pseudonym of who is seen, as the truth has it; "" where that is not known."""
        return str((self.truth or {}).get("person_id") or "")

    def masks(self) -> Masks:
        return load_masks(self.folder / self.manifest.masks)


def read_voice(path: Path) -> Float[np.ndarray, "n"]:
    """What is heard in a clip, at 16 kHz: all channels, as de-identification mixes them."""
    return read_audio(path, SAMPLE_RATE, mix=True)[0]


def source_frames(masks: Masks) -> list[int]:
    """For each frame of a clip, which frame of its source it is."""
    dropped = set(masks.dropped)
    return [frame for frame in range(len(masks.rectangles) + len(dropped)) if frame not in dropped]


def find_clips(folder: Path, truth_file: Path | None = None, source_dir: Path | None = None) -> list[AuditedClip]:
    """The clips of `folder`, in order of their manifests.

    Args:
        folder: de-identified clips with manifests.
        truth_file: JSON lines with "clip_id", "file", "faces" and "planted".
        source_dir: where the raw files lie.

    Raises:
        UserError: something named is missing, a clip has no truth, or its raw file is not there.
    """
    rows: dict[str, dict[str, Any]] = {}
    if truth_file is not None:
        rows = {row["clip_id"]: row for row in files.read_jsonl(truth_file) if isinstance(row.get("clip_id"), str)}
    manifests = [(load_manifest(path), path.parent) for path in find_manifests([folder])]
    if truth_file is not None:
        for manifest, _ in manifests:
            if manifest.clip_id not in rows:
                raise UserError(f"{truth_file}: has no row for {manifest.clip_id}; is it the truth of these clips?")
    sources = _find_sources(source_dir, [m for m, _ in manifests], rows) if source_dir is not None else {}
    return [AuditedClip(m, where, sources.get(m.clip_id), rows.get(m.clip_id)) for m, where in manifests]


def _find_sources(
    folder: Path, manifests: Sequence[Manifest], rows: Mapping[str, Mapping[str, Any]]
) -> dict[str, Path]:
    """Raw files by clip id: where the truth names them, else by the hash that the manifest has of them."""
    if not folder.is_dir():
        raise UserError(f"{folder}: no such folder; name the raw clips with --source")
    found: dict[str, Path] = {}
    unnamed: dict[str, list[str]] = {}
    for manifest in manifests:
        name = rows.get(manifest.clip_id, {}).get("file")
        if isinstance(name, str):
            path = folder / Path(name).name
            if files.sha256(path) != manifest.source_sha256:
                raise UserError(f"{path}: is not the file that {manifest.clip_id} was made from (its hash differs)")
            found[manifest.clip_id] = path
        else:
            unnamed.setdefault(manifest.source_sha256, []).append(manifest.clip_id)
    candidates = sorted(path for path in folder.rglob("*") if path.suffix.lower() in VIDEO_SUFFIXES) if unnamed else []
    # Files that carry a clip's name come first, so that seldom all are hashed.
    names = {clip_id for clip_ids in unnamed.values() for clip_id in clip_ids}
    for path in sorted(candidates, key=lambda path: path.stem not in names):
        if not unnamed:
            break
        if path.is_file():
            found |= dict.fromkeys(unnamed.pop(files.sha256(path), ()), path)
    if unnamed:
        raise UserError(
            f"{folder}: the raw file of {min(unnamed.values())[0]} is not there; name the raw clips as --source"
        )
    return found
