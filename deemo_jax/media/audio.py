"""Sound tracks as mono waveforms on the clip's clock. Axes: C channels, n samples."""

import dataclasses
import os
from collections.abc import Callable, Iterator

import av
import numpy as np
import soxr
from av.container import InputContainer
from jaxtyping import Float

from deemo_jax.errors import UserError
from deemo_jax.media.container import audio_stream, clip_origin, open_media, time_base

# Timestamps are rounded to the container's clock: smaller gaps and overlaps are rounding, not silence.
JITTER_S = 0.005
SILENT_BLOCK = 1 << 20
# A whole file's header never promises more than this beyond the last sample.
TRUNCATION_SLACK_S = 0.5
# Share of its channels' power below which a mean has lost the sound: one voice in one of eight channels keeps more.
CANCELLED = 0.1
ROUNDING = 1e-3

Choose = Callable[[Float[np.ndarray, "C n"]], Float[np.ndarray, "n"]]


def read_audio(
    path: str | os.PathLike[str],
    sample_rate: int | None = 16_000,
    start_s: float = 0.0,
    end_s: float | None = None,
    mix: bool = False,
) -> tuple[Float[np.ndarray, "n"], int]:
    """Reads the first sound track between two clip times as one channel, resampled on the way.

    Sample 0 is clip time `start_s`: sound before it is cut, and silence stands where the track starts later or has a
    gap. Memory is that of the result; bound it with `end_s`. Channel 0 rather than a mix is ImageBind's choice.

    Args:
        path: a video or audio file.
        sample_rate: Hz; None keeps the file's own.
        start_s: clip time.
        end_s: clip time; None is the end of the track.
        mix: all channels instead of channel 0, for tracks whose channels differ: their mean, as loud as they are on
            average; where they cancel each other out, the loudest.

    Returns:
        waveform: float32 (n,) in [-1, 1].
        sample_rate: Hz.

    Raises:
        UserError: missing, no media, no sound track, or no sound in the span.
    """
    if not mix:
        return _read(path, sample_rate, start_s, end_s, _Channel(0))
    mean = _Mean()
    waveform, rate = _read(path, sample_rate, start_s, end_s, mean)
    if mean.loudness < CANCELLED:
        return _read(path, sample_rate, start_s, end_s, _Channel(mean.loudest))
    if mean.loudness < 1 - ROUNDING:
        waveform *= min(mean.loudness**-0.5, 1 / max(float(np.abs(waveform).max()), ROUNDING))
    return waveform, rate


def _read(
    path: str | os.PathLike[str],
    sample_rate: int | None,
    start_s: float,
    end_s: float | None,
    choose: Choose,
) -> tuple[Float[np.ndarray, "n"], int]:
    with open_media(path) as container:
        stream = audio_stream(container)
        if stream is None:
            raise UserError(f"{path}: has no sound track that can be decoded; a clip needs a voice")
        rate = stream.rate
        blocks = _blocks(container, stream, start_s, end_s, choose)
        if sample_rate is None or sample_rate == rate:
            parts = list(blocks)
        else:
            resampler = soxr.ResampleStream(rate, sample_rate, 1, dtype="float32")
            parts = [resampler.resample_chunk(block) for block in blocks]
            parts.append(resampler.resample_chunk(np.zeros(0, np.float32), last=True))
    waveform = np.concatenate(parts) if parts else np.zeros(0, np.float32)
    if not waveform.size:
        raise UserError(f"{path}: no sound between {start_s} s and {'the end' if end_s is None else f'{end_s} s'}")
    return waveform, sample_rate or rate


@dataclasses.dataclass(frozen=True, slots=True)
class _Channel:
    number: int

    def __call__(self, channels: Float[np.ndarray, "C n"]) -> Float[np.ndarray, "n"]:
        return channels[min(self.number, len(channels) - 1)]


class _Mean:
    """The mean of all channels, which keeps count of what is lost by it."""

    def __init__(self) -> None:
        self._mixed, self._each = 0.0, np.zeros(0)

    def __call__(self, channels: Float[np.ndarray, "C n"]) -> Float[np.ndarray, "n"]:
        mixed = channels.mean(axis=0, dtype=np.float32)
        each = np.square(channels, dtype=np.float64).sum(axis=1)
        if each.size > self._each.size:
            self._each = np.pad(self._each, (0, each.size - self._each.size))
        self._each[: each.size] += each
        self._mixed += float(np.square(mixed, dtype=np.float64).sum())
        return mixed

    @property
    def loudness(self) -> float:
        """Power of the mean as a share of the channels' mean power; 1 for silence."""
        power = float(self._each.mean()) if self._each.size else 0.0
        return self._mixed / power if power > 0 else 1.0

    @property
    def loudest(self) -> int:
        return int(self._each.argmax())


def sound_seconds(path: str | os.PathLike[str]) -> float:
    """How long the sound track lasts, decoded but not held.

    Raises:
        UserError: missing, no media, no sound track, or one that breaks off.
    """
    with open_media(path) as container:
        stream = audio_stream(container)
        if stream is None:
            raise UserError(f"{path}: has no sound track that can be decoded; a clip needs a voice")
        return sum(block.size for block in _blocks(container, stream, 0.0, None, _Channel(0))) / stream.rate


def _blocks(
    container: InputContainer, stream: "av.AudioStream", start_s: float, end_s: float | None, choose: Choose
) -> Iterator[Float[np.ndarray, "n"]]:
    """One channel as consecutive blocks without gaps or overlaps, from `start_s` on."""
    rate = stream.rate
    stream.codec_context.thread_count = 1
    origin = clip_origin(container)
    if start_s > 0:
        # A little early: some codecs need a block or two before their output is right.
        container.seek(int((max(0.0, start_s - 0.2) + origin) / time_base(stream)), stream=stream)
    planar = av.AudioResampler(format="fltp", rate=rate)
    here, expected = 0, None
    end = None if end_s is None else round((end_s - start_s) * rate)
    for encoded in container.decode(stream):
        for frame in planar.resample(encoded):
            block = choose(frame.to_ndarray())
            at = (expected or 0) if frame.time is None else round((frame.time - origin - start_s) * rate)
            if expected is not None and abs(at - expected) <= JITTER_S * rate:
                at = expected
            expected = at + block.size
            if end is not None and at >= end:
                yield from _silence(end - here)
                return
            if at > here:
                yield from _silence(at - here)
                here = at
            block = block[max(0, here - at) : None if end is None else end - at]
            if block.size:
                yield block
                here += block.size
    if stream.duration is not None and end_s is None and expected is not None:
        promised = float((stream.duration + (stream.start_time or 0)) * time_base(stream)) - origin
        heard = expected / rate + start_s
        if promised - heard > TRUNCATION_SLACK_S:
            raise UserError(
                f"{container.name}: truncated (sound ends at {heard:.2f} s of {promised:.2f}); copy it again"
            )


def _silence(count: int) -> Iterator[Float[np.ndarray, "n"]]:
    """Zeros in pieces: a timestamp that lies asks for any number of them."""
    for start in range(0, count, SILENT_BLOCK):
        yield np.zeros(min(SILENT_BLOCK, count - start), np.float32)
