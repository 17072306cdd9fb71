"""Real speech of one's own, one folder a speaker, on which the attacks on voices are run.

Axes: n samples.
"""

import functools
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from jaxtyping import Float

from deemo_jax.audit.attacks.ears.speaker_encoder import HOW, SpeakerEncoder, speaker_encoder
from deemo_jax.audit.attacks.trials import LEAST_SPEAKERS, LONGEST_S, VoiceClip
from deemo_jax.audit.attacks.voice import voice_section
from deemo_jax.audit.report_parts import Section
from deemo_jax.core.errors import UserError
from deemo_jax.deid.settings import VOICES
from deemo_jax.deid.text.fuzzy_names import Names
from deemo_jax.deid.voice.spoken.word_times import words_of
from deemo_jax.deid.voice.spoken.words import Words
from deemo_jax.media.audio import read_audio

SUFFIXES = (".flac", ".wav")


def attack_speech(
    folder: Path,
    encoder: Path | SpeakerEncoder | None = None,
    modes: Sequence[str] = VOICES,
    workers: int = 1,
    words: Path | None = None,
) -> Section:
    """Attacks the voices of a folder, as they are and changed by each method.

    Args:
        folder: holds SPEAKER/*.flac or SPEAKER/*.wav.
        encoder: tells voices apart, as `speaker_encoder` takes it.
        modes: methods, as `AttackedVoice.named` has them.
        workers: processes.
        words: folder of transcripts, as SPEAKER/NAME.json, for methods that say words anew; or a list of them.

    Raises:
        UserError: there is no encoder or it cannot be used, the folder has too few speakers, or a file cannot be read.
    """
    if speaker_encoder(encoder) is None:
        raise UserError(f"attacks on voices need a speaker encoder; {HOW}")
    clips = speech_clips(folder)
    counts = {speaker: sum(clip.speaker == speaker for clip in clips) for speaker in {clip.speaker for clip in clips}}
    if sum(count > 1 for count in counts.values()) < LEAST_SPEAKERS:
        raise UserError(
            f"{folder}: holds {len(counts)} speakers; {LEAST_SPEAKERS} with two utterances each are needed, as"
            " SPEAKER/*.flac or SPEAKER/*.wav"
        )
    said = speech_words(words, clips) if words is not None else None
    return voice_section(clips, modes=modes, words=said, encoder=encoder, workers=workers)


def speech_words(where: Path, clips: Sequence[VoiceClip]) -> dict[str, Words]:
    """What is said in the first seconds of each utterance, without names, by its clip id.

    Args:
        where: folder of transcripts with word times, as SPEAKER/NAME.json; or a list of them, as `word_times` has it.
        clips: of `speech_clips`.

    Raises:
        UserError: an utterance has no transcript, or that cannot be read.
    """
    found: dict[str, Words] = {}
    for speaker in dict.fromkeys(clip.speaker for clip in clips):
        names = [Path(clip.clip_id) for clip in clips if clip.speaker == speaker]
        of_speaker = words_of(where / speaker if where.is_dir() else where, names, Names())
        found |= {str(name): said.between(0.0, LONGEST_S) for name, said in of_speaker.items()}
    return found


def speech_clips(folder: Path) -> list[VoiceClip]:
    """The utterances of a folder, which are read when they are asked for.

    Raises:
        UserError: it is no folder.
    """
    if not folder.is_dir():
        raise UserError(f"{folder}: is no folder; name one that holds SPEAKER/*.flac or SPEAKER/*.wav")
    files = [path for path in sorted(folder.glob("*/*")) if path.suffix.lower() in SUFFIXES and path.is_file()]
    return [VoiceClip(f"{p.parent.name}/{p.name}", p.parent.name, functools.partial(_read, p)) for p in files]


def _read(path: Path) -> Float[np.ndarray, " n"]:
    return read_audio(path, end_s=LONGEST_S)[0]
