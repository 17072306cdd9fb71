"""Copies of a de-identified clip, to be spoilt."""

import dataclasses
import json
import shutil
from pathlib import Path
from typing import Any

from deemo_jax.audit.audited_clips import AuditedClip
from deemo_jax.deid.manifest import Manifest, file_names


def add(clip: AuditedClip, folder: Path, clip_id: str, **changes: Any) -> Manifest:
    """The clip once more, under another name; `changes` of its manifest."""
    names = file_names(clip_id)
    for before, after in zip(file_names(clip.clip_id)[:3], names[:3], strict=True):
        shutil.copyfile(clip.folder / before, folder / after)
    manifest = dataclasses.replace(
        clip.manifest, clip_id=clip_id, file=names[0], masks=names[1], tracks=names[2], **changes
    )
    # Escaped, unlike the project's own JSON, so that lone surrogates can be written.
    (folder / names[3]).write_text(json.dumps(manifest.to_json()), encoding="utf-8")
    return manifest
