"""One sound track, decoded packet by packet, in any layout of channels; damaged packets are left out and counted.

Two faults of PyAV are worked around. Frames are converted to packed (interleaved) samples before they are read: PyAV
reads beyond the eighth plane of a planar frame. Layouts without a name are replaced by the number of channels
(`_forget_order`): PyAV frees such a layout twice.

Axes: C channels, n samples.
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

# The most channels that FFmpeg's libswresample takes.
MOST_CHANNELS = 64
# Samples beyond this amplitude are damage. Full scale is 1; a shout into a recorder of floats exceeds it by 20 dB, this
# bound by 30 dB.
MOST_LEVEL = 32.0
# FFmpeg's name of planar floats, a plane for each channel: what most decoders give.
FLOATS = "fltp"
# What oscillates more slowly than this is an offset of the recorder, constant or drifting; all voices lie above it.
OFFSET_HZ = 20.0


@dataclasses.dataclass(frozen=True, slots=True)
class Piece:
    """The samples of one packet.

    Attributes:
        time_s: of the first sample, on the container's clock; None where the file does not say.
        rate: Hz; may change within a track.
        layout: name of the channels' arrangement; may change within a track.
        samples: full scale is 1.
    """

    time_s: float | None
    rate: int
    layout: str
    samples: Float[np.ndarray, "C n"]

    @property
    def lasts_s(self) -> float:
        """Length, seconds."""
        return self.samples.shape[1] / self.rate


@dataclasses.dataclass(slots=True)
class Tally:
    """Counts of what was met while a track was decoded.

    Attributes:
        packets: all packets of the track.
        lost: packets that could not be decoded.
        samples: of all channels together.
        wrong: samples that are no numbers, or beyond `MOST_LEVEL`.
        channels: the most channels that a piece had.
        doubted: pieces whose timestamp was not believed.
        gaps: gaps between two pieces.
        gap_s: length of all gaps, seconds.
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
                if not max(samples.max(), -samples.min()) <= MOST_LEVEL:  # also true where a sample is NaN
                    wrong = ~(np.abs(samples) <= MOST_LEVEL)
                    tally.wrong += int(wrong.sum())
                    _bridge(samples, wrong)
                yield Piece(frame.time, frame.sample_rate, frame.layout.name, samples)


def without_offset(track: Iterable[Piece]) -> Iterator[Piece]:
    """Takes the running mean off each channel: a constant or slowly drifting offset, wherever it begins and ends."""
    level: Float[np.ndarray, "C 1"] = np.zeros((0, 1))
    for piece in track:
        samples = piece.samples.astype(np.float64)
        if len(level) != len(samples):
            level = samples[:, : math.ceil(piece.rate / OFFSET_HZ)].mean(axis=1, keepdims=True)
        # In blocks so short that dividing by the decay of the running mean within one does not overflow.
        block = math.ceil(piece.rate / OFFSET_HZ)
        for start in range(0, samples.shape[1], block):
            part = samples[:, start : start + block]
            decay, growth = _decay(piece.rate, part.shape[1])
            mean = np.cumsum(part * growth, axis=1)
            mean += level
            mean *= decay
            level = mean[:, -1:]
            part -= mean
        yield Piece(piece.time_s, piece.rate, piece.layout, samples.astype(np.float32))


@functools.lru_cache(64)
def _decay(rate: int, count: int) -> tuple[Float[np.ndarray, " n"], Float[np.ndarray, " n"]]:
    """Of a running mean over `count` samples: the weight of its start at each sample, and each sample's own weight
    divided by that."""
    step = 2 * math.pi * OFFSET_HZ / rate
    decay = np.exp(-step * np.arange(1, count + 1))
    return decay, -math.expm1(-step) / decay


class _Packed:
    """Converts decoded frames of any format to arrays; a new converter is made when the format changes."""

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
    """Replaces a layout of channels that FFmpeg has no name for by the number of channels.

    PyAV shares such a layout between its objects, and each of them frees it. Reading the layout makes the first of
    these objects, so the layout is replaced before anything else happens.
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
