"""How many direct and quasi identifiers still stand in redacted texts, and about how many persons nothing stands there.

After the Text Anonymization Benchmark (Pilan et al. 2022) an entity is gone where all its mentions are; direct and
quasi identifiers are counted apart. Axes: P persons.
"""

import dataclasses
from collections.abc import Sequence

import numpy as np
from jaxtyping import Int

from deemo_jax.audit.attacks.words.guess_scores import share_over_persons
from deemo_jax.audit.attacks.words.speakers import Speakers
from deemo_jax.audit.attacks.words.spoken_texts import DIRECT, QUASI, SpokenText
from deemo_jax.audit.attacks.words.text_versions import left_in
from deemo_jax.core.stats import Interval


@dataclasses.dataclass(frozen=True, slots=True, eq=False)
class IdentifiersLeft:
    """Identifiers of one kind, or of both.

    Attributes:
        what: which.
        entities: of each person; one is a name, a team and so on, however often it is mentioned in a text.
        gone: of these, those of which no mention stands in the redacted text.
    """

    what: str
    entities: Int[np.ndarray, " P"]
    gone: Int[np.ndarray, " P"]

    @property
    def recall(self) -> Interval:
        """The share of entities that are gone, with its interval over persons."""
        return share_over_persons(self.gone, self.entities)

    @property
    def persons(self) -> tuple[int, int]:
        """Persons with such identifiers of whom none is left; and all persons with such identifiers."""
        some = self.entities > 0
        return int((some & (self.gone == self.entities)).sum()), int(some.sum())


def identifiers_left(said: Sequence[SpokenText], redacted: Sequence[str], speakers: Speakers) -> list[IdentifiersLeft]:
    """Counts direct, quasi and all identifiers; one that stands anywhere in the redacted text is left.

    Args:
        said: the texts, with identifiers.
        redacted: the same texts, redacted.
        speakers: their persons.
    """
    entities = {kind: np.zeros(speakers.count, int) for kind in (DIRECT, QUASI)}
    gone = {kind: np.zeros(speakers.count, int) for kind in (DIRECT, QUASI)}
    for text, left, person in zip(said, redacted, speakers.persons, strict=True):
        mentions: dict[tuple[str, str], set[str]] = {}
        for one in text.identifiers:
            words = text.text[one.start : one.end]
            mentions.setdefault((one.kind, one.entity or words.casefold()), set()).add(words)
        for (kind, _), forms in mentions.items():
            entities[kind][person] += 1
            gone[kind][person] += not any(left_in(words, left) for words in forms)
    kinds = [IdentifiersLeft(kind, entities[kind], gone[kind]) for kind in (DIRECT, QUASI)]
    both = IdentifiersLeft(f"{DIRECT} or {QUASI}", entities[DIRECT] + entities[QUASI], gone[DIRECT] + gone[QUASI])
    return [*kinds, both]
