"""One sound track, decoded piece by piece: any layout, damage passed over and counted. Axes: C channels, n samples.

Samples are only ever taken from packed frames: PyAV looks for the planes of a planar one beyond the eighth, where there
are none. And it frees the layout of channels that are in an order of their own twice.
"""

import dataclasses
import functools
import math
from collections.abc import Iterable, Iterator

import av
import numpy as np
from av.container import InputContainer
from jaxtyping import Bool, Float

from deemo_jax.core.errors import UserError
from deemo_jax.media.container.media_file import packets

# As many as libswresample takes.
MOST_CHANNELS = 64
# Full scale is 1. Shouts into a float recorder exceed it by 20 dB; what exceeds it by more than 30 dB is no sound.
MOST_LEVEL = 32.0
# Samples as floats, a plane for each channel: what most decoders give.
FLOATS = "fltp"
# Below every voice. What is slower is an offset of the recorder's, constant or drifting.
OFFSET_HZ = 20.0


@dataclasses.dataclass(frozen=True, slots=True)
class Piece:
    """What one packet held.

    Attributes:
        time_s: on the container's clock; None where the file does not say.
        rate: Hz; it may change within a track.
        layout: name of the channels' arrangement; likewise.
        samples: full scale is 1.
    """

    time_s: float | None
    rate: int
    layout: str
    samples: Float[np.ndarray, "C n"]

    @property
    def lasts_s(self) -> float:
        return self.samples.shape[1] / self.rate


@dataclasses.dataclass(slots=True)
class Tally:
    """What was met while a track was decoded.

    Attributes:
        packets: of the track.
        lost: packets that could not be decoded.
        samples: of all channels.
        wrong: samples that are no numbers, or beyond `MOST_LEVEL`.
        channels: the most that the track had at a time.
        doubted: pieces whose time cannot be true.
        gaps: how often the file leaves out sound between two pieces.
        gap_s: how much in all.
    """

    packets: int = 0
    lost: int = 0
    samples: int = 0
    wrong: int = 0
    channels: int = 0
    doubted: int = 0
    gaps: int = 0
    gap_s: float = 0.0


def pieces(container: InputContainer, stream: "av.AudioStream", tally: Tally) -> Iterator[Piece]:
    """Decodes a track from where the container stands; `tally` is kept up to date.

    Packets that cannot be decoded are left out. Wrong samples are bridged from their neighbours.

    Raises:
        UserError: more channels than `MOST_CHANNELS`.
        av.FFmpegError: the container itself cannot be read on.
    """
    packed = _Packed(container.name)
    _forget_order(stream.codec_context)
    stream.codec_context.thread_count = 1
    for packet in packets(container, stream):
        tally.packets += packet.size > 0
        try:
            frames = packet.decode()
        except av.FFmpegError:
            tally.lost += packet.size > 0
            continue
        for frame in frames:
            samples = packed(frame)
            if samples.size:
                tally.samples += samples.size
                tally.channels = max(tally.channels, len(samples))
                if not np.abs(samples).max() <= MOST_LEVEL:  # nor is what is no number
                    wrong = ~(np.abs(samples) <= MOST_LEVEL)
                    tally.wrong += int(wrong.sum())
                    _bridge(samples, wrong)
                yield Piece(frame.time, frame.sample_rate, frame.layout.name, samples)


def without_offset(track: Iterable[Piece]) -> Iterator[Piece]:
    """Takes off what is constant or drifts in each channel, wherever it begins and ends."""
    level: Float[np.ndarray, "C 1"] = np.zeros((0, 1))
    for piece in track:
        samples = piece.samples.astype(np.float64)
        if len(level) != len(samples):
            level = samples[:, : math.ceil(piece.rate / OFFSET_HZ)].mean(axis=1, keepdims=True)
        # Blocks so short that the decay of the running mean within one can be divided by.
        block = math.ceil(piece.rate / OFFSET_HZ)
        for start in range(0, samples.shape[1], block):
            part = samples[:, start : start + block]
            decay, growth = _decay(piece.rate, part.shape[1])
            mean = np.cumsum(part * growth, axis=1)
            mean += level
            mean *= decay
            level = mean[:, -1:]
            part -= mean
        yield dataclasses.replace(piece, samples=samples.astype(np.float32))


@functools.lru_cache(64)
def _decay(rate: int, count: int) -> tuple[Float[np.ndarray, " n"], Float[np.ndarray, " n"]]:
    """How a running mean fades over so many samples, and how each of them counts against that."""
    step = 2 * math.pi * OFFSET_HZ / rate
    decay = np.exp(-step * np.arange(1, count + 1))
    return decay, -math.expm1(-step) / decay


class _Packed:
    """Frames as arrays, whatever their format; each format has a converter of its own."""

    def __init__(self, name: str) -> None:
        self._name, self._format = name, ""
        self._converter: av.AudioResampler | None = None

    def __call__(self, frame: "av.AudioFrame") -> Float[np.ndarray, "C n"]:
        channels = frame.layout.nb_channels
        if channels > MOST_CHANNELS:
            raise UserError(
                f"{self._name}: {channels} channels of sound in one track; at most {MOST_CHANNELS} are mixed: leave out"
                " those without a voice"
            )
        if not (channels and frame.samples and frame.sample_rate):
            return np.zeros((channels, 0), np.float32)
        if frame.format.name == FLOATS and channels == 1:
            return frame.to_ndarray()  # the same as when it is packed
        made_for = f"{frame.format.name} {frame.layout.name} {frame.sample_rate}"
        if made_for != self._format:
            self._format, self._converter = made_for, av.AudioResampler(format="flt")
        assert self._converter is not None
        parts = [part.to_ndarray().reshape(-1, channels) for part in self._converter.resample(frame)]
        return np.concatenate(parts).T.copy() if parts else np.zeros((channels, 0), np.float32)


def _forget_order(context: "av.AudioCodecContext") -> None:
    """Replaces an arrangement of channels that FFmpeg has no name for by their number.

    PyAV shares such an arrangement between its objects, and each of them frees it. Looking at the layout is the first
    of them: nothing may come between that and the replacement.
    """
    layout = context.layout
    channels, name = layout.nb_channels, layout.name
    del layout
    if channels:
        try:
            context.layout = f"{channels} channels" if "+" in name or " (" in name else name
        except ValueError:
            context.layout = f"{channels} channels"


def _bridge(samples: Float[np.ndarray, "C n"], wrong: Bool[np.ndarray, "C n"]) -> None:
    """Draws a straight line over wrong samples, in place; a channel without any other is silent."""
    for channel, bad in zip(samples, wrong, strict=True):
        if bad.all():
            channel[:] = 0
        elif bad.any():
            channel[bad] = np.interp(np.flatnonzero(bad), np.flatnonzero(~bad), channel[~bad])
