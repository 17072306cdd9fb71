"""The file that `evaluate --metadata` names: what is known of clips or persons, by which scores are grouped."""

import dataclasses
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from deemo_jax.core.errors import UserError, plain
from deemo_jax.core.html_page import shown
from deemo_jax.deid.text.annotation_tables import listed_rows
from deemo_jax.evaluation.predictions import Prediction
from deemo_jax.evaluation.row_fields import MAX_ID, MAX_ROWS

# The columns that tell of whom or what a row is; the first one that a file has is used.
IDS = ("clip_id", "person_id")
# Columns of a file, groups of a column, and characters of a group's name, at most. A column with more groups tells
# persons apart rather than kinds of them.
MAX_COLUMNS, MAX_GROUPS, MAX_NAME = 20, 40, 80
# The group of clips of which a column says nothing.
UNSTATED = "(not stated)"


@dataclasses.dataclass(frozen=True, slots=True)
class Metadata:
    """Groups of clips.

    Attributes:
        columns: name of a column -> of each clip, in the order of the predictions, its group.
        notes: what of the file was not used, a sentence each.
    """

    columns: Mapping[str, Sequence[str]]
    notes: tuple[str, ...] = ()


def read_metadata(path: Path, rows: Sequence[Prediction]) -> Metadata:
    """Reads JSON lines, or a table, with a column `clip_id` or `person_id` and any others.

    Args:
        path: of the file.
        rows: a prediction for each clip.

    Raises:
        UserError: the file cannot be read, lacks a column with ids or any other, names one twice or none of the clips,
            or goes by persons, which the predictions do not state.
    """
    found = list(_limited(path))
    key = next((name for name in IDS if any(name in row for row in found)), None)
    if key is None:
        raise UserError(f"{path}: has no column clip_id or person_id; add one, so that rows find their clips")
    by_id: dict[str, Mapping[str, Any]] = {}
    for number, row in enumerate(found, 1):
        name = row.get(key)
        if not isinstance(name, str) or not 0 < len(name) <= MAX_ID:
            raise UserError(f"{path}: row {number}: {key} must be a text of 1 to {MAX_ID} characters")
        if name in by_id:
            raise UserError(f"{path}: row {number}: {key} {name} comes twice; keep one row")
        by_id[name] = row
    ids = [row.clip_id if key == "clip_id" else row.person_id for row in rows]
    if key == "person_id" and not any(ids):
        raise UserError(f"{path}: goes by person_id, and the predictions state none; name the persons with --truth")
    known = set(ids) & by_id.keys()
    if not known:
        raise UserError(f"{path}: none of its {len(by_id)} rows is of a {key} of these predictions, say {min(by_id)}")
    notes = [f"{len(by_id) - len(known)} of the {len(by_id)} rows of {plain(path.name)} are of none of these clips."]
    columns, said = _columns(path, key, [by_id.get(name or "", {}) for name in ids])
    return Metadata(columns, (*notes[: len(known) < len(by_id)], *said))


def _limited(path: Path) -> Sequence[Mapping[str, Any]]:
    found = []
    for number, row in enumerate(listed_rows(path), 1):
        if number > MAX_ROWS:
            raise UserError(f"{path}: more than {MAX_ROWS:,} rows; leave out those of other clips")
        found.append(row)
    if not found:
        raise UserError(f"{path}: has no rows")
    return found


def _columns(
    path: Path, key: str, of_clips: Sequence[Mapping[str, Any]]
) -> tuple[dict[str, Sequence[str]], tuple[str, ...]]:
    """The groups of each column that has groups, and why others are left out."""
    names = [name for name in dict.fromkeys(name for row in of_clips for name in row) if name not in IDS]
    columns: dict[str, Sequence[str]] = {}
    notes = []
    for name in names:
        values = [row.get(name) for row in of_clips]
        groups = [_group(value) for value in values]
        if any(isinstance(value, list | dict) for value in values):
            notes.append(f"Column {shown(name, MAX_NAME)} holds lists or objects, and is left out.")
        elif len(set(groups)) > MAX_GROUPS:
            notes.append(f"Column {shown(name, MAX_NAME)} has more than {MAX_GROUPS} values, and is left out.")
        elif set(groups) != {UNSTATED}:
            columns[shown(name, MAX_NAME)] = groups
    if not columns:
        raise UserError(
            f"{path}: has no column to group by beside {key} ({' '.join(notes) or 'add some, such as sex'})"
        )
    if len(columns) > MAX_COLUMNS:
        raise UserError(f"{path}: {len(columns)} columns to group by; keep at most {MAX_COLUMNS}")
    return columns, tuple(notes)


def _group(value: Any) -> str:
    if value is None or value == "":
        return UNSTATED
    return shown(" ".join(str(value).split()), MAX_NAME) or UNSTATED
