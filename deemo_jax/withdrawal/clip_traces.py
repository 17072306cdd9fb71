"""A person's clips in folders of de-identified clips: the files of each, refusals, and what the audit made of them."""

import functools
import shutil
from collections.abc import Sequence
from pathlib import Path

from deemo_jax.audit.folder_check import REPORT_DIR, RESULT
from deemo_jax.core.files import read_jsonl, remove_rests, write_jsonl
from deemo_jax.deid import replace_files
from deemo_jax.deid.folder.refused_list import REFUSALS
from deemo_jax.deid.manifest import Manifest, file_names, preview_name, whole
from deemo_jax.withdrawal.subject import Subject
from deemo_jax.withdrawal.trace import Trace


def clip_traces(folder: Path, manifests: Sequence[Manifest], subject: Subject) -> list[Trace]:
    """What a folder of clips holds of a person."""
    theirs = [manifest.clip_id for manifest in manifests if subject.shown_in(manifest)]
    refused = _refused(folder, subject, frozenset(theirs), keep=False)
    found = []
    if theirs or refused:
        if (folder / RESULT).exists() or (folder / REPORT_DIR).exists():
            audit = functools.partial(_remove_audit, folder)
            found.append(Trace("audit", folder, 0, "removed; audit again", audit, folder))
        remove = functools.partial(_remove_clips, folder, theirs, subject)
        found.append(Trace("clips", folder, len(theirs) + len(refused), "films, masks, tracks removed", remove, folder))
    return found


def _remove_audit(folder: Path) -> None:
    (folder / RESULT).unlink(missing_ok=True)
    shutil.rmtree(folder / REPORT_DIR, ignore_errors=True)


def _remove_clips(folder: Path, clip_ids: Sequence[str], subject: Subject) -> None:
    for clip_id in clip_ids:
        with replace_files.alone(folder, clip_id):
            replace_files.discard(folder, clip_id)
            shutil.rmtree(whole(folder, clip_id), ignore_errors=True)
            # The manifest last: by it what an ended removal left is found.
            for name in (preview_name(clip_id), *file_names(clip_id)):
                (folder / name).unlink(missing_ok=True)
    if (folder / REFUSALS).exists():
        with replace_files.alone(folder, REFUSALS):
            remove_rests(folder / REFUSALS)
            left = _refused(folder, subject, frozenset(clip_ids), keep=True)
            if left:
                write_jsonl(folder / REFUSALS, left)
            else:
                (folder / REFUSALS).unlink(missing_ok=True)


def _refused(folder: Path, subject: Subject, clip_ids: frozenset[str], *, keep: bool) -> list[dict]:
    """The rows of the list of refusals that are theirs, or with `keep` the others."""
    if not (folder / REFUSALS).exists():
        return []
    rows = read_jsonl(folder / REFUSALS)
    return [row for row in rows if _is_theirs(row, subject, clip_ids) != keep]


def _is_theirs(row: dict, subject: Subject, clip_ids: frozenset[str]) -> bool:
    clip_id = row.get("clip_id")
    known = isinstance(clip_id, str) and (clip_id in clip_ids or subject.owns(clip_id, None))
    return known or row.get("source_sha256") in subject.sources
