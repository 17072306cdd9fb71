"""How many records may be unreadable before a pass over the data ends: a few cost themselves, many cost the result."""

import collections
import dataclasses
from collections.abc import Mapping
from typing import Any

from deemo_jax.core.errors import UserError

WINDOW = 100
"""Steps that `masked_window` looks back over."""
LEAST = 4
"""So many at least: in batches of two or three, chance alone would mask all of one."""
KEYS = ("masked_batch", "masked_window", "masked_split")
MEND = "look at the disk, copy the dataset again or build it again with --overwrite"


@dataclasses.dataclass(frozen=True)
class MaskedLimits:
    """Shares of rows that may be masked, each in (0, 1]; 1 never ends anything.

    Attributes:
        masked_batch: of one batch, where at least `LEAST` rows are.
        masked_window: of the rows of `WINDOW` steps.
        masked_split: of the records of a split, in one pass over it, where at least `LEAST` are.
    """

    masked_batch: float = 0.5
    masked_window: float = 0.25
    masked_split: float = 0.25

    @classmethod
    def from_config(cls, data: Mapping[str, Any]) -> "MaskedLimits":
        """Reads `config.data`; keys that an older run lacks have their defaults.

        Raises:
            UserError: a share is not in (0, 1].
        """
        given = {key: float(data[key]) for key in KEYS if key in data}
        for key, value in given.items():
            if not 0 < value <= 1:
                raise UserError(f"config.data.{key}: {value} must be a share above 0 and at most 1")
        return cls(**given)

    def check_split(self, unreadable: Mapping[int, str], size: int, split: str) -> None:
        """Whether so many different records of a split may be unreadable.

        Args:
            unreadable: index -> what was wrong.
            size: records of the split.
            split: its name.

        Raises:
            UserError: there are too many.
        """
        if len(unreadable) > max(self.masked_split * size, LEAST - 1):
            index, reason = next(iter(unreadable.items()))
            raise UserError(
                f"split {split!r}: {len(unreadable)} of its {size} records cannot be read, more than the share "
                f"{self.masked_split:g} of config.data.masked_split; the first is {index} ({reason}); {MEND}"
            )


class MaskedCount:
    """Masked rows of a run's steps, over all processes.

    Args:
        limits: when to end the run.
        batch_size: rows of a step.
        size: records of the training split.
        split: its name.
        reasons: what this process knows of unreadable records, by index; grows meanwhile.
    """

    def __init__(
        self, limits: MaskedLimits, batch_size: int, size: int, split: str, reasons: Mapping[int, str]
    ) -> None:
        epoch = -(-size // batch_size)
        self._split, self._reasons = split, reasons
        # Limit -> how many steps it looks back over, its share, and the masked rows in them that it still allows.
        self._spans = {
            "masked_batch": (1, limits.masked_batch, max(limits.masked_batch * batch_size, LEAST - 1)),
            "masked_window": (WINDOW, limits.masked_window, limits.masked_window * WINDOW * batch_size),
            "masked_split": (epoch, limits.masked_split, max(limits.masked_split * epoch * batch_size, LEAST - 1)),
        }
        self._steps: collections.deque[int] = collections.deque(maxlen=max(WINDOW, epoch) + 1)
        self._sums = dict.fromkeys(self._spans, 0)

    def add(self, step: int, masked: int) -> None:
        """Takes in a finished step.

        Args:
            step: its number, for the message.
            masked: rows of its batch that were masked, over all processes.

        Raises:
            UserError: a limit is passed.
        """
        self._steps.append(masked)
        for key, (span, share, most) in self._spans.items():
            self._sums[key] += masked - (self._steps[-span - 1] if len(self._steps) > span else 0)
            if share < 1 and self._sums[key] > most:
                where = "its batch" if span == 1 else f"the last {span} steps"
                first = next(iter(self._reasons.items()), None)
                known = f"; one is record {first[0]} ({first[1]})" if first else ""
                raise UserError(
                    f"step {step}: {self._sums[key]} rows of {where} could not be read from split {self._split!r}, "
                    f"more than the share {share:g} of config.data.{key}{known}; {MEND}, then go on from the last "
                    "checkpoint with --resume"
                )
