"""Reads the voice of a source, and tells from which sound tracks it comes. Axes: n samples, F frames of 10 ms."""

import dataclasses
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float, Int

from deemo_jax.core.errors import UserError
from deemo_jax.deid.settings import EACH, MIXED, NO_TRACK, Settings
from deemo_jax.deid.voice.diarised import Diarised
from deemo_jax.deid.voice.turns import turns
from deemo_jax.media import SAMPLE_RATE
from deemo_jax.media.audio import read_sound, sound_tracks

# Seconds of sound, at least; and length of a mel spectrogram, to which shorter sound is padded.
LEAST_SOUND_S = 0.025
PADDED_BELOW_S = 2.0
# The method in a manifest where there is no voice.
NO_VOICE = "none"


@dataclasses.dataclass(frozen=True, slots=True)
class Heard:
    """What is heard in a source.

    Attributes:
        seconds: length of the sound; 0 where there is none, or none is wanted.
        tracks: how many sound tracks the source has.
        used: numbers of those that the voice comes from, counted from 1.
        channels: of each of these.
        remarks: unusual facts, in words.
        turn: where people are told apart, whose turn it is every 10 ms, a number from 0 on; else None.
    """

    seconds: float
    tracks: int
    used: tuple[int, ...] = ()
    channels: tuple[int, ...] = ()
    remarks: tuple[str, ...] = ()
    turn: Int[np.ndarray, " F"] | None = None

    @property
    def notes(self) -> tuple[str, ...]:
        """Notes for the manifest: the remarks, and that short sound will be padded."""
        if 0 < self.seconds < PADDED_BELOW_S:
            return (*self.remarks, f"audio zero-padded to 2 s before its spectrogram ({self.seconds:.3f} s)")
        return self.remarks

    @property
    def record(self) -> Mapping[str, Any]:
        """What the manifest records as `sound`."""
        return {
            "tracks": self.tracks,
            "used": list(self.used),
            "channels": list(self.channels),
            "remarks": list(self.remarks),
        }


def listen(
    source: Path, settings: Settings, start_s: float, end_s: float, said: Diarised | None = None
) -> tuple[Float[np.ndarray, " n"] | None, Heard]:
    """Reads the sound that the settings ask for.

    Args:
        source: the raw file.
        settings: `audio_track` says which sound track is read.
        start_s: where it starts, seconds of the source.
        end_s: where it ends.
        said: who speaks when, by a transcript of the source; None where it is not told, or by sound tracks.

    Returns:
        The voice, mono, 16 kHz, None where there is none; and where it comes from.

    Raises:
        UserError: the sound track that is asked for is missing, cannot be decoded, is mostly damaged, or has less than
            25 ms of sound in the span.
    """
    tracks = len(sound_tracks(source))
    if settings.audio_track == NO_TRACK and tracks:
        return None, Heard(0.0, tracks, remarks=("its sound is left out, as asked",))
    if not tracks and settings.audio_track in (NO_TRACK, MIXED, EACH):
        return None, Heard(0.0, 0, remarks=("it has no sound track: a silent film",))
    track = None if settings.audio_track in (MIXED, EACH) else int(settings.audio_track)
    sound = read_sound(source, SAMPLE_RATE, start_s, end_s, track=track)
    if sound.waveform.size < LEAST_SOUND_S * SAMPLE_RATE:
        raise UserError(
            f"{source}: {sound.waveform.size / SAMPLE_RATE * 1e3:.1f} ms of sound; at least 25 ms are needed, or none:"
            f" --audio_track {NO_TRACK}"
        )
    turn = None
    if settings.audio_track == EACH and len(sound.used) > 1:
        turn = turns([read_sound(source, SAMPLE_RATE, start_s, end_s, track=k).waveform for k in sound.used])
    remarks = sound.notes
    if said is not None:
        turn = said.turn(sound.waveform.size, start_s)
        people = len(np.unique(turn))
        remarks = (f"by its transcript {people} people speak, each with a voice of their own", *remarks)
    if tracks > 1:
        each = settings.audio_track == EACH and turn is not None
        remarks = (_named(sound.used, tracks) + ", each with a voice of its own" * each, *remarks)
    seconds = sound.waveform.size / SAMPLE_RATE
    return sound.waveform, Heard(seconds, tracks, sound.used, sound.channels, remarks, turn)


def _named(numbers: tuple[int, ...], tracks: int) -> str:
    if len(numbers) == 1:
        return f"its voice is sound track {numbers[0]} of {tracks}"
    return f"its voice is sound tracks {', '.join(map(str, numbers[:-1]))} and {numbers[-1]} of {tracks}, mixed"
