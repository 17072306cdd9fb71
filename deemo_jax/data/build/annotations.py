"""Annotations of clips, and the checks that both ways through the privacy gate share."""

import collections
import dataclasses
from collections.abc import Iterable, Mapping
from pathlib import Path

from deemo_jax.core.errors import UserError
from deemo_jax.core.schema import ABSENT, DEEMO_LABELS, RAW_TRANSCRIPT, Clip, Labels, close_key
from deemo_jax.deid.text.annotation_tables import annotation_rows
from deemo_jax.deid.text.transcripts import STAMP, text_deid

# Keys of a row that are read.
KEYS = frozenset(field.name for field in dataclasses.fields(Clip) if field.name != "text_deid") | {STAMP, "file"}
# The most unused keys that a note names.
MOST_KEYS = 20


@dataclasses.dataclass(frozen=True, slots=True)
class Annotation:
    """A row of annotations.

    Attributes:
        where: file and number of the row, for messages.
        number: of the row, from 1.
        clip: the content of the row; its clip id is `named` where the row has none.
        named: the recording: the row's "file" where there is one, else its clip id.
        by_file: whether `named` is the name or path of a raw file.
        has_id: whether a row with "file" has a clip id too.
    """

    where: str
    number: int
    clip: Clip
    named: str
    by_file: bool
    has_id: bool


def read_rows(path: str | Path, labels: Labels = DEEMO_LABELS) -> list[Annotation]:
    """Reads annotations, JSON lines or a table (see `Clip.from_json`); unknown keys are ignored.

    Args:
        path: of the file.
        labels: of the dataset; a row with another label is refused.

    Raises:
        UserError: the file cannot be read, has a malformed row or none, or texts that were changed since they were
            redacted (`deemo_jax.deid.text.transcripts`).
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
    """The clips of annotations by their ids. A row that has no id but a file gets the file's name without its suffix.

    Arguments as for `read_rows`.

    Raises:
        UserError: see `read_rows`; or a clip id occurs twice.
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
    """A note on keys of annotation rows that are not read, which may be misspelt; empty where there are none."""
    counts = collections.Counter(key for row in annotation_rows(path) for key in row.keys() - KEYS)
    said = []
    for key in sorted(counts):
        meant = close_key(key, KEYS)
        said.append(f"{key!r} in {counts[key]} rows" + (f" (is {meant!r} meant?)" if meant else ""))
    return [f"keys of the annotations that are not used: {', '.join(said[:MOST_KEYS])}"] if said else []


def require(clips: Mapping[str, Clip], found: Iterable[str], what: str, mend: str, skip_missing: bool) -> None:
    """Checks that annotated clips have a paper trail.

    Args:
        clips: the annotated clips, by their ids.
        found: ids of clips with a paper trail.
        what: the paper trail, in words.
        mend: how to make one.
        skip_missing: whether clips without one are accepted, as long as some have one.

    Raises:
        UserError: clips lack it.
    """
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
    """How a clip's transcript was de-identified, for its provenance."""
    return (clip.text_deid or RAW_TRANSCRIPT) if clip.transcript.strip() else ABSENT
