"""Variants of one clip: its frames under several masks, its voice under several methods.

The rectangles are those of the clip's own masks, so that variants differ only in how they are filled.
Axes: V variants, F frames, M mel clips, S statistics.
"""

import dataclasses
import hashlib
import typing
from collections.abc import Mapping, Sequence
from pathlib import Path

import cv2
import numpy as np
from jaxtyping import Float, UInt8

from deemo_jax.audit.attacks.attacked_voice import SPEAKER, by_settings
from deemo_jax.audit.attacks.trials import Change
from deemo_jax.audit.audited_clips import AuditedClip, read_source_voice, read_voice, source_frames
from deemo_jax.audit.utility.prosody_statistics import prosody_statistics
from deemo_jax.deid.keys import VoiceKey
from deemo_jax.deid.settings import AROUND_SPEAKER, VOICES, Settings
from deemo_jax.deid.video import masks
from deemo_jax.deid.voice.neutral.manner import Manner
from deemo_jax.deid.voice.spoken.words import Words
from deemo_jax.media.imagebind_mel import mel_clips
from deemo_jax.media.video import read_frames, uniform_indices

# Names of the variants that are read and not made.
RAW, WRITTEN = "raw", "the files as written"
# Frames, and mel spectrograms of 2 s, of a clip.
FRAMES, MEL_CLIPS = 8, 4
# Masks with another name in the report.
MASK_NAMES = {"gaussian": "gaussian (the paper's)", "solid": "solid", "mosaic": "mosaic"}


def mask_variants() -> dict[str, str]:
    """Name in the report -> mask, for every mask of `Settings`."""
    known = typing.get_args(typing.get_type_hints(Settings)["mask"])
    return {MASK_NAMES.get(mask, mask): mask for mask in sorted(known)}


def voice_variants(
    names: Sequence[str] = VOICES,
    manners: Mapping[str, Manner] | None = None,
    words: Mapping[str, Words] | None = None,
) -> dict[str, Change]:
    """Name in the report -> change of the voice, under a key that is not secret.

    Args:
        names: of methods, as `Settings.of_voice` has them.
        manners: person -> how they speak on the whole. A neutral or spoken voice with prosody around these is a
            variant of its own.
        words: clip id -> what is said in it, for methods that say it anew.
    """
    key = VoiceKey(hashlib.sha256(b"audit of utility").digest())
    found: dict[str, Change] = {}
    for name in names:
        settings = Settings.of_voice(name)
        found[name] = by_settings(settings, key, words=words)
        if settings.voice in AROUND_SPEAKER and settings.prosody and manners:
            found[f"{name}{SPEAKER}"] = by_settings(settings, key, manners, words)
    return found


@dataclasses.dataclass(frozen=True, slots=True, eq=False)
class Variants:
    """One clip in all variants, in the order of `frame_names` and `voice_names`.

    Attributes:
        frames: RGB, the same F frames in every variant.
        mel: M log-mel spectrograms in every variant.
        prosody: of `prosody_statistics`, in every variant.
    """

    frames: UInt8[np.ndarray, "frame_modes F H W 3"]
    mel: Float[np.ndarray, "voice_modes M 128 204"]
    prosody: Float[np.ndarray, "voice_modes S"]


def frame_names() -> list[str]:
    """The variants of the frames, in order."""
    return [RAW, *mask_variants(), WRITTEN]


def voice_names(voices: Mapping[str, Change]) -> list[str]:
    """The variants of the voice, in order."""
    return [RAW, *voices, WRITTEN]


def make_variants(side: int, voices: Mapping[str, Change], clip: AuditedClip) -> Variants:
    """Makes the variants of a clip from its files and its raw file.

    Args:
        side: of the frames, pixels.
        voices: name -> change of the voice.
        clip: with its source.
    """
    assert clip.source is not None
    recorded = clip.masks()
    chosen, of_source = uniform_indices(len(recorded.rectangles), FRAMES), source_frames(recorded)
    size = (recorded.width, recorded.height)
    before = _pictures(clip.source, size, [of_source[i] for i in chosen], clip.source_span)
    raw = {i: before[of_source[i]] for i in chosen}
    shown = [raw]
    for mask in mask_variants().values():
        shown.append({i: masks.cover(raw[i], recorded.rectangles[i], mask) for i in raw})
    shown.append(_pictures(clip.output, size, chosen))
    frames = [[cv2.resize(of[i], (side, side), interpolation=cv2.INTER_AREA) for i in chosen] for of in shown]
    waveform = read_source_voice(clip.source, clip.manifest)
    heard = [waveform, *(change(waveform, clip.clip_id, clip.person) for change in voices.values())]
    heard.append(read_voice(clip.output))
    return Variants(
        np.asarray(frames, np.uint8),
        np.stack([mel_clips(sound, MEL_CLIPS) for sound in heard]),
        np.stack([prosody_statistics(sound) for sound in heard]),
    )


def _pictures(
    path: Path, size: tuple[int, int], chosen: list[int], span: tuple[float, float | None] = (0.0, None)
) -> dict[int, UInt8[np.ndarray, "_ _ 3"]]:
    width, height = size
    found = {}
    for frame in read_frames(path, *span):
        if frame.index in chosen:
            # A written clip has even sides: of an odd side the last row or column is left out.
            found[frame.index] = np.ascontiguousarray(frame.image[:height, :width])
        if frame.index >= chosen[-1]:
            break
    return found
