"""Who of several people speaks when, by the sound tracks that each of them has; and the voice of each by itself.

Microphones hear the other people too, and two changes of one voice at once would sound like a choir. So at any time one
person is taken to speak: the one whose track is the loudest, beside how loud it mostly is.
Axes: n samples, F frames of 10 ms.
"""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float, Int

from deemo_jax.deid.voice.likeness import HOP, levels_db

# Frames over which loudness is compared (0.3 s): shorter than a turn, longer than a word's pauses; and frames in which
# one voice fades into another.
SPAN, FADE = 31, 5
# Part of its frames that are louder than what a track is compared with, so that microphones may differ in gain.
LOUD = 0.95


def turns(tracks: Sequence[Float[np.ndarray, " _"]]) -> Int[np.ndarray, " F"]:
    """Which track's person speaks, every 10 ms: a number from 0 on.

    Args:
        tracks: mono, 16 kHz, from the same time on; shorter ones are silent at their end.
    """
    longest = max(track.size for track in tracks)
    levels = [levels_db(np.pad(track, (0, longest - track.size + HOP))) for track in tracks]
    window = np.hanning(SPAN + 2)[1:-1]
    window /= window.sum()
    beside = [np.convolve(np.pad(x - np.quantile(x, LOUD), SPAN // 2, "edge"), window, "valid") for x in levels]
    return np.argmax(beside, axis=0)


def part_of(waveform: Float[np.ndarray, " n"], turn: Int[np.ndarray, " F"], number: int) -> Float[np.ndarray, " n"]:
    """The waveform where it is one person's turn, and silence elsewhere; the parts of all add up to the waveform.

    Args:
        waveform: mono, 16 kHz.
        turn: of `turns`.
        number: the person's.
    """
    fade = np.convolve(np.pad((turn == number).astype(np.float64), FADE // 2, "edge"), np.ones(FADE) / FADE, "valid")
    middles = (np.arange(len(turn)) + 0.5) * HOP
    gain = np.interp(np.arange(waveform.size), middles, fade)
    return (waveform * gain).astype(np.float32)
