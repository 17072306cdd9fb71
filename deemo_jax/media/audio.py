"""Sound tracks as mono waveforms on the clip's clock. Axes: C channels, n samples."""

import contextlib
import dataclasses
import os
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from jaxtyping import Float

from deemo_jax.core.errors import UserError
from deemo_jax.media.container.film_header import film_header, known_sounds
from deemo_jax.media.container.media_file import open_media
from deemo_jax.media.sound import mixing
from deemo_jax.media.sound.mixing import Powers
from deemo_jax.media.sound.track_decoder import MOST_LEVEL, Piece, Tally
from deemo_jax.media.sound.track_reader import Block, Mono, TrackReader

# Share of a track's packets, or samples, of which so much is lost that what is left is no voice to go by.
MOST_LOST = 0.25
MOST_TRACKS = 64


@dataclasses.dataclass(frozen=True, slots=True)
class Sound:
    """What is heard in a file.

    Attributes:
        waveform: one channel, within [-1, 1].
        rate: Hz.
        tracks: how many sound tracks the file has.
        used: the numbers of those that are heard, counted from 1.
        channels: of each of them.
        notes: what was damaged, silent or not believed, in words.
    """

    waveform: Float[np.ndarray, " n"]
    rate: int
    tracks: int
    used: tuple[int, ...]
    channels: tuple[int, ...]
    notes: tuple[str, ...] = ()


def read_audio(
    path: str | os.PathLike[str],
    sample_rate: int | None = 16_000,
    start_s: float = 0.0,
    end_s: float | None = None,
    mix: bool = False,
) -> tuple[Float[np.ndarray, " n"], int]:
    """Reads the sound between two clip times as one channel, resampled on the way.

    Sample 0 is clip time `start_s`: sound before it is cut, and silence stands where the track starts later or has a
    gap. Memory is that of the result; bound it with `end_s`. Channel 0 rather than a mix is ImageBind's choice.

    Args:
        path: a video or audio file.
        sample_rate: Hz; None keeps the file's own.
        start_s: clip time.
        end_s: clip time; None is the end of the track.
        mix: what `read_sound` makes of all channels of all tracks, instead of channel 0 of the first.

    Returns:
        waveform: float32 (n,) in [-1, 1].
        sample_rate: Hz.

    Raises:
        UserError: missing, no media, no sound track, or no sound in the span.
    """
    if mix:
        sound = read_sound(path, sample_rate, start_s, end_s)
        return sound.waveform, sound.rate
    number = next((n for n, known in enumerate(sound_tracks(path), 1) if known), None)
    if number is None:
        raise UserError(f"{path}: has no sound track that can be decoded; a clip needs a voice")
    reader = TrackReader(Path(path), number, sample_rate, start_s, end_s)
    waveform = _joined(list(reader.blocks(_first_channel)))
    if not waveform.size:
        raise _nothing(path, start_s, end_s)
    return mixing.bounded(waveform), reader.rate


def read_sound(
    path: str | os.PathLike[str],
    sample_rate: int | None = 16_000,
    start_s: float = 0.0,
    end_s: float | None = None,
    track: int | None = None,
) -> Sound:
    """Reads all channels of all sound tracks between two clip times as one channel, or those of one track.

    It is as loud as what sounds is on average; silent channels and tracks do not make it softer. Where channels cancel
    each other out, the loudest is taken, and so of tracks. Constant offsets are taken off. What cannot be decoded is
    silence, what is no number is bridged, and the notes say so.

    Args:
        path: a video or audio file.
        sample_rate: Hz; None keeps the file's own.
        start_s: clip time; sample 0 is there.
        end_s: clip time; None is the end of the longest track.
        track: the one to read, counted from 1; None mixes all.

    Raises:
        UserError: missing, no media, no sound track, none that can be decoded, no such track, most of one is damaged,
            or no sound in the span.
    """
    path = Path(path)
    known = sound_tracks(path)
    numbers, notes = _chosen(path, known, track)
    heard: dict[int, Mono] = {}
    channels: dict[int, int] = {}
    for number in numbers:
        reader = TrackReader(path, number, sample_rate, start_s, end_s)
        mixed = _mixed(reader)
        which = f"sound track {number}" if len(known) > 1 else "the sound"
        notes += _damage(path, which, reader.tally)
        if mixed.size:
            heard[number], channels[number], sample_rate = mixed, reader.tally.channels, reader.rate
        if not mixing.peak(mixed):
            notes.append(f"{which} is {'silent from beginning to end' if mixed.size else 'empty'}")
    if not heard or sample_rate is None:
        raise _nothing(path, start_s, end_s)
    waveform, alone = _together(heard)
    if alone is not None:
        notes.append(f"the sound tracks cancel each other out; track {alone} is taken alone")
    return Sound(waveform, sample_rate, len(known), tuple(heard), tuple(channels.values()), tuple(notes))


def sound_tracks(path: str | os.PathLike[str]) -> tuple[bool, ...]:
    """For each sound track of a file, whether there is a decoder for it; empty for a silent film.

    Raises:
        UserError: missing, or no media.
    """
    with contextlib.suppress(UserError):  # what has no picture is opened for its sound alone
        return film_header(path).sounds
    with open_media(path) as container:
        return known_sounds(container)


def sound_seconds(path: str | os.PathLike[str]) -> float:
    """How long the first sound track lasts, decoded but not held.

    Raises:
        UserError: missing, no media, no sound track, or one that breaks off.
    """
    if not sound_tracks(path):
        raise UserError(f"{path}: has no sound track")
    reader = TrackReader(Path(path), 1)
    size = sum(block.size for _, block in reader.blocks(_first_channel))
    return size / (reader.rate or 1)


def _chosen(path: Path, known: tuple[bool, ...], track: int | None) -> tuple[list[int], list[str]]:
    """Numbers of the tracks to read, and notes on the others."""
    if not known:
        raise UserError(f"{path}: has no sound track")
    if track is not None:
        if not 1 <= track <= len(known):
            raise UserError(f"{path}: has no sound track {track}; it has {len(known)}")
        if not known[track - 1]:
            raise UserError(f"{path}: there is no decoder for sound track {track}; choose another, or convert it")
        return [track], []
    numbers = [number for number, good in enumerate(known, 1) if good]
    if not numbers:
        raise UserError(
            f"{path}: has no sound track that can be decoded; convert it, or leave the sound out (--audio_track none)"
        )
    if len(numbers) > MOST_TRACKS:
        raise UserError(f"{path}: {len(numbers)} sound tracks; at most {MOST_TRACKS} are mixed: choose one")
    return numbers, [
        f"sound track {n} is left out: there is no decoder for it" for n, good in enumerate(known, 1) if not good
    ]


def _damage(path: Path, which: str, tally: Tally) -> list[str]:
    """What was wrong with a track, in words.

    Raises:
        UserError: most of it.
    """
    mend = "convert or repair it, choose another track, or leave the sound out (--audio_track N or none)"
    if tally.lost > MOST_LOST * tally.packets:
        raise UserError(f"{path}: {which}: {tally.lost} of {tally.packets} packets cannot be decoded; {mend}")
    wrong = f"{tally.wrong} of {tally.samples} samples are no numbers, or beyond {MOST_LEVEL:.0f} times full scale"
    if tally.wrong > MOST_LOST * tally.samples:
        raise UserError(f"{path}: {which}: {wrong} (+-1 for floats); {mend}")
    notes = []
    if tally.lost:
        notes.append(f"{which}: {tally.lost} of {tally.packets} packets cannot be decoded; silence in their place")
    elif tally.gaps:
        gaps = (
            f"1 gap of {tally.gap_s:.2f} s in all is"
            if tally.gaps == 1
            else f"{tally.gaps} gaps of {tally.gap_s:.2f} s in all are"
        )
        notes.append(f"{which}: {gaps} silence")
    if tally.wrong:
        notes.append(f"{which}: {wrong}; they are bridged")
    if tally.doubted:
        notes.append(
            f"{which}: {tally.doubted} timestamps cannot be true; what they belong to follows on what was before"
        )
    return notes


def _nothing(path: str | os.PathLike[str], start_s: float, end_s: float | None) -> UserError:
    end = "the end" if end_s is None else f"{end_s:g} s"
    return UserError(
        f"{path}: no sound between {start_s:g} s and {end}, though there is a sound track; export it anew, or take"
        " another track or none (deidentify --audio_track)"
    )


def _mixed(reader: TrackReader) -> Mono:
    """A track with all its channels."""
    powers: dict[str, Powers] = {}

    def mean(piece: Piece) -> Mono:
        mixed: Mono = piece.samples.mean(axis=0, dtype=np.float32)
        powers.setdefault(piece.layout, Powers()).add(mixed, piece.samples)
        return mixed

    def loudest(piece: Piece) -> Mono:
        of = powers[piece.layout]
        return piece.samples[of.loudest] if of.cancelled else piece.samples.mean(axis=0, dtype=np.float32)

    blocks = list(reader.blocks(mean, steady=True))
    if any(of.cancelled for of in powers.values()):
        blocks = list(reader.blocks(loudest, steady=True))
    waveform = mixing.bounded(_joined(blocks))
    ends = np.cumsum([block.size for _, block in blocks])
    for layout, of in powers.items():
        if not of.cancelled:
            parts = [
                waveform[end - b.size : end] for (name, b), end in zip(blocks, ends, strict=True) if name == layout
            ]
            mixing.amplify(parts, of.gain)
    return waveform


def _first_channel(piece: Piece) -> Mono:
    return piece.samples[0]


def _joined(blocks: Sequence[Block]) -> Mono:
    return np.concatenate([block for _, block in blocks]) if blocks else np.zeros(0, np.float32)


def _together(tracks: Mapping[int, Mono]) -> tuple[Mono, int | None]:
    """Several tracks as one; and which of them was taken alone, if one was."""
    waveforms = list(tracks.values())
    if len(waveforms) == 1:
        return waveforms[0], None
    mixed = np.zeros(max(waveform.size for waveform in waveforms), np.float32)
    for waveform in waveforms:
        mixed[: waveform.size] += waveform / len(waveforms)
    powers = Powers(mixing.energy(mixed), np.array([mixing.energy(waveform) for waveform in waveforms]))
    if powers.cancelled:
        return waveforms[powers.loudest], list(tracks)[powers.loudest]
    mixing.amplify([mixed], powers.gain)
    return mixed, None
