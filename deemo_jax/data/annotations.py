"""Annotations, and what both doors of the privacy gate ask of them."""

import collections
import dataclasses
from collections.abc import Iterable, Mapping
from pathlib import Path

from deemo_jax.deid.transcripts import STAMP, text_deid
from deemo_jax.errors import UserError
from deemo_jax.files import read_jsonl
from deemo_jax.schema import Clip, close_key

KEYS = frozenset(field.name for field in dataclasses.fields(Clip) if field.name != "text_deid") | {STAMP}
MOST_KEYS = 20
RAW_TRANSCRIPT = "not de-identified"
# Of provenance: a modality that is not there.
ABSENT = "none"


def read_annotations(path: str | Path) -> dict[str, Clip]:
    """Reads annotation JSON lines (`Clip.from_json`; extra keys are left alone), by clip id.

    Raises:
        UserError: unreadable, a malformed row, texts that are not those of their stamp (`deemo_jax.deid.transcripts`),
            a clip id that comes twice, or no row at all.
    """
    clips: dict[str, Clip] = {}
    rows: dict[str, int] = {}
    for number, row in enumerate(read_jsonl(path), 1):
        where = f"{path}: row {number}"
        clip = dataclasses.replace(Clip.from_json(row, where), text_deid=text_deid(row, where))
        if clip.clip_id in clips:
            raise UserError(
                f"{where}: clip {clip.clip_id!r} comes twice, first in row {rows[clip.clip_id]}; every clip has one row"
            )
        rows[clip.clip_id] = number
        clips[clip.clip_id] = clip
    if not clips:
        raise UserError(f"{path}: holds no annotation")
    return clips


def unused_keys(path: str | Path) -> list[str]:
    """A note on keys of annotation rows that nothing reads, where there are any: they may be slips of the pen."""
    counts = collections.Counter(key for row in read_jsonl(path) for key in row.keys() - KEYS)
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
