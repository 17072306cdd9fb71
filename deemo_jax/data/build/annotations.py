"""Annotations, and what both doors of the privacy gate ask of them."""

import collections
import dataclasses
from collections.abc import Iterable, Mapping
from pathlib import Path

from deemo_jax.core.errors import UserError
from deemo_jax.core.schema import ABSENT, DEEMO_LABELS, Clip, Labels, close_key
from deemo_jax.deid.text.annotation_tables import annotation_rows
from deemo_jax.deid.text.transcripts import STAMP, text_deid

KEYS = frozenset(field.name for field in dataclasses.fields(Clip) if field.name != "text_deid") | {STAMP, "file"}
MOST_KEYS = 20
RAW_TRANSCRIPT = "not de-identified"


@dataclasses.dataclass(frozen=True, slots=True)
class Annotation:
    """A row of annotations.

    Attributes:
        where: file and row, for messages.
        number: of the row, from 1.
        clip: what it says; the clip id is `named` where the row has none.
        named: what names the recording: "file" where there is one, else the clip id.
        by_file: whether that is a raw file, by its name or path.
        has_id: whether the row gives its record an id, beside the name of a file.
    """

    where: str
    number: int
    clip: Clip
    named: str
    by_file: bool
    has_id: bool


def read_rows(path: str | Path, labels: Labels = DEEMO_LABELS) -> list[Annotation]:
    """Reads annotations, JSON lines or a table (`Clip.from_json`; extra keys are left alone).

    Args:
        path: of the file.
        labels: of the dataset; a row with another one is refused.

    Raises:
        UserError: unreadable, a malformed row, texts that are not those of their stamp
            (`deemo_jax.deid.text.transcripts`), or no row at all.
    """
    rows = []
    for number, row in enumerate(annotation_rows(path), 1):
        where = f"{path}: row {number}"
        file = row.get("file")
        by_file = isinstance(file, str) and bool(file)
        clip = Clip.from_json({"clip_id": file} | row if by_file else row, where, labels)
        clip = dataclasses.replace(clip, text_deid=text_deid(row, where))
        named = str(file) if by_file else clip.clip_id
        rows.append(Annotation(where, number, clip, named, by_file, by_file and clip.clip_id != named))
    if not rows:
        raise UserError(f"{path}: holds no annotation")
    return rows


def read_annotations(path: str | Path, labels: Labels = DEEMO_LABELS) -> dict[str, Clip]:
    """The clips of annotations by their ids; the id of a row that only names a file is that name without its suffix.

    Arguments as for `read_rows`.

    Raises:
        UserError: as `read_rows`, or a clip id that comes twice.
    """
    clips: dict[str, Clip] = {}
    first: dict[str, Annotation] = {}
    for row in read_rows(path, labels):
        clip_id = row.clip.clip_id if row.has_id or not row.by_file else Path(row.named).stem
        if (twin := first.setdefault(clip_id, row)) is not row:
            raise UserError(
                f"{row.where}: clip {clip_id!r} comes twice, first in row {twin.number}; every clip has one row"
            )
        clips[clip_id] = dataclasses.replace(row.clip, clip_id=clip_id)
    return clips


def unused_keys(path: str | Path) -> list[str]:
    """A note on keys of annotation rows that nothing reads, where there are any: they may be slips of the pen."""
    counts = collections.Counter(key for row in annotation_rows(path) for key in row.keys() - KEYS)
    said = []
    for key in sorted(counts):
        meant = close_key(key, KEYS)
        said.append(f"{key!r} in {counts[key]} rows" + (f" (is {meant!r} meant?)" if meant else ""))
    return [f"keys of the annotations that are not used: {', '.join(said[:MOST_KEYS])}"] if said else []


def require(clips: Mapping[str, Clip], found: Iterable[str], what: str, mend: str, skip_missing: bool) -> None:
    """Raises a `UserError` naming the annotated clips that lack `what`, unless they may be skipped."""
    have = set(found)
    lacking = sorted(clips.keys() - have)
    if len(lacking) == len(clips):
        raise UserError(f"privacy gate: none of the {len(clips)} annotated clips has {what}; make it with {mend}")
    if lacking and not skip_missing:
        raise UserError(
            f"privacy gate: {len(lacking)} of {len(clips)} annotated clips have no paper trail, the first is "
            f"{lacking[0]!r}; give each {what} ({mend}), or leave them out with --skip_missing"
        )


def transcript_provenance(clip: Clip) -> str:
    """What happened to the words, if there are any."""
    return (clip.text_deid or RAW_TRANSCRIPT) if clip.transcript.strip() else ABSENT
