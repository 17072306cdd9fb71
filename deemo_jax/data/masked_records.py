"""Ends a pass over the data where too many records cannot be read; single ones are masked and the pass goes on."""

import collections
from collections.abc import Mapping

from deemo_jax.core.errors import UserError
from deemo_jax.core.recipe import MaskedLimits

# Steps that the limit `masked_window` is counted over.
WINDOW = 100
# The limits `masked_batch` and `masked_split` end nothing below so many records: in a batch of two, one bad record is
# half of it.
LEAST = 4
MEND = "look at the disk, copy the dataset again or build it again with --overwrite"


def check_split(limits: MaskedLimits, unreadable: Mapping[int, str], size: int, split: str) -> None:
    """Checks the number of unreadable records of a split.

    Args:
        limits: the shares that are accepted.
        unreadable: index of a record -> what was wrong with it.
        size: number of records in the split.
        split: its name, for the message.

    Raises:
        UserError: more than the share `masked_split` is unreadable.
    """
    if len(unreadable) > max(limits.masked_split * size, LEAST - 1):
        index, reason = next(iter(unreadable.items()))
        raise UserError(
            f"split {split!r}: {len(unreadable)} of its {size} records cannot be read, more than the share "
            f"{limits.masked_split:g} of config.data.masked_split; the first is {index} ({reason}); {MEND}"
        )


class MaskedCount:
    """Counts the masked rows of a run's steps, of all processes.

    Args:
        limits: the shares that are accepted.
        batch_size: rows of a step.
        size: number of records in the training split.
        split: its name, for messages.
        reasons: index -> what was wrong, of the unreadable records that this process has met; others add to it.
    """

    def __init__(
        self, limits: MaskedLimits, batch_size: int, size: int, split: str, reasons: Mapping[int, str]
    ) -> None:
        epoch = -(-size // batch_size)
        self._split, self._reasons = split, reasons
        # Limit -> number of last steps that it is counted over, its share, and the most masked rows in these steps.
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
            masked: masked rows of its batch, of all processes.

        Raises:
            UserError: a limit is exceeded.
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
