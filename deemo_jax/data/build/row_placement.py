"""Finds the de-identified clip, and the span of it, that a row of annotations is about.

A row names its recording by "file" (the raw file, found by the private list of `deemo_jax.deid.source_map`), or by the
id of a clip. Where the recording is longer than the row's times say, these times are the span that is cut from it.
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

# A row whose length differs from its clip's by at most so many seconds, or by this share, is about the whole clip:
# times that people note are rough.
ROUGHLY_S, ROUGHLY = 0.25, 0.1
# Seconds by which a row may reach beyond its recording, or beyond a piece of it.
BEYOND_S = 0.5
# A span that leaves at most so many seconds of a piece out is taken as the whole piece, which begins and ends with a
# frame.
NEAR_S = 0.25


@dataclasses.dataclass(frozen=True, slots=True)
class Placed:
    """A row and the clip that it is about.

    Attributes:
        clip: the annotation, with the id of its record.
        manifest: of the de-identified clip.
        span: clip times, seconds; None for the whole clip.
    """

    clip: Clip
    manifest: Manifest
    span: tuple[float, float] | None = None

    @property
    def lasts_s(self) -> float:
        """Length, seconds, as far as it is known."""
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
        UserError: a name belongs to several files, times lie outside of the recording or across the border of two
            pieces of it, two rows have one id, or rows of one recording, whose person is not named, name several
            recordings.
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
    """Why a row that names a file has no clip, a sentence; None where it names no file."""
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
    """Clips by the names that rows may use for them: id, recording, raw file."""

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
    """The clip in which a row's times lie, and the span of it, None for the whole clip.

    Args:
        row: of annotations.
        candidates: the clips of its recording.
        shared: whether other rows are about the same recording.
    """
    start, end = row.clip.start_s, row.clip.end_s
    whole = [m for m in candidates if not m.recording]
    if len(whole) > 1:
        ids = ", ".join(m.clip_id for m in whole)
        raise UserError(f"{row.where}: {row.named!r} was de-identified {len(whole)} times ({ids}); name one by its id")
    if not whole:
        return _in_piece(row, candidates, shared)
    if (recorded := whole[0].span) is None:  # manifests of early versions do not state the length
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
    return whole[0], None  # the times are those of the recording that the clip was cut from


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
    """Whether a row (`start` to `end`) lies in a piece (`a` to `b`), within `BEYOND_S` and for the greater part."""
    near = a - BEYOND_S <= start and end <= b + BEYOND_S
    return near and min(end, b) - max(start, a) > 0.5 * (end - start)


def _alike(seconds: float, others: float) -> bool:
    """Whether a row of `seconds` is as long as a clip of `others`, roughly."""
    return abs(seconds - others) <= max(ROUGHLY_S, ROUGHLY * others)


def _record_id(row: Annotation, manifest: Manifest, span: tuple[float, float] | None, shared: bool) -> str:
    """The id of a row's record: the row's own, the clip's, or one made of the clip's and the times."""
    if row.has_id:
        return row.clip.clip_id
    if span is None or not (shared or row.by_file or manifest.recording):
        return manifest.clip_id
    return span_id(manifest.recording or manifest.clip_id, (row.clip.start_s, row.clip.end_s))


def _refuse_strangers(placed: Sequence[Placed]) -> None:
    """Checks that rows of one recording have one video_id where their person is not named: splits go by it then.

    Raises:
        UserError: they have several.
    """
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
