"""A person's records in datasets, and what was made of such a dataset beside it: features, lengths of prompts."""

import functools
import shutil
from collections.abc import Sequence
from pathlib import Path

from deemo_jax.core.files import read_json
from deemo_jax.data.card import croissant
from deemo_jax.data.features.files import KEY, ROOT
from deemo_jax.data.prompt_lengths import FOLDER as LENGTHS
from deemo_jax.data.record_removal import without_records
from deemo_jax.withdrawal.identify import StoredRecord
from deemo_jax.withdrawal.subject import Subject
from deemo_jax.withdrawal.trace import Trace


def theirs(records: Sequence[StoredRecord], subject: Subject) -> list[StoredRecord]:
    """The records of a person."""
    return [record for record in records if subject.owns(record.clip_id, record.person_id)]


def dataset_traces(folder: Path, records: Sequence[StoredRecord], subject: Subject) -> list[Trace]:
    """What a dataset holds of a person; first what was computed of it."""
    found = theirs(records, subject)
    if not found:
        return []
    traces = [
        Trace("features", path, 0, "removed; `cache` makes them again", functools.partial(_remove, path), path.parent)
        for root in roots(folder)
        for path in sorted((root / ROOT).glob("*"))
        if _is_of(path, folder.parent.name)
    ]
    for root in roots(folder):
        if (path := root / LENGTHS).is_dir():
            remove = functools.partial(_remove, path)
            traces.append(Trace("lengths of prompts", path, 0, "removed; `train` measures them again", remove, root))
    drop: dict[str, list[int]] = {}
    for record in found:
        drop.setdefault(record.split, []).append(record.index)
    card = ", and its card removed" if (folder / croissant.FILE).exists() else ""
    becomes = f"written without them{card}" if len(found) < len(records) else "removed: it holds nobody else"
    remove = functools.partial(without_records, folder, drop, [record.clip_id for record in found])
    space = sum(path.stat().st_size for path in folder.iterdir() if path.is_file())
    return [*traces, Trace("dataset", folder, len(found), becomes, remove, folder.parent, space=space)]


def roots(folder: Path) -> tuple[Path, ...]:
    """The folders that may be the `data_dir` of the dataset in a folder."""
    return folder.parent.parent, folder


def _is_of(features: Path, dataset: str) -> bool:
    """Whether a folder holds features of a dataset; where its key cannot be read, it counts as if it did."""
    if not (features / KEY).is_file():
        return False
    try:
        return read_json(features / KEY).get("dataset", dataset) == dataset
    except (ValueError, AttributeError):
        return True


def _remove(folder: Path) -> None:
    if folder.exists():
        shutil.rmtree(folder)
