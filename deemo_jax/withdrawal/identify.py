"""Finds by which clip ids a person is known, from all that is there: annotations, datasets, predictions, manifests."""

import dataclasses
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from deemo_jax.core.errors import UserError
from deemo_jax.core.files import read_jsonl
from deemo_jax.core.progress import with_progress
from deemo_jax.data.clip_source import ClipSource, open_builder
from deemo_jax.deid.manifest import SUFFIX, Manifest, load_manifest
from deemo_jax.deid.source_map import SourceMap, map_file
from deemo_jax.deid.source_map import load as load_list
from deemo_jax.deid.text.annotation_tables import annotation_rows
from deemo_jax.evaluation.output_folder import PREDICTIONS
from deemo_jax.evaluation.row_fields import MAX_LINE_BYTES
from deemo_jax.withdrawal.places import Places
from deemo_jax.withdrawal.subject import Subject


@dataclasses.dataclass(frozen=True, slots=True)
class StoredRecord:
    """A record of a dataset: where it is, and whose."""

    split: str
    index: int
    clip_id: str
    person_id: str


@dataclasses.dataclass(frozen=True)
class Contents:
    """What lies in the places that were walked.

    Attributes:
        manifests: folder of clips -> manifests in it.
        records: folder of a dataset -> its records.
        rows: file of predictions, or of an evaluation -> (clip_id, person_id) of each row.
        annotated: file of annotations -> (clip_id, person_id, file) of each row.
    """

    manifests: Mapping[Path, Sequence[Manifest]]
    records: Mapping[Path, Sequence[StoredRecord]]
    rows: Mapping[Path, Sequence[tuple[str, str]]]
    annotated: Mapping[Path, Sequence[tuple[str, str, str]]]


def read(places: Places, annotations: Iterable[Path] = ()) -> Contents:
    """Reads ids, and ids only, of all that lies in the places; nothing is changed.

    Args:
        places: that were found.
        annotations: further files of annotations.

    Raises:
        UserError: a manifest, dataset or file of rows is damaged.
    """
    files = [*places.predictions, *(path for folder in places.evaluations for path in _predictions(folder))]
    listed = list(dict.fromkeys([*(path.resolve() for path in annotations), *places.annotations]))
    return Contents(
        manifests={
            folder: [load_manifest(path) for path in sorted(folder.glob(f"*{SUFFIX}"))] for folder in places.clips
        },
        records={folder: _records(folder) for folder in places.datasets},
        rows={path: [_ids(row) for row in read_jsonl(path, MAX_LINE_BYTES)] for path in files},
        annotated={path: [(*_ids(row), _text(row, "file")) for row in annotation_rows(path)] for path in listed},
    )


def identify(subject: Subject, contents: Contents, key: Path | None = None) -> Subject:
    """The person, with all clip ids under which they are known.

    Args:
        subject: as flags name them.
        contents: of all places.
        key: the key file of `deidentify`, beside which the private list of raw files lies; None for the default one.
    """
    pairs = [(record.clip_id, record.person_id) for records in contents.records.values() for record in records]
    pairs += [pair for rows in contents.rows.values() for pair in rows]
    annotated = [row for rows in contents.annotated.values() for row in rows]
    pairs += [(clip_id, person_id) for clip_id, person_id, _ in annotated]
    known = subject.and_clips(clip_id for clip_id, person_id in pairs if clip_id and subject.owns(clip_id, person_id))
    films = {name for _, person_id, name in annotated if name and subject.person_id and person_id == subject.person_id}
    digests = _digests(films, key)
    manifests = [manifest for folder in contents.manifests.values() for manifest in folder]
    known = known.and_clips(
        manifest.clip_id for manifest in manifests if known.shown_in(manifest) or manifest.source_sha256 in digests
    )
    if subject.sources:
        cut = {manifest.recording for manifest in manifests if known.owns(manifest.clip_id, None)} - {""}
        known = dataclasses.replace(known, recordings=known.recordings | cut | known.clip_ids)
        known = known.and_clips(clip_id for clip_id, _ in pairs if clip_id and known.owns(clip_id, None))
    return known


def _digests(names: Iterable[str], key: Path | None) -> set[str]:
    """SHA-256 of raw files that annotations name, as far as the private list knows them."""
    names = list(names)
    path = map_file(key)
    if not names or not path.exists():
        return set()
    listed: SourceMap = load_list(path)
    return {digest for name in names for digest in listed.find(name)}


def _records(folder: Path) -> list[StoredRecord]:
    builder = open_builder(folder, folder.parent.name)
    found = []
    for split in builder.info.splits:
        source = ClipSource(folder, folder.parent.name, split)
        for index in with_progress(range(len(source)), f"{folder}: {split}"):
            try:
                clip = source.without_media(index).clip
            except Exception as error:  # readers raise exceptions of many types on damaged bytes
                raise UserError(
                    f"{folder}: record {index} of {split!r} cannot be read ({error}), so nobody knows whose it is; copy"
                    " the dataset again, or build it again with --overwrite"
                ) from error
            found.append(StoredRecord(split, index, clip.clip_id, clip.person_id))
    return found


def _predictions(folder: Path) -> list[Path]:
    return [path for path in [folder / PREDICTIONS] if path.is_file()]


def _ids(row: Mapping[str, Any]) -> tuple[str, str]:
    return _text(row, "clip_id"), _text(row, "person_id")


def _text(row: Mapping[str, Any], key: str) -> str:
    value = row.get(key)
    return value if isinstance(value, str) else ""
