"""The spans of a recording that become clips: those that a person lists, or pieces of a recording that is too long."""

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

# Seconds of a clip, at most: its voice is held in memory, and half an hour takes a few hundred MB while it is changed.
LONGEST_CLIP_S = 1800.0
# Seconds that successive pieces of a long recording share, so that whatever lasts up to a minute is whole in one.
SHARED_S = 60.0
# Hours, minutes or seconds, as in "1:02:03.5".
_OF_A_CLOCK = re.compile(r"\s*\d+\.?\d*\s*")


@dataclasses.dataclass(frozen=True, slots=True)
class SourceSpan:
    """What becomes one clip: a raw file, or a span of it.

    Attributes:
        source: the raw file.
        span: its start and end in the file, seconds; None for all of it.
        clip_id: the id that a person chose; None where one is made.
    """

    source: Path
    span: tuple[float, float] | None = None
    clip_id: str | None = None

    def __str__(self) -> str:
        return f"{self.source}{f' {self.span[0]:g}-{self.span[1]:g} s' if self.span else ''}"


class TooLong(UserError):  # noqa: N818 - callers go on with pieces
    """A recording is longer than a clip may be; it is then done in pieces.

    Attributes:
        seconds: its length.
    """

    def __init__(self, source: Path, seconds: float):
        mend = "deidentify does longer ones in pieces, or a span of it with --segments"
        super().__init__(f"{source}: lasts {seconds:.0f} s, a clip {LONGEST_CLIP_S:g} s at most; {mend}")
        self.seconds = seconds

    def __reduce__(self) -> tuple[Any, ...]:
        return UserError, self.args  # pickled, it is a plain `UserError`: its arguments are not those of __init__


def pieces(seconds: float) -> list[tuple[float, float]]:
    """Spans of equal length, seconds, that cover a recording of a length and overlap; each may be one clip."""
    shared = min(SHARED_S, LONGEST_CLIP_S / 4)
    count = max(1, math.ceil((seconds - shared) / (LONGEST_CLIP_S - shared)))
    step = (seconds - shared) / count
    return [(k * step, seconds if k == count - 1 else (k + 1) * step + shared) for k in range(count)]


def read_segments(path: str | os.PathLike[str], sources: Sequence[Path]) -> list[SourceSpan]:
    """Reads a list of spans: a table with a header, or JSON lines; annotations are such a list.

    Rows have "file", "start_s", "end_s" and, where the clip is to have an id of its own, "clip_id". A span that is
    listed twice becomes one clip.

    Args:
        path: of the list.
        sources: the raw files; "file" names one of them by its path, name or stem.

    Raises:
        UserError: the list cannot be read; a row lacks a key, or names no source or several; or two spans have one
            clip id.
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
        # On some file systems names that differ only in capitals are one file.
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
