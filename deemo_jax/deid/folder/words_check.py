"""Finds the clips that the words of a run do not fit, before the first clip is made: hearing one takes no face work."""

import dataclasses
from collections.abc import Mapping, Sequence
from pathlib import Path

from deemo_jax.core import processes
from deemo_jax.core.errors import UserError
from deemo_jax.core.progress import with_progress
from deemo_jax.deid.settings import Settings
from deemo_jax.deid.source_spans import LONGEST_CLIP_S, SourceSpan
from deemo_jax.deid.voice.spoken.words import Words
from deemo_jax.media import espeak


def words_that_do_not_fit(
    words: Mapping[Path, Words], wanted: Sequence[SourceSpan], settings: Settings, workers: int
) -> list[tuple[SourceSpan, str]]:
    """The clips with speech that has no words, or with words after the film's end; and what is wrong, in a line.

    Of a source without a span half an hour is heard. What cannot be heard is left out here; making it says why.

    Args:
        words: source -> what is said in it.
        wanted: all clips of the run.
        settings: which sound track is the voice.
        workers: processes; 0 for this one.

    Raises:
        UserError: eSpeak, which says the words, is not installed.
    """
    espeak.check_installed()
    work = processes.settled(_Listener(words, settings), wanted, workers)
    heard = with_progress(work, "do the words fit", len(wanted))
    return [(piece, why) for piece, why in heard if why and not isinstance(why, processes.Failure)]


@dataclasses.dataclass(frozen=True, slots=True)
class _Listener:
    """A function from a clip to what is wrong with its words; empty where nothing is."""

    words: Mapping[Path, Words]
    settings: Settings

    def __call__(self, piece: SourceSpan) -> str:
        from deemo_jax.deid.voice.source_voice import listen
        from deemo_jax.deid.voice.spoken.spoken import check_words
        from deemo_jax.media.video import video_info

        start_s, end_s = piece.span or (0.0, LONGEST_CLIP_S)
        voice, _ = listen(piece.source, self.settings, start_s, end_s)
        if voice is None:
            return ""
        film_s = video_info(piece.source).duration_s
        try:
            check_words(voice, self.words[piece.source], piece.source.name, start_s, film_s)
        except UserError as error:
            return str(error)
        return ""
