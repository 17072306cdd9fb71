"""Sound tracks as mono waveforms on the clip's clock. Axes: n samples."""

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

# A track of which more than this share of packets, or of samples, is damaged is refused.
MOST_LOST = 0.25
# The most sound tracks that are mixed; each is read from the file by itself.
MOST_TRACKS = 64


@dataclasses.dataclass(frozen=True, slots=True)
class Sound:
    """The sound of a file.

    Attributes:
        waveform: float32, one channel, within [-1, 1].
        rate: Hz.
        tracks: how many sound tracks the file has.
        used: numbers of the tracks that are in the waveform, counted from 1.
        channels: the number of channels of each of those.
        notes: what was damaged, silent or not believed, a sentence each.
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
    gap. Only the result is held in memory; `end_s` bounds it. The first channel is taken, not a mix, as ImageBind does.

    Args:
        path: a video or audio file.
        sample_rate: Hz; None keeps the file's own.
        start_s: clip time.
        end_s: clip time; None for the end of the track.
        mix: mixes all channels of all tracks, as `read_sound` does, instead of taking the first of the first.

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
    """Mixes all channels of one sound track, or of all, between two clip times into one channel.

    The mix is as loud as its channels are on average, silent ones left out. Where channels cancel each other out, the
    loudest is taken alone; the same holds for tracks. Constant offsets are removed. Packets that cannot be decoded
    become silence, samples that are no numbers are interpolated, and the notes say so.

    Args:
        path: a video or audio file.
        sample_rate: Hz; None keeps the file's own.
        start_s: clip time of sample 0.
        end_s: clip time; None for the end of the longest track.
        track: number of the track to read, counted from 1; None mixes all.

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
    """Length of the first sound track, seconds, by decoding it; it is not held in memory.

    Raises:
        UserError: missing, no media, no sound track, or one that breaks off.
    """
    if not sound_tracks(path):
        raise UserError(f"{path}: has no sound track")
    reader = TrackReader(Path(path), 1)
    size = sum(block.size for _, block in reader.blocks(_first_channel))
    return size / (reader.rate or 1)


def _chosen(path: Path, known: tuple[bool, ...], track: int | None) -> tuple[list[int], list[str]]:
    """Numbers of the tracks to read, and notes on those that are left out.

    Args:
        path: of the file, for messages.
        known: for each track, whether there is a decoder.
        track: the number asked for, or None.
    """
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
    """What was wrong with a track, a sentence each.

    Raises:
        UserError: more than `MOST_LOST` of it is damaged.
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
    """A track with its channels mixed."""
    powers: dict[str, Powers] = {}

    def mean(piece: Piece) -> Mono:
        mixed = _mean(piece)
        powers.setdefault(piece.layout, Powers()).add(mixed, piece.samples)
        return mixed

    def loudest(piece: Piece) -> Mono:
        of = powers[piece.layout]
        return piece.samples[of.loudest] if of.cancelled else _mean(piece)

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


def _mean(piece: Piece) -> Mono:
    return piece.samples[0] if len(piece.samples) == 1 else piece.samples.mean(axis=0, dtype=np.float32)


def _first_channel(piece: Piece) -> Mono:
    return piece.samples[0]


def _joined(blocks: Sequence[Block]) -> Mono:
    return np.concatenate([block for _, block in blocks]) if blocks else np.zeros(0, np.float32)


def _together(tracks: Mapping[int, Mono]) -> tuple[Mono, int | None]:
    """Several tracks mixed into one waveform, and the number of the track that was taken alone, or None."""
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
