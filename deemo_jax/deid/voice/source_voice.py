"""The voice of a source, and what goes on record of the sound tracks that it comes from. Axes: n samples."""

import dataclasses
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float

from deemo_jax.core.errors import UserError
from deemo_jax.deid.settings import MIXED, NO_TRACK, Settings
from deemo_jax.media import SAMPLE_RATE
from deemo_jax.media.audio import read_sound, sound_tracks

LEAST_SOUND_S = 0.025
PADDED_BELOW_S = 2.0
# The method on record where there is no voice.
NO_VOICE = "none"


@dataclasses.dataclass(frozen=True, slots=True)
class Heard:
    """What is heard in a source.

    Attributes:
        seconds: how long it lasts; 0 where there is no sound, or none is wanted.
        tracks: how many sound tracks the source has.
        used: the numbers of those that the voice comes from, counted from 1.
        channels: of each of these.
        remarks: what is out of the ordinary, in words.
    """

    seconds: float
    tracks: int
    used: tuple[int, ...] = ()
    channels: tuple[int, ...] = ()
    remarks: tuple[str, ...] = ()

    @property
    def notes(self) -> tuple[str, ...]:
        """For the manifest: the remarks, and what will be made of little."""
        if 0 < self.seconds < PADDED_BELOW_S:
            return (*self.remarks, f"audio zero-padded to 2 s before its spectrogram ({self.seconds:.3f} s)")
        return self.remarks

    @property
    def record(self) -> Mapping[str, Any]:
        """For the manifest."""
        return {
            "tracks": self.tracks,
            "used": list(self.used),
            "channels": list(self.channels),
            "remarks": list(self.remarks),
        }


def listen(
    source: Path, settings: Settings, start_s: float, end_s: float
) -> tuple[Float[np.ndarray, " n"] | None, Heard]:
    """Reads the sound that the settings ask for, between two times of the source.

    Returns:
        voice: mono, 16 kHz; None where there is none.
        heard: where it comes from.

    Raises:
        UserError: there is a sound track, but not the one that is asked for, or nothing to be heard by: it cannot be
            decoded, most of it is damaged, it holds nothing within the film, or less than 25 ms.
    """
    tracks = len(sound_tracks(source))
    if settings.audio_track == NO_TRACK and tracks:
        return None, Heard(0.0, tracks, remarks=("its sound is left out, as asked",))
    if not tracks and settings.audio_track in (NO_TRACK, MIXED):
        return None, Heard(0.0, 0, remarks=("it has no sound track: a silent film",))
    track = None if settings.audio_track == MIXED else int(settings.audio_track)
    sound = read_sound(source, SAMPLE_RATE, start_s, end_s, track=track)
    if sound.waveform.size < LEAST_SOUND_S * SAMPLE_RATE:
        raise UserError(
            f"{source}: {sound.waveform.size / SAMPLE_RATE * 1e3:.1f} ms of sound; at least 25 ms are needed, or none:"
            f" --audio_track {NO_TRACK}"
        )
    remarks = sound.notes
    if tracks > 1:
        remarks = (_named(sound.used, tracks), *remarks)
    seconds = sound.waveform.size / SAMPLE_RATE
    return sound.waveform, Heard(seconds, tracks, sound.used, sound.channels, remarks)


def _named(numbers: tuple[int, ...], tracks: int) -> str:
    if len(numbers) == 1:
        return f"its voice is sound track {numbers[0]} of {tracks}"
    return f"its voice is sound tracks {', '.join(map(str, numbers[:-1]))} and {numbers[-1]} of {tracks}, mixed"
