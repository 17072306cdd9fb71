"""Finds spikes of the loss and steps that teach nothing, so that a checkpoint from before them is kept."""

import math
import statistics
from collections import deque
from collections.abc import Collection, Iterable, Mapping
from typing import Any

# The usual loss is the median of so many steps outside of spikes.
WINDOW = 32
# A loss above FACTOR times the usual loss plus MARGIN nats is a spike; the margin is for losses near 0, which vary by
# more than a factor.
FACTOR, MARGIN = 1.5, 0.5
# A spike ends after so many usual losses in a row: a run that diverges has single good steps, too.
CALM = 10


class LossSpikes:
    """The losses of a run so far; the same on every process, since the loss is.

    Args:
        stored: what `to_json` gave; None before the first step.

    Attributes:
        since: the first step of the spike that has not ended; None where there is none.
        barren_since: the first of the steps in a row, up to the last one, that taught nothing: skipped ones, and those
            whose batch had no targets; None where the last one did.
    """

    def __init__(self, stored: Mapping[str, Any] | None = None) -> None:
        stored = stored or {}
        self._usual = deque[float](stored.get("usual", ()), WINDOW)
        self.since: int | None = stored.get("since")
        self._calm = int(stored.get("calm", 0))
        self.barren_since: int | None = stored.get("barren_since")

    def see(self, step: int, loss: float, skipped: bool) -> None:
        """Takes in a finished step: its number, its loss in nats, and whether it was skipped as not finite."""
        usual = statistics.median(self._usual) if self._usual else math.inf
        if skipped or not math.isfinite(loss) or loss > FACTOR * usual + MARGIN:
            self.since, self._calm = step if self.since is None else self.since, 0
            return
        self._usual.append(loss)
        self._calm += 1
        if self._calm >= CALM:
            self.since = None

    def see_taught(self, step: int, taught: bool) -> None:
        """Takes in whether a finished step changed the parameters."""
        if taught:
            self.barren_since = None
        elif self.barren_since is None:
            self.barren_since = step

    def anchors(self, checkpoints: Collection[int]) -> set[int]:
        """Those of the steps `checkpoints` that are to stay: the last good ones, while steps are bad."""
        barren = self.barren_since
        whole = None if barren is None else max((step for step in checkpoints if step < barren), default=None)
        return {step for step in (self.before(checkpoints), whole) if step is not None}

    def before(self, checkpoints: Iterable[int]) -> int | None:
        """The newest of the steps `checkpoints` before the spike; None where there is no spike, or no older checkpoint.

        The loss of a step is that of the parameters before its update, so the harmful update may already be in the
        checkpoint of the step right before the spike; an older one is preferred.
        """
        if self.since is None:
            return None
        older = sorted(step for step in checkpoints if step < self.since)
        return next((step for step in reversed(older) if step < self.since - 1), older[-1] if older else None)

    def to_json(self) -> dict[str, Any]:
        """The state, as a checkpoint's metadata holds it."""
        return {"usual": list(self._usual), "since": self.since, "calm": self._calm, "barren_since": self.barren_since}
