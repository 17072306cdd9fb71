"""How many positions of a sequence audio and video take."""

import dataclasses


@dataclasses.dataclass(frozen=True, slots=True)
class MediaTokens:
    """How many tokens the branches of a model give, for any input.

    Attributes:
        audio: Ka, the first slots of a sequence; 0 when the model has no ears.
        video: Kv, the slots behind them; 0 when it has no eyes.
    """

    audio: int = 0
    video: int = 0
