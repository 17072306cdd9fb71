"""Which rows of predictions reach a judge, and which are left out and counted."""

import dataclasses
from collections.abc import Sequence
from typing import Any

from deemo_jax.core.errors import UserError
from deemo_jax.evaluation.judge.protocols.quoted import is_cut
from deemo_jax.evaluation.predictions import Prediction

# Rows of a system, at most: the memory of intervals grows with them.
MOST_ROWS = 10_000


@dataclasses.dataclass(frozen=True, slots=True)
class Selection:
    """The rows that are judged.

    Attributes:
        rows: have a reference, and may be sent. Those with an empty reasoning are not sent: they get the lowest score.
        raw: rows left out since names may stand in their texts.
        without_reference: rows left out since there is nothing to compare with.
        empty: rows among `rows` with an empty reasoning.
        cut: rows among `rows` with a text of which the judge sees the beginning only.
    """

    rows: tuple[Prediction, ...]
    raw: int
    without_reference: int
    empty: int
    cut: int

    def counts(self) -> dict[str, Any]:
        """The counts as judge.json has them."""
        return {
            "rows": len(self.rows),
            "left_out_raw_text": self.raw,
            "left_out_without_reference": self.without_reference,
            "empty_reasonings": self.empty,
            "texts_cut": self.cut,
        }


def select(rows: Sequence[Prediction], name: str, *, include_raw_text: bool, need_reference: bool = True) -> Selection:
    """Chooses the rows that are judged.

    Args:
        rows: a prediction for each clip.
        name: of the system, for messages.
        include_raw_text: whether rows are taken in whose texts names may stand.
        need_reference: whether rows without a reference are left out.

    Raises:
        UserError: no row is left, no row has a reasoning, or there are too many.
    """
    sendable = [row for row in rows if include_raw_text or not row.raw_text]
    chosen = [row for row in sendable if row.reference.strip() or not need_reference]
    if not sendable:
        unknown = sum(row.transcript_provenance is None for row in rows)
        raise UserError(
            f"{name}: none of {len(rows)} rows may be sent, since names may stand in their texts ({unknown} do not say "
            f"how names were taken out, by transcript_provenance; {len(rows) - unknown} say that they were not); where "
            "the texts may leave this machine, give --include_raw_text"
        )
    if not chosen:
        raise UserError(
            f"{name}: none of {len(sendable)} rows has a reference reasoning; name annotations with --truth"
        )
    if len(chosen) > MOST_ROWS:
        raise UserError(f"{name}: {len(chosen):,} rows; judge at most {MOST_ROWS:,} at once, a random part of them")
    empty = sum(not row.reasoning.strip() for row in chosen)
    if empty == len(chosen):
        raise UserError(f"{name}: none of {len(chosen)} rows has a reasoning; give rows `reasoning` or `answer`")
    return Selection(
        rows=tuple(chosen),
        raw=len(rows) - len(sendable),
        without_reference=len(sendable) - len(chosen),
        empty=empty,
        cut=sum(is_cut(row.reasoning) or is_cut(row.reference) for row in chosen),
    )
