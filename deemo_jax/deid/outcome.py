"""What is to be done with a source, and what became of it."""

import dataclasses
from collections.abc import Mapping
from pathlib import Path


@dataclasses.dataclass(frozen=True, slots=True)
class Options:
    """How `deidentify_clip` is called, beside its settings; see there.

    Attributes:
        tracks: corrected tracks, for a single source; it is then done anew.
        preview: a film with tracks beside every clip.
        threads: of each worker.
        speakers: who speaks, by clip id or by the stem of the source's name; for one voice a speaker.
        source_map: the private list to which sources and their clips are added (`deemo_jax.deid.source_map`).
        new_key: goes on where the folder holds clips of another key.
    """

    tracks: Path | None = None
    preview: bool = False
    threads: int = 1
    speakers: Mapping[str, str] | None = None
    source_map: Path | None = None
    new_key: bool = False


DEFAULT = Options()


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
