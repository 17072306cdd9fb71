"""Which stretches of a recording are done one by one: those that a person lists, or the pieces of what is too long."""

import dataclasses
import math
import os
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from deemo_jax.core.errors import UserError
from deemo_jax.deid.manifest import CLIP_ID, span_id
from deemo_jax.deid.text.annotation_tables import listed_rows

# The voice of a clip is held in memory; half an hour of it takes a few hundred MB while it is worked on.
LONGEST_CLIP_S = 1800.0
# Pieces of a long recording share so much with the next one: what is said in a minute lies whole in one of them, and
# faces are followed over the seam twice.
SHARED_S = 60.0
# Hours, minutes or seconds of "1:02:03.5".
_OF_A_CLOCK = re.compile(r"\s*\d+\.?\d*\s*")


@dataclasses.dataclass(frozen=True, slots=True)
class SourceSpan:
    """What becomes one clip: a file, or a span of it.

    Attributes:
        source: the raw file.
        span: its start and end in the file, seconds; None for all of it.
        clip_id: that a person gave it; None for one that is made.
    """

    source: Path
    span: tuple[float, float] | None = None
    clip_id: str | None = None

    def __str__(self) -> str:
        return f"{self.source}{f' {self.span[0]:g}-{self.span[1]:g} s' if self.span else ''}"


class TooLong(UserError):  # noqa: N818 - it is an instruction as much as an error
    """A recording that is done in pieces.

    Attributes:
        seconds: how long it is.
    """

    def __init__(self, source: Path, seconds: float):
        mend = "deidentify does longer ones in pieces, or a span of it with --segments"
        super().__init__(f"{source}: lasts {seconds:.0f} s, a clip {LONGEST_CLIP_S:g} s at most; {mend}")
        self.seconds = seconds

    def __reduce__(self) -> tuple[Any, ...]:
        return UserError, self.args  # in another process it is a message


def pieces(seconds: float) -> list[tuple[float, float]]:
    """Spans of equal length that cover a recording and overlap, each short enough for one clip."""
    shared = min(SHARED_S, LONGEST_CLIP_S / 4)
    count = max(1, math.ceil((seconds - shared) / (LONGEST_CLIP_S - shared)))
    step = (seconds - shared) / count
    return [(k * step, seconds if k == count - 1 else (k + 1) * step + shared) for k in range(count)]


def read_segments(path: str | os.PathLike[str], sources: Sequence[Path]) -> list[SourceSpan]:
    """The spans that a person lists: a table with a header, or JSON lines; annotations may serve.

    Rows have "file", "start_s", "end_s" and, where the clip is to have a name of its own, "clip_id". A span that is
    listed twice is one clip.

    Args:
        path: of the list.
        sources: the files that are meant.

    Raises:
        UserError: unreadable, a row without these, of a file that is not among the sources, or of a name that two have;
            or one clip id for two spans.
    """
    found: dict[str, SourceSpan] = {}
    for number, row in enumerate(listed_rows(path), 1):
        where = f"{path}: row {number}"
        name = row.get("file")
        if not isinstance(name, str) or not name or "\0" in name:
            raise UserError(f'{where}: "file" is missing, or no name: the recording that the span is of')
        named = [s for s in sources if s == Path(name) or s.resolve() == Path(name).resolve()]
        named = named or [s for s in sources if name in (s.name, s.stem)]
        if len(named) != 1:
            some = ", ".join(map(str, named)) or "none"
            raise UserError(f"{where}: {name!r} is to be one of the inputs, and is {some}; give a path")
        start, end = (_seconds(row, key, where) for key in ("start_s", "end_s"))
        if not 0 <= start < end:
            raise UserError(f"{where}: {start:g} to {end:g} s is no span; needs 0 <= start_s < end_s")
        if end - start > LONGEST_CLIP_S:
            raise UserError(f"{where}: {end - start:.0f} s long; at most {LONGEST_CLIP_S:.0f} s are one clip")
        clip_id = row.get("clip_id") or None
        if clip_id is not None and not CLIP_ID.fullmatch(str(clip_id)):
            raise UserError(f"{where}: clip_id {str(clip_id)[:40]!r}: use up to 100 letters, digits, _, - and .")
        piece = SourceSpan(named[0], (start, end), None if clip_id is None else str(clip_id))
        # Some file systems hold two names that differ in capitals only for one.
        of = span_id(str(piece.source), (start, end)) if clip_id is None else str(clip_id).lower()
        if (twin := found.setdefault(of, piece)) != piece and clip_id is not None:
            raise UserError(f"{where}: clip id {clip_id!r} is that of another span, {twin}; give each its own")
    if not found:
        raise UserError(f"{path}: lists no span; give rows with file, start_s and end_s")
    return list(found.values())


def _seconds(row: Mapping[str, Any], key: str, where: str) -> float:
    """A time in seconds, or as 1:02:03.5."""
    value = row.get(key)
    if value is None:
        raise UserError(f'{where}: "{key}" is missing; give seconds, or 1:02:03.5')
    try:
        said = str(value).replace(",", ".").split(":")
        parts = [float(part) for part in said]
        if len(said) > 1 and not all(_OF_A_CLOCK.fullmatch(part) for part in said):
            parts = []
    except (OverflowError, TypeError, ValueError):
        parts = []
    seconds = sum(part * 60**power for power, part in enumerate(reversed(parts)))
    if isinstance(value, bool) or not 1 <= len(parts) <= 3 or not abs(seconds) < 1e9:
        raise UserError(f"{where}: {key} is {str(value)[:40]!r}; give seconds, or 1:02:03.5")
    return seconds
