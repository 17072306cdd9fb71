"""Hears how each speaker speaks on the whole, over all of their clips, before the first of these is de-identified."""

import contextlib
import dataclasses
from collections.abc import Mapping, Sequence

from deemo_jax.core import processes
from deemo_jax.core.errors import UserError
from deemo_jax.core.progress import with_progress
from deemo_jax.deid.folder.one_source import SourceJob
from deemo_jax.deid.source_spans import LONGEST_CLIP_S, SourceSpan
from deemo_jax.deid.voice.neutral.manner import Manner, manner_of, mean_manner


def speaker_manners(job: SourceJob, wanted: Sequence[SourceSpan], workers: int) -> Mapping[str, Manner]:
    """The manner of each speaker whom the list of a run names, over those of the clips that can be heard.

    A clip that cannot be heard is left out here; making it says why. Of a source without a span half an hour is heard.

    Args:
        job: with settings, key, and the list of speakers.
        wanted: all sources of the run.
        workers: processes; 0 for this one.
    """
    heard: dict[str, list[Manner]] = {}
    work = processes.settled(_Listener(job), wanted, workers)
    for _, found in with_progress(work, "how speakers speak", len(wanted)):
        if found is not None and not isinstance(found, processes.Failure):
            heard.setdefault(found[0], []).append(found[1])
    return {speaker: mean_manner(manners) for speaker, manners in heard.items()}


@dataclasses.dataclass(frozen=True, slots=True)
class _Listener:
    """A function from a source to its speaker and their manner in it; None where either is unknown."""

    job: SourceJob

    def __call__(self, piece: SourceSpan) -> tuple[str, Manner] | None:
        from deemo_jax.deid.voice.source_voice import listen

        with contextlib.suppress(UserError):
            clip_id, recording, _ = self.job.identify(piece)
            speaker = self.job.speaker_of(clip_id, recording, piece.source)
            if speaker is not None:
                start_s, end_s = piece.span or (0.0, LONGEST_CLIP_S)
                voice, _ = listen(piece.source, self.job.settings, start_s, end_s)
                return None if voice is None else (speaker, manner_of(voice))
        return None
