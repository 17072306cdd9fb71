"""What makes one evaluation of a run another one than the next, and the name of its folder."""

import dataclasses
import re
from typing import Any

# A folder's name may have 255 bytes.
LONGEST = 120


@dataclasses.dataclass(frozen=True, slots=True)
class Setting:
    """How a run is evaluated. How many clips are answered at once is no part of it: it changes no answer.

    Attributes:
        split: of the dataset.
        limit: only so many clips of it; 0 is all.
        step: of the checkpoint; None for a converted one, which has no steps.
        weights: names that very checkpoint.
        sets: what the model is shown, as `schema.set_name` writes it.
        max_new_tokens: an answer's longest length.
        data: names the dataset's content.
        truth: SHA-256 of the file that overrules the labels; empty for none.
    """

    split: str
    limit: int
    step: int | None
    weights: str
    sets: tuple[str, ...]
    max_new_tokens: int
    data: str
    truth: str = ""

    def to_json(self) -> dict[str, Any]:
        return {**dataclasses.asdict(self), "sets": list(self.sets)}

    @property
    def name(self) -> str:
        """For people: 'test-first24-step640-all+transcript'. Other settings can have the same."""
        first = [f"first{self.limit}"] if self.limit else []
        sets = "+".join(chosen.replace(",", "_") for chosen in self.sets)
        step = "converted" if self.step is None else f"step{self.step}"
        split = re.sub(r"[^A-Za-z0-9.]+", "_", self.split).strip("_.") or "split"
        return "-".join([split[:LONGEST], *first, step, sets if len(sets) <= LONGEST else f"{len(self.sets)}sets"])
