"""Whether the loss is what it was: a spike is noticed, so that a checkpoint from before it is kept and named."""

import math
import statistics
from collections import deque
from collections.abc import Iterable, Mapping
from typing import Any

# Steps whose median says what a usual loss is.
WINDOW = 32
# A loss above FACTOR times that, and MARGIN nats more (a small loss varies by more than its size), is a spike.
FACTOR, MARGIN = 1.5, 0.5
# Usual losses in a row that end a spike: a run that goes to pieces has good steps, too.
CALM = 10


class LossSpikes:
    """Of a run so far; the same on every process, since the loss is.

    Args:
        stored: of `to_json`; default: nothing was seen.

    Attributes:
        since: the first step of the spike that lasts, or None.
    """

    def __init__(self, stored: Mapping[str, Any] | None = None) -> None:
        stored = stored or {}
        self._usual = deque[float](stored.get("usual", ()), WINDOW)
        self.since: int | None = stored.get("since")
        self._calm = int(stored.get("calm", 0))

    def see(self, step: int, loss: float, skipped: bool) -> None:
        """Takes in a finished step."""
        usual = statistics.median(self._usual) if self._usual else math.inf
        if skipped or not math.isfinite(loss) or loss > FACTOR * usual + MARGIN:
            self.since, self._calm = step if self.since is None else self.since, 0
            return
        self._usual.append(loss)
        self._calm += 1
        if self._calm >= CALM:
            self.since = None

    def before(self, checkpoints: Iterable[int]) -> int | None:
        """The newest of these checkpoints from before the spike; None where there is no spike, or none so old.

        The loss of a step is that of the parameters before its update, so the update that did the harm may be in the
        checkpoint right before the spike. An older one is better.
        """
        if self.since is None:
            return None
        older = sorted(step for step in checkpoints if step < self.since)
        return next((step for step in reversed(older) if step < self.since - 1), older[-1] if older else None)

    def to_json(self) -> dict[str, Any]:
        """What a checkpoint keeps of it."""
        return {"usual": list(self._usual), "since": self.since, "calm": self._calm}
