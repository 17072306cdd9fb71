"""One clip in several modes: its frames under several masks, its voice under several changes.

Masks are those on record, so that modes differ in how a face is covered and in nothing else.
Axes: V variants, F frames, M mel clips, n samples.
"""

import dataclasses
import hashlib
import typing
from collections.abc import Callable, Mapping
from pathlib import Path

import cv2
import numpy as np
from jaxtyping import Float, UInt8

from deemo_jax.audit.clips import AuditedClip, source_frames
from deemo_jax.deid import masks
from deemo_jax.deid.settings import Settings
from deemo_jax.deid.voice import mcadams
from deemo_jax.media.audio import read_audio
from deemo_jax.media.mel import SAMPLE_RATE, mel_clips
from deemo_jax.media.video import read_frames, uniform_indices

Waveform = Float[np.ndarray, "n"]
VoiceChange = Callable[[Waveform, str], Waveform]

RAW, WRITTEN = "raw", "the files as written"
CLIPS, FRAMES, MEL_CLIPS = 400, 8, 4
# The fixed coefficient of the VoicePrivacy 2020 baseline; the span of the paper's reference, one draw a clip.
FIXED_ALPHA, ALPHAS = 0.8, (0.5, 0.9)
MASK_NAMES = {"gaussian": "gaussian (the paper's)", "solid": "solid", "mosaic": "mosaic"}


def mask_variants() -> dict[str, str]:
    """Name in the report -> mask, of every mask that `deid.masks.cover` knows."""
    known = typing.get_args(typing.get_type_hints(Settings)["mask"])
    return {MASK_NAMES.get(mask, mask): mask for mask in sorted(known)}


def mcadams_fixed(waveform: Waveform, clip_id: str) -> Waveform:
    return mcadams(waveform, FIXED_ALPHA, SAMPLE_RATE)


def mcadams_per_clip(waveform: Waveform, clip_id: str) -> Waveform:
    """A coefficient by the clip's name: as spread as one under a key, and no secret."""
    draw = int.from_bytes(hashlib.sha256(clip_id.encode()).digest()[:4], "big") / (1 << 32)
    return mcadams(waveform, ALPHAS[0] + draw * (ALPHAS[1] - ALPHAS[0]), SAMPLE_RATE)


VOICES: Mapping[str, VoiceChange] = {
    "McAdams, 0.8 for all": mcadams_fixed,
    "McAdams, one draw a clip": mcadams_per_clip,
}


@dataclasses.dataclass(frozen=True, slots=True, eq=False)
class Variants:
    """A clip in all modes, in the order of `frame_names` and `voice_names`.

    Attributes:
        frames: of every mode the same F frames.
        mel: of every mode M clips.
    """

    frames: UInt8[np.ndarray, "V F H W 3"]
    mel: Float[np.ndarray, "V M 128 204"]


def frame_names() -> list[str]:
    return [RAW, *mask_variants(), WRITTEN]


def voice_names(voices: Mapping[str, VoiceChange]) -> list[str]:
    return [RAW, *voices, WRITTEN]


def make_variants(side: int, voices: Mapping[str, VoiceChange], clip: AuditedClip) -> Variants:
    """Reads a clip and its source, and covers and changes what was read.

    Args:
        side: of the pictures that come out.
        voices: name -> (waveform at 16 kHz, clip id) -> waveform.
        clip: with its source.
    """
    assert clip.source is not None
    recorded = clip.masks()
    chosen, of_source = uniform_indices(len(recorded.rectangles), FRAMES), source_frames(recorded)
    size = (recorded.width, recorded.height)
    before = _pictures(clip.source, size, [of_source[i] for i in chosen])
    raw = {i: before[of_source[i]] for i in chosen}
    shown = [raw]
    for mask in mask_variants().values():
        shown.append({i: masks.cover(raw[i], recorded.rectangles[i], mask) for i in raw})
    shown.append(_pictures(clip.output, size, chosen))
    frames = [[cv2.resize(of[i], (side, side), interpolation=cv2.INTER_AREA) for i in chosen] for of in shown]
    waveform, _ = read_audio(clip.source, SAMPLE_RATE)
    heard = [waveform, *(change(waveform, clip.clip_id) for change in voices.values())]
    heard.append(read_audio(clip.output, SAMPLE_RATE)[0])
    return Variants(np.asarray(frames, np.uint8), np.stack([mel_clips(sound, MEL_CLIPS) for sound in heard]))


def _pictures(path: Path, size: tuple[int, int], chosen: list[int]) -> dict[int, UInt8[np.ndarray, "h w 3"]]:
    width, height = size
    found = {}
    for frame in read_frames(path):
        if frame.index in chosen:
            # An odd side loses its last row or column when a clip is written.
            found[frame.index] = np.ascontiguousarray(frame.image[:height, :width])
        if frame.index >= chosen[-1]:
            break
    return found
