"""What became of one source of a run."""

import dataclasses
from pathlib import Path


@dataclasses.dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one source, or span of it.

    Attributes:
        source: its path.
        clip_id: None where the source cannot be read.
        status: "done"; "kept" (an earlier run made the clip); "refused" (a face may have been missed); "bad" (the
            source cannot be used); or "long" (it is to be done in `pieces`).
        reason: why it was refused or is bad; else empty.
        times_s: clip times, seconds, of the frames in which a face was lost.
        source_sha256: None where the source cannot be read.
        looks: where this run made the clip, the size at which the detector saw its pictures, and the smallest face.
        made_by: of a refusal, settings and software as text to compare.
        remarks: where this run made the clip, what is unusual in its picture and sound, in words.
        span: start and end in the source, seconds; None for all of it.
        pieces: of a source that is too long for one clip, the spans to do instead.
    """

    source: Path
    clip_id: str | None
    status: str
    reason: str = ""
    times_s: tuple[float, ...] = ()
    source_sha256: str | None = None
    looks: str = ""
    made_by: str = ""
    remarks: tuple[str, ...] = ()
    span: tuple[float, float] | None = None
    pieces: tuple[tuple[float, float], ...] = ()

    @property
    def failed(self) -> bool:
        """Whether the source has no clip: it was refused, or is bad."""
        return self.status in ("refused", "bad")
