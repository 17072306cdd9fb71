"""The texts of a dataset as JSON lines, for readers that know no ArrayRecord: texts.jsonl beside the shards."""

import dataclasses
import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, TextIO

from deemo_jax.core.schema import ABSENT, RAW_TRANSCRIPT
from deemo_jax.data.clip_source import Record

FILE = "texts.jsonl"
# Field of a row -> its Croissant data type, and what it means. Times are seconds.
FIELDS: Mapping[str, tuple[str, str]] = {
    "clip_id": ("sc:Text", "a pseudonym, unique in the dataset"),
    "split": ("sc:Text", "the split that the clip is in"),
    "video_id": ("sc:Text", "the recording that the clip was cut from, a pseudonym"),
    "person_id": ("sc:Text", "who is seen, a pseudonym; empty when unknown"),
    "start_s": ("sc:Float", "where the clip starts in its recording, seconds"),
    "end_s": ("sc:Float", "where it ends there, seconds"),
    "emotion": ("sc:Text", "the label"),
    "transcript": ("sc:Text", "what is said; empty when unknown"),
    "reasoning": ("sc:Text", "the reference explanation; empty where there is none"),
    "nfbl_labels": ("sc:Text", "non-facial body language, in the order of the annotation"),
    "nfbl_start_s": ("sc:Float", "where each of it starts, seconds within the clip"),
    "nfbl_end_s": ("sc:Float", "where each of it ends, seconds within the clip"),
    "transcript_deid": ("sc:Text", "how names were taken out of the texts"),
}
# Those that are lists.
LISTS = frozenset({"nfbl_labels", "nfbl_start_s", "nfbl_end_s"})


def may_leave(record: Record) -> bool:
    """Whether a record's texts are known to be de-identified, or it has none.

    Where there is no transcript, the record does not say whether the reasoning was redacted: then it counts as raw.
    """
    if record.provenance.transcript == ABSENT:
        return not record.clip.transcript.strip() and not record.clip.reasoning.strip()
    return record.provenance.transcript != RAW_TRANSCRIPT


def row(split: str, record: Record) -> dict[str, Any]:
    """A record as a row of the view, with the keys of `FIELDS`."""
    known = dataclasses.asdict(record.clip)
    found = {key: known[key] for key in FIELDS if key in known}
    segments = record.clip.nfbl
    found |= {
        "split": split,
        "nfbl_labels": [segment.label for segment in segments],
        "nfbl_start_s": [segment.start_s for segment in segments],
        "nfbl_end_s": [segment.end_s for segment in segments],
        "transcript_deid": record.provenance.transcript,
    }
    return {key: found[key] for key in FIELDS}


@dataclasses.dataclass
class TextView:
    """Writes the rows of records as they come, and counts those that are left out.

    Attributes:
        file: where to.
        include_raw: whether texts that are not known to be de-identified are shown.
        rows: how many were written.
        left_out: records that are not shown.
        raw: records that are shown though their texts are not known to be de-identified.
    """

    file: TextIO
    include_raw: bool
    rows: int = 0
    left_out: int = 0
    raw: int = 0

    def watching(self, split: str, records: Iterable[Record]) -> Iterator[Record]:
        """Yields records as they come, after writing the rows of those that may be shown."""
        for record in records:
            clean = may_leave(record)
            if clean or self.include_raw:
                self.file.write(json.dumps(row(split, record), ensure_ascii=False) + "\n")
                self.rows += 1
                self.raw += not clean
            else:
                self.left_out += 1
            yield record
