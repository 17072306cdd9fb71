"""How many positions of a sequence audio and video take."""

import dataclasses


@dataclasses.dataclass(frozen=True, slots=True)
class MediaTokens:
    """How many tokens the branches of a model give, for any input.

    Attributes:
        audio: Ka; 0 for a model without audio. Their slots in `Batch.slots` are 0 to Ka - 1.
        video: Kv; 0 for a model without video. Their slots are Ka to Ka + Kv - 1.
    """

    audio: int = 0
    video: int = 0
