"""What the records of a dataset say of themselves, counted: clips, persons, labels, and how each was de-identified."""

import collections
import dataclasses
from collections.abc import Iterable

from deemo_jax.core.schema import RAW_TRANSCRIPT
from deemo_jax.data.clip_source import Record
from deemo_jax.data.deid_methods import DeidMethods


@dataclasses.dataclass(frozen=True)
class SplitCounts:
    """The records of one split, counted.

    Attributes:
        clips: number of records.
        persons: persons that are named, by pseudonym.
        nameless: records whose person is unknown.
        labels: emotion -> records.
        seconds: of all clips, by their annotation.
    """

    clips: int
    persons: frozenset[str]
    nameless: int
    labels: collections.Counter[str]
    seconds: float


@dataclasses.dataclass(frozen=True)
class RecordCounts:
    """The records of a dataset, counted.

    Attributes:
        splits: name -> its counts.
        methods: how each modality was de-identified.
        software: versions of the software that de-identified, as JSON -> records.
        external: records that were de-identified elsewhere, by attestation.
        raw: records whose transcript is not de-identified.
    """

    splits: dict[str, SplitCounts]
    methods: DeidMethods
    software: collections.Counter[str]
    external: int
    raw: int

    @property
    def clips(self) -> int:
        """Number of records."""
        return sum(split.clips for split in self.splits.values())

    @property
    def persons(self) -> int:
        """Persons that are named, each counted once."""
        return len(frozenset().union(*(split.persons for split in self.splits.values())))

    @property
    def recurring(self) -> int:
        """Persons who are in more than one split."""
        seen = collections.Counter(person for split in self.splits.values() for person in split.persons)
        return sum(times > 1 for times in seen.values())


def count(splits: Iterable[tuple[str, Iterable[Record]]]) -> RecordCounts:
    """Counts records, which may lack frames and spectrograms, once through."""
    counted: dict[str, SplitCounts] = {}
    methods = DeidMethods()
    software: collections.Counter[str] = collections.Counter()
    external = raw = 0
    for name, records in splits:
        persons: set[str] = set()
        labels: collections.Counter[str] = collections.Counter()
        nameless, seconds = 0, 0.0
        for record in records:
            clip, trail = record.clip, record.provenance
            labels[clip.emotion] += 1
            seconds += max(clip.end_s - clip.start_s, 0.0)
            nameless += not clip.person_id
            persons |= {clip.person_id} if clip.person_id else set()
            methods.add(trail)
            software[trail.software] += bool(trail.software)
            external += trail.source == "external"
            raw += trail.transcript == RAW_TRANSCRIPT
        counted[name] = SplitCounts(labels.total(), frozenset(persons), nameless, labels, seconds)
    return RecordCounts(counted, methods, +software, external, raw)
