"""Finds the transcript of each recording of a run, and checks the times in it."""

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

from deemo_jax.core.errors import UserError

Transcript = TypeVar("Transcript")
# Seconds of a recording, at most.
MAX_SECONDS = 1e6


def of_each(
    where: Path,
    sources: Iterable[Path],
    flag: str,
    endings: Sequence[str],
    read: Callable[[Path], Transcript],
) -> Mapping[Path, Transcript]:
    """The transcript of every recording of a run, all of them read before the first clip is made.

    Args:
        where: the transcript of the one recording; or a folder of transcripts, each called like its recording.
        sources: the recordings.
        flag: that names `where`, for messages.
        endings: of files that are read; of several files of one name the first is taken.
        read: reads one.

    Raises:
        UserError: one has no transcript, or that cannot be read.
    """
    wanted = dict.fromkeys(sources)
    if not where.is_dir():
        if len(wanted) > 1:
            raise UserError(f"{flag} {where}: is of one recording, but {len(wanted)} are named; give a folder of them")
        return {source: read(where) for source in wanted}
    found = {}
    for source in wanted:
        beside = [where / f"{source.stem}{ending}" for ending in endings]
        path = next((path for path in beside if path.is_file()), None)
        if path is None:
            raise UserError(
                f"{flag} {where}: holds no transcript of {source.name}; add {source.stem}{endings[0]} (or"
                f" {', '.join(endings[1:])}), or leave the recording out"
            )
        found[source] = read(path)
    return found


def span_of(start: Any, end: Any, what: str) -> tuple[float, float]:
    """Start and end in seconds, of numbers or of text with a decimal comma or point.

    Raises:
        ValueError: they are no span of a recording.
    """
    start_s, end_s = _seconds(start), _seconds(end)
    if not 0 <= start_s <= end_s <= MAX_SECONDS:
        raise ValueError(f"{what}: {str(start)[:40]} to {str(end)[:40]} s is no span")
    return start_s, end_s


def _seconds(value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return math.nan
    return float(value.replace(",", ".") if isinstance(value, str) else value)
