"""Which de-identified clip a row of annotations speaks of, and which span of it.

A row names its recording by "file" (the raw file, found through the private map of `deemo_jax.deid.source_map`), or by
the id of a clip. Where the recording is longer than the row's times, they are the span that is cut from it.
"""

import collections
import dataclasses
import re
from collections.abc import Iterable, Sequence
from pathlib import Path

from deemo_jax.core.errors import UserError
from deemo_jax.core.schema import Clip
from deemo_jax.data.build.annotations import Annotation
from deemo_jax.deid.manifest import Manifest, span_id
from deemo_jax.deid.source_map import SourceMap

# Times of people: a row that is as long as its clip, within this or a tenth, is all of it.
ROUGHLY_S, ROUGHLY = 0.25, 0.1
# How far a row may reach beyond its recording, or a piece of it.
BEYOND_S = 0.5
# A piece begins and ends with a frame.
NEAR_S = 0.25


@dataclasses.dataclass(frozen=True, slots=True)
class Placed:
    """A row and where it lies.

    Attributes:
        clip: the annotation, under the id that its record gets.
        manifest: of the clip that it is cut from.
        span: clip times, seconds; None for all of it.
    """

    clip: Clip
    manifest: Manifest
    span: tuple[float, float] | None = None

    @property
    def lasts_s(self) -> float:
        """How long it is, as far as is known."""
        start, end = self.span or self.manifest.span or (self.clip.start_s, self.clip.end_s)
        return end - start


def place(
    rows: Sequence[Annotation], manifests: Iterable[Manifest], known: SourceMap | None
) -> tuple[list[Placed], list[Annotation]]:
    """Finds every row's clip and span.

    Args:
        rows: of annotations.
        manifests: of the clips that are there.
        known: which raw file is which clip; None where that is not known.

    Returns:
        The rows that have a clip, and those that have none.

    Raises:
        UserError: a name that several files have, times outside of the recording or across a seam of its pieces, one id
            for two rows, or rows of one recording that may be of one person and do not say so.
    """
    found = _Recordings(manifests, known)
    meant = {row.number: found.of(row) for row in rows}
    counts = collections.Counter(map(_ids, meant.values()))
    placed: list[Placed] = []
    numbers: dict[str, Annotation] = {}
    for row in rows:
        if not (candidates := meant[row.number]):
            continue
        shared = counts[_ids(candidates)] > 1
        manifest, span = _span(row, candidates, shared)
        clip = dataclasses.replace(row.clip, clip_id=_record_id(row, manifest, span, shared))
        if (twin := numbers.setdefault(clip.clip_id, row)) is not row:
            raise UserError(
                f"{row.where}: clip {clip.clip_id!r} comes twice, first in row {twin.number}; every clip has one row,"
                " or times of its own"
            )
        placed.append(Placed(clip, manifest, span))
    _refuse_strangers(placed)
    return placed, [row for row in rows if not meant[row.number]]


def explain(row: Annotation, known: SourceMap | None) -> str | None:
    """Why a row that names a file has no clip, in words; None where it names none."""
    if not (row.by_file or re.search(r"[/\\]|\.[A-Za-z0-9]{2,5}$", row.named)):
        return None
    if known is None:
        mend = "give --source_map FILE, the private list that deidentify writes beside its key"
    elif known.find(row.named):
        mend = "its clip is not among the manifests; was it refused? give all folders as --manifest"
    else:
        mend = f"{known.path} does not know it: was it de-identified with that key?"
    return f"{row.where}: {row.named!r} is a file name; {mend}"


def _ids(clips: Iterable[Manifest]) -> frozenset[str]:
    return frozenset(manifest.clip_id for manifest in clips)


class _Recordings:
    """Clips by all that rows may call them."""

    def __init__(self, manifests: Iterable[Manifest], known: SourceMap | None) -> None:
        self._known = known
        self._by_id: dict[str, list[Manifest]] = {}
        self._by_recording: dict[str, list[Manifest]] = {}
        self._by_source: dict[str, list[Manifest]] = {}
        for manifest in manifests:
            self._by_id.setdefault(manifest.clip_id, []).append(manifest)
            self._by_source.setdefault(manifest.source_sha256, []).append(manifest)
            if manifest.recording:
                self._by_recording.setdefault(manifest.recording, []).append(manifest)

    def of(self, row: Annotation) -> list[Manifest]:
        """The clips of the recording that a row names."""
        ids = [row.named, Path(row.named).stem] if row.by_file else [row.named]
        sources = self._known.find(row.named) if self._known else {}
        if len(sources) > 1:
            paths = ", ".join(sorted(sources.values()))
            raise UserError(f"{row.where}: {row.named!r} is the name of {len(sources)} files ({paths}); write the path")
        by_source = [m for digest in sources for m in self._by_source.get(digest, ())]
        if row.by_file and by_source:
            return by_source
        for name in ids:
            if by_name := self._by_id.get(name) or self._by_recording.get(name):
                return by_name
        return by_source


def _span(row: Annotation, candidates: Sequence[Manifest], shared: bool) -> tuple[Manifest, tuple[float, float] | None]:
    """The clip in which a row's times lie, and the span of it; None for all of it."""
    start, end = row.clip.start_s, row.clip.end_s
    whole = [m for m in candidates if not m.recording]
    if len(whole) > 1:
        ids = ", ".join(m.clip_id for m in whole)
        raise UserError(f"{row.where}: {row.named!r} was de-identified {len(whole)} times ({ids}); name one by its id")
    if not whole:
        return _in_piece(row, candidates, shared)
    if (recorded := whole[0].span) is None:  # of an earlier version, which did not say how long it is
        return whole[0], (start, end) if shared else None
    length = recorded[1] - recorded[0]
    if end <= start or _alike(end - start, length):
        return whole[0], None
    if start >= 0 and _lies_in(start, end, 0.0, length):
        return whole[0], (start, min(end, length))
    if shared or row.by_file:
        raise UserError(
            f"{row.where}: {start:g} to {end:g} s lies outside of its recording, which lasts {length:.1f} s"
        )
    return whole[0], None  # times in a recording that it was cut from before


def _in_piece(row: Annotation, pieces: Sequence[Manifest], shared: bool) -> tuple[Manifest, tuple[float, float] | None]:
    start, end = row.clip.start_s, row.clip.end_s
    spans = [(piece, *piece.span) for piece in pieces if piece.span is not None]
    if len(spans) == 1 and not shared and (end <= start or _alike(end - start, spans[0][2] - spans[0][1])):
        return spans[0][0], None
    holding = [(b - a, a, piece) for piece, a, b in spans if _lies_in(start, end, a, b)]
    if not holding:
        known = ", ".join(f"{a:.1f}-{b:.1f}" for _, a, b in sorted(spans, key=lambda found: found[1]))
        raise UserError(
            f"{row.where}: {start:g} to {end:g} s lies whole in none of the pieces of its recording ({known} s); end"
            " the row before the seam, or de-identify just this span: deidentify --segments"
        )
    length, begins, piece = min(holding, key=lambda found: found[0])
    span = (max(0.0, start - begins), min(length, end - begins))
    return piece, None if length - (span[1] - span[0]) <= NEAR_S else span


def _lies_in(start: float, end: float, a: float, b: float) -> bool:
    """Whether a row lies in a piece: it may reach beyond it a little, and most of it is there."""
    near = a - BEYOND_S <= start and end <= b + BEYOND_S
    return near and min(end, b) - max(start, a) > 0.5 * (end - start)


def _alike(seconds: float, others: float) -> bool:
    return abs(seconds - others) <= max(ROUGHLY_S, ROUGHLY * others)


def _record_id(row: Annotation, manifest: Manifest, span: tuple[float, float] | None, shared: bool) -> str:
    """The row's own id, or one of the clip's and the times."""
    if row.has_id:
        return row.clip.clip_id
    if span is None or not (shared or row.by_file or manifest.recording):
        return manifest.clip_id
    return span_id(manifest.recording or manifest.clip_id, (row.clip.start_s, row.clip.end_s))


def _refuse_strangers(placed: Sequence[Placed]) -> None:
    """Rows of one recording whose person is not known are kept together by its video_id: it must be the same."""
    first: dict[str, Clip] = {}
    nameless = {p.manifest.source_sha256 for p in placed if not p.clip.person_id}
    for one in placed:
        before = first.setdefault(one.manifest.source_sha256, one.clip)
        if before.video_id != one.clip.video_id and one.manifest.source_sha256 in nameless:
            raise UserError(
                f"clips {before.clip_id!r} and {one.clip.clip_id!r} are of one recording, and their video_id differs"
                f" ({before.video_id!r}, {one.clip.video_id!r}); give one, or a person_id, so that no person gets into"
                " two splits"
            )
