"""The privacy gate, first door: annotations meet the manifests of this project's own de-identification.

Nothing becomes a record without a paper trail. Here the trail is a manifest for every clip: complete, and with the
hash of the very file that is read. The second door is `deemo_jax.data.attest`.
"""

import json
from collections.abc import Iterable, Mapping
from pathlib import Path

from deemo_jax.data.annotations import require, transcript_provenance
from deemo_jax.data.records import Admitted
from deemo_jax.deid.manifest import Manifest, find_manifests, load_manifest, verify
from deemo_jax.errors import UserError
from deemo_jax.media.audio import sound_tracks
from deemo_jax.schema import Clip, Provenance


def admit_deidentified(paths: Iterable[str | Path], clips: Mapping[str, Clip], *, skip_missing: bool) -> list[Admitted]:
    """Admits every annotated clip that has a complete manifest whose hash matches its file.

    Args:
        paths: manifests, or folders of them.
        clips: annotations; a manifest without one is left out.
        skip_missing: leave out annotated clips without a manifest instead of raising.

    Returns:
        The clips, in order of their ids.

    Raises:
        UserError: a clip without a manifest, two manifests for one clip, or a manifest that is incomplete or whose
            file is missing or has another hash.
    """
    found: dict[str, tuple[Manifest, Path]] = {}
    for path in find_manifests(paths):
        manifest = load_manifest(path)
        if manifest.clip_id in found:
            raise UserError(
                f"{path}: clip {manifest.clip_id!r} has another manifest, {found[manifest.clip_id][1]}; keep one"
            )
        found[manifest.clip_id] = (manifest, path)
    require(clips, found, "a de-identification manifest", "python -m deemo_jax.deidentify", skip_missing)
    admitted = []
    for clip_id in sorted(clips.keys() & found.keys()):
        manifest, path = found[clip_id]
        movie = verify(manifest, path.parent)
        if manifest.silent and sound_tracks(movie):
            raise UserError(
                f"privacy gate: {movie}: has a sound track, and its manifest knows of none; de-identify it again"
            )
        admitted.append(Admitted(clips[clip_id], _provenance(manifest, clips[clip_id]), manifest.hashes, movie=movie))
    return admitted


def _provenance(manifest: Manifest, clip: Clip) -> Provenance:
    settings, voice = manifest.settings, manifest.voice
    return Provenance(
        video=f"deemo_jax {settings.get('mask')}, CenterFace {settings.get('threshold')}",
        audio="none" if manifest.silent else f"deemo_jax {voice.get('method')}, key {voice.get('key_id')}",
        transcript=transcript_provenance(clip),
        source="deid",
        settings=json.dumps(dict(settings), sort_keys=True),
        software=json.dumps(dict(manifest.software), sort_keys=True),
    )
