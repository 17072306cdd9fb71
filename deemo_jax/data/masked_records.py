"""How many records may be unreadable before a pass over the data ends: a few cost themselves, many cost the result."""

import collections
from collections.abc import Mapping

from deemo_jax.core.errors import UserError
from deemo_jax.core.recipe import MaskedLimits

WINDOW = 100
"""Steps that `masked_window` looks back over."""
LEAST = 4
"""So many rows of a batch, or records of a split, at least: in batches of two or three, chance alone would mask all."""
MEND = "look at the disk, copy the dataset again or build it again with --overwrite"


def check_split(limits: MaskedLimits, unreadable: Mapping[int, str], size: int, split: str) -> None:
    """Whether so many different records of a split may be unreadable.

    Args:
        limits: the shares.
        unreadable: index -> what was wrong.
        size: records of the split.
        split: its name.

    Raises:
        UserError: there are too many.
    """
    if len(unreadable) > max(limits.masked_split * size, LEAST - 1):
        index, reason = next(iter(unreadable.items()))
        raise UserError(
            f"split {split!r}: {len(unreadable)} of its {size} records cannot be read, more than the share "
            f"{limits.masked_split:g} of config.data.masked_split; the first is {index} ({reason}); {MEND}"
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
