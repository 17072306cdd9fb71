"""Redacts one file, of annotations or a transcript; the file's ending decides on its format."""

import dataclasses
import os
from collections.abc import Mapping
from pathlib import Path

from deemo_jax.core.errors import UserError
from deemo_jax.deid.source_map import load, map_file
from deemo_jax.deid.text.annotation_tables import are_annotations
from deemo_jax.deid.text.captions import TIMED, WRITTEN
from deemo_jax.deid.text.fuzzy_names import Names
from deemo_jax.deid.text.spoken import Transcripts, redact_cues
from deemo_jax.deid.text.transcripts import Summary, find_engine, read_names, redact_file

# File endings of annotations.
LISTS = frozenset({".jsonl", ".json", ".csv", ".tsv"})


@dataclasses.dataclass(frozen=True, slots=True)
class Redacted:
    """What became of a file.

    Attributes:
        told: what was replaced, in a line.
        warnings: what a person must know of rows that could not be redacted, a line each.
    """

    told: str
    warnings: tuple[str, ...] = ()


def redact_words(
    source: Path,
    target: Path,
    *,
    names: Path | None = None,
    engine: str = "rules",
    transcripts: Path | None = None,
    source_map: Path | None = None,
    key: str | os.PathLike[str] | None = None,
) -> Redacted:
    """Writes annotations or a transcript without names; whole or not at all.

    Args:
        source: annotations (JSON lines, or a table) or a transcript (`deemo_jax.deid.text.captions`).
        target: another file. Annotations are written as JSON lines, a transcript in the format of the file's ending.
        names: file with a list of names that are always removed.
        engine: one of `transcripts.ENGINES`, which finds other names.
        transcripts: folder of transcripts, for annotations without words.
        source_map: private list of which raw file is which clip, so that rows name clips in place of files; None for
            the one beside the key, where it exists.
        key: file of the voice key; None for the default one.

    Raises:
        UserError: a file or folder is missing or malformed, or the endings of source and target do not fit.
    """
    listed = read_names(names) if names else Names()
    finder = find_engine(engine)
    is_timed = source.suffix.lower() in TIMED and not are_annotations(source)
    becomes_transcript = target.suffix.lower() in WRITTEN
    if not is_timed and becomes_transcript and source.suffix.lower() in LISTS:
        raise UserError(f"{target}: annotations are written as JSON lines; give --out the ending .jsonl")
    if is_timed or becomes_transcript:
        return Redacted(f"{target}: {_counted(redact_cues(source, target, listed, finder))}")
    words = Transcripts(transcripts, listed, finder) if transcripts else None
    beside_key = source_map or map_file(key)
    known = load(beside_key) if source_map or beside_key.exists() else None
    found = redact_file(source, target, listed, finder, words, known)
    return Redacted(f"{target}: {found.rows} rows; {_counted(found.counts)}", warnings(found))


def warnings(found: Summary) -> tuple[str, ...]:
    """Warnings about rows that could not be redacted, and about keys that were left out."""
    said = []
    if found.dropped:
        said.append(f"left out, since they may hold what was removed: {', '.join(found.dropped)}")
    said += [
        f"{count} of {found.rows} rows could not be read: {why}. They have no stamp and count as raw; only listed names"
        " (--names) are out of them"
        for why, count in found.unread.items()
    ]
    if found.uncapitalised:
        said.append(
            f"{found.uncapitalised} of {found.rows} transcripts have no capitals: names are found there by lists only;"
            " give your own with --names"
        )
    return tuple(said)


def _counted(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{count} {kind}" for kind, count in counts.items()) or "no names"
