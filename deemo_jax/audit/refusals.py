"""The refused list of a folder: how many sources have no clip, and why, in words of this project.

The list is a file that others may have written. So no text of it is shown: a reason counts under the phrase of ours
that it begins with, and else as another reason.
"""

import dataclasses
import re
from collections import Counter
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path
from typing import Any

from deemo_jax.core import files
from deemo_jax.core.errors import UserError
from deemo_jax.deid.folder.refused_list import REFUSALS
from deemo_jax.deid.manifest import CLIP_ID

# How the reasons of `deemo_jax.deid` and `deemo_jax.media` begin -> what is shown.
PHRASES = {
    r"a face is lost\b": "a face is lost",
    r"a face of \d+ pixels, smaller than smallest_face, is lost": "a face smaller than smallest_face is lost",
    r"no face was found in any frame": "no face was found in any frame",
    r"(a scene shows|\d+ scenes show) nobody": "a scene shows nobody",
    r"somebody is seen in a scene that seemed to show nobody": "somebody is seen in a scene that seemed empty",
    r"a face is still seen beside the masks": "a face is still seen beside the masks",
    r"what is surely a face is seen beside the corrected tracks": "a face is seen beside corrected tracks",
    r"text is seen in the picture": "text is seen in the picture",
    r"text is still seen beside the masks": "text is still seen beside the masks",
    r"(is empty|breaks off|truncated|no readable media|not one frame can be decoded)\b": "it is damaged, or no film",
    r"the process that worked on it died": "a codec fails on it",
    r"has no picture that can be decoded": "it has no picture",
    r"has no sound track|there is no decoder for sound|\d+\.\d ms of sound": "its sound cannot be used",
    r"the picture (changes its size|is turned)|the shape of its pixels changes": "the picture changes within the film",
}
OTHER, NONE = "another reason", "no reason on record"
# A row has at most so many bytes; the list at most so many rows.
MOST_BYTES, MOST_ROWS = 1 << 20, 1_000_000


@dataclasses.dataclass(frozen=True, slots=True)
class Refusals:
    """What refused.jsonl says.

    Attributes:
        reasons: of the sources that have no clip: phrase -> how many.
        later: clips that are there, and whose source a later run refused: what was made before it stays, and counts as
            accepted.
    """

    reasons: Mapping[str, int] = dataclasses.field(default_factory=dict)
    later: int = 0

    @property
    def count(self) -> int:
        """Sources without a clip."""
        return sum(self.reasons.values())


def read_refusals(folder: Path, clip_ids: Collection[str]) -> Refusals:
    """Reads the list of a folder; a clip that it names more than once counts once.

    Args:
        folder: of clips.
        clip_ids: of the clips that are there.

    Raises:
        UserError: it is no file, cannot be read, or has too many rows.
    """
    reasons: dict[str, str] = {}
    for number, row in enumerate(_rows(folder / REFUSALS)):
        name = row.get("clip_id")
        known = isinstance(name, str) and CLIP_ID.fullmatch(name) is not None
        reasons[str(name) if known else f" {number}"] = phrase(row.get("reason"))
    there = reasons.keys() & set(clip_ids)
    counts = Counter(reason for name, reason in reasons.items() if name not in there)
    return Refusals(dict(counts.most_common()), len(there))


def phrase(reason: object) -> str:
    """The phrase of ours with which a reason begins."""
    if not isinstance(reason, str) or not reason.strip():
        return NONE
    return next((said for pattern, said in PHRASES.items() if re.match(pattern, reason)), OTHER)


def _rows(path: Path) -> Iterator[dict[str, Any]]:
    if not path.exists():
        return
    if not path.is_file():  # reading a pipe would wait for ever
        raise UserError(f"{path}: is no file; remove it")
    for number, row in enumerate(files.read_jsonl(path, MOST_BYTES), start=1):
        if number > MOST_ROWS:
            raise UserError(f"{path}: more than {MOST_ROWS:,} rows, which no run writes; is it another file?")
        yield row
