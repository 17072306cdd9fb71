"""The privacy gate for clips of this project's de-identification: each needs a manifest with the hash of its file.

Nothing becomes a record without a paper trail. Data that was de-identified elsewhere comes through
`deemo_jax.data.build.attestation`.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from deemo_jax.core.errors import UserError
from deemo_jax.core.schema import Clip, Provenance
from deemo_jax.data.build.annotations import Annotation, require, transcript_provenance
from deemo_jax.data.build.records import Admitted
from deemo_jax.data.build.row_placement import Placed, explain, place
from deemo_jax.deid.manifest import Manifest, find_manifests, load_manifest, verify
from deemo_jax.deid.settings import IGNORE, KEEP
from deemo_jax.deid.source_map import load
from deemo_jax.media.audio import sound_tracks

# For messages: the paper trail, and the command that makes it.
WHAT, MEND = "a de-identification manifest", "python -m deemo_jax.deidentify"


def admit_deidentified(paths: Iterable[str | Path], clips: Mapping[str, Clip], *, skip_missing: bool) -> list[Admitted]:
    """Admits every annotated clip that has a manifest, as a whole clip.

    Args:
        paths: manifests, or folders of them.
        clips: annotations, by clip id; a manifest without one is left out.
        skip_missing: leaves annotated clips without a manifest out instead of raising an error.

    Returns:
        The clips, in order of their ids.

    Raises:
        UserError: a clip has no manifest or several, or a manifest is incomplete, or its file is missing or has another
            hash.
    """
    found = _find(paths)
    require(clips, found, WHAT, MEND, skip_missing)
    return _admit([Placed(clips[clip_id], found[clip_id][0]) for clip_id in clips.keys() & found.keys()], found)


def admit_rows(
    paths: Iterable[str | Path], rows: Sequence[Annotation], source_map: Path | None, *, skip_missing: bool
) -> list[Admitted]:
    """Admits the clips, or spans of clips, that rows of annotations name by a clip id or by a raw file.

    Args:
        paths: manifests, or folders of them.
        rows: of annotations.
        source_map: the private list of which clip was made from which file (`deemo_jax.deid.source_map`); None where
            there is none.
        skip_missing: leaves rows without a manifest out instead of raising an error.

    Returns:
        The clips, in order of their ids.

    Raises:
        UserError: see `admit_deidentified` and `place`.
    """
    found = _find(paths)
    manifests = [manifest for manifest, _ in found.values()]
    known = load(source_map) if source_map is not None else None
    placed, lacking = place(rows, manifests, known)
    for row in () if skip_missing and placed else lacking:
        if why := explain(row, known):
            raise UserError(f"privacy gate: {why}")
    ids = {one.clip.clip_id: one.clip for one in placed}
    for row in lacking:
        if row.named in ids:
            raise UserError(
                f"{row.where}: clip {row.named!r} comes twice, and only one has a manifest; every clip has one row"
            )
    ids |= {row.named: row.clip for row in lacking}
    require(ids, [one.clip.clip_id for one in placed], WHAT, MEND, skip_missing)
    return _admit(placed, found)


# Clip id -> its manifest, and the manifest's path.
_Found = Mapping[str, tuple[Manifest, Path]]


def _find(paths: Iterable[str | Path]) -> _Found:
    found: dict[str, tuple[Manifest, Path]] = {}
    for path in find_manifests(paths):
        manifest = load_manifest(path)
        if manifest.clip_id in found:
            raise UserError(
                f"{path}: clip {manifest.clip_id!r} has another manifest, {found[manifest.clip_id][1]}; keep one"
            )
        found[manifest.clip_id] = (manifest, path)
    return found


def _admit(placed: Sequence[Placed], found: _Found) -> list[Admitted]:
    """The clips, in order of their ids, after comparing each film with its manifest.

    Raises:
        UserError: a film is missing, has another hash, or has sound that its manifest does not know of.
    """
    films: dict[str, Path] = {}
    for one in placed:
        if (manifest := one.manifest).clip_id not in films:
            movie = films[manifest.clip_id] = verify(manifest, found[manifest.clip_id][1].parent)
            if manifest.silent and sound_tracks(movie):
                raise UserError(
                    f"privacy gate: {movie}: has a sound track, and its manifest knows of none; de-identify it again"
                )
    return [
        Admitted(
            one.clip,
            _provenance(one.manifest, one.clip),
            one.manifest.hashes,
            movie=films[one.manifest.clip_id],
            span=one.span,
            lasts_s=one.lasts_s,
        )
        for one in sorted(placed, key=lambda one: one.clip.clip_id)
    ]


def _provenance(manifest: Manifest, clip: Clip) -> Provenance:
    settings, voice = manifest.settings, manifest.voice
    background = settings.get("background", KEEP)
    behind = "" if background == KEEP else f", background {background}"
    behind += "" if settings.get("text_in_picture", IGNORE) == IGNORE else ", text covered"
    return Provenance(
        video=f"deemo_jax {settings.get('mask')}{behind}, CenterFace {settings.get('threshold')}",
        audio="none" if manifest.silent else f"deemo_jax {voice.get('method')}, key {voice.get('key_id')}",
        transcript=transcript_provenance(clip),
        source="deid",
        settings=json.dumps(dict(settings), sort_keys=True),
        software=json.dumps(dict(manifest.software), sort_keys=True),
    )
