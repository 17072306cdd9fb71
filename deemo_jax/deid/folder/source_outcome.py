"""What became of one source of a run."""

import dataclasses
from pathlib import Path


@dataclasses.dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one source.

    Attributes:
        source: its path.
        clip_id: None where the source cannot even be read.
        status: "done", "kept" (an earlier run did it), "refused" or "bad"; "long" where it is to be done in `pieces`.
        reason: why not; empty otherwise.
        times_s: frames in which a face was lost.
        source_sha256: None where the source cannot be read.
        looks: at which size the detector looked, and for what, where this run did it.
        made_by: settings and software of a refusal, as text to compare.
        remarks: what is out of the ordinary in the clip's picture and sound, in words, where this run did it.
        span: of the source, seconds, that the clip is; None for all of it.
        pieces: spans of a source that is too long for one clip.
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
        """Whether there is no clip that this run stands for."""
        return self.status in ("refused", "bad")
