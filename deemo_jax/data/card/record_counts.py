"""What the records of a dataset say of themselves, counted: clips, persons, labels, and how each was de-identified."""

import collections
import dataclasses
import re
from collections.abc import Iterable

from deemo_jax.core.schema import ABSENT, Modality
from deemo_jax.data.build.annotations import RAW_TRANSCRIPT
from deemo_jax.data.clip_source import Record

# What differs from clip to clip in a line of provenance: the id of a voice's key, the number of words replaced.
_OF_ONE_CLIP = re.compile(r", (?:key \w+|\d+ replaced)$")
# The modalities of which records say how they were de-identified.
TREATED = (Modality.VIDEO, Modality.AUDIO, Modality.TRANSCRIPT)


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
        methods: modality -> how it was de-identified -> records; "none" where records lack it.
        software: versions of the software that de-identified, as JSON -> records.
        external: records that were de-identified elsewhere, by attestation.
        raw: records whose transcript is not de-identified.
    """

    splits: dict[str, SplitCounts]
    methods: dict[Modality, collections.Counter[str]]
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

    def absent(self, modality: Modality) -> int:
        """Records without a modality."""
        return self.methods[modality][ABSENT]


def count(splits: Iterable[tuple[str, Iterable[Record]]]) -> RecordCounts:
    """Counts records, which may lack frames and spectrograms, once through."""
    counted: dict[str, SplitCounts] = {}
    methods: dict[Modality, collections.Counter[str]] = {modality: collections.Counter() for modality in TREATED}
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
            for modality in TREATED:
                methods[modality][_OF_ONE_CLIP.sub("", getattr(trail, modality))] += 1
            software[trail.software] += bool(trail.software)
            external += trail.source == "external"
            raw += trail.transcript == RAW_TRANSCRIPT
        counted[name] = SplitCounts(labels.total(), frozenset(persons), nameless, labels, seconds)
    return RecordCounts(counted, methods, +software, external, raw)
