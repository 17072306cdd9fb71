"""How the records of a dataset were de-identified: each modality's methods, and how many records say so."""

import collections
import re
from collections.abc import Mapping
from typing import Any

from deemo_jax.core.schema import ABSENT, Modality, Provenance

# Key of a dataset's metadata.json that holds the counts.
KEY = "deidentified"
# The modalities of which records say how they were de-identified.
TREATED = (Modality.VIDEO, Modality.AUDIO, Modality.TRANSCRIPT)
# What differs from clip to clip in a line of provenance: the id of a voice's key, the number of words replaced.
_OF_ONE_CLIP = re.compile(r", (?:key \w+|\d+ replaced)$")


class DeidMethods:
    """Counts of methods, by modality; "none" where records lack it."""

    def __init__(self) -> None:
        self._counts: dict[Modality, collections.Counter[str]] = {of: collections.Counter() for of in TREATED}

    def add(self, trail: Provenance) -> None:
        """Counts one record."""
        for modality, counts in self._counts.items():
            counts[_OF_ONE_CLIP.sub("", getattr(trail, modality))] += 1

    def of(self, modality: Modality) -> Mapping[str, int]:
        """Method -> records that have the modality and were treated so."""
        counts = self._counts[modality]
        return {method: counts[method] for method in sorted(counts) if method and method != ABSENT}

    def absent(self, modality: Modality) -> int:
        """Records without a modality."""
        return self._counts[modality][ABSENT]

    def to_json(self) -> dict[str, Any]:
        """Modality -> method -> records, as metadata.json has it."""
        return {str(modality): dict(sorted(counts.items())) for modality, counts in self._counts.items()}
