"""Sound tracks as mono waveforms on the clip's clock."""

import os
from collections.abc import Iterator

import av
import numpy as np
import soxr
from av.container import InputContainer
from jaxtyping import Float

from deemo_jax.errors import UserError
from deemo_jax.media.container import clip_origin, open_media, time_base

# Timestamps are rounded to the container's clock: smaller gaps and overlaps are rounding, not silence.
JITTER_S = 0.005
# A whole file's header never promises more than this beyond the last sample.
TRUNCATION_SLACK_S = 0.5


def read_audio(
    path: str | os.PathLike[str],
    sample_rate: int | None = 16_000,
    start_s: float = 0.0,
    end_s: float | None = None,
) -> tuple[Float[np.ndarray, "n"], int]:
    """Reads channel 0 of the first sound track between two clip times, resampled on the way.

    Sample 0 is clip time `start_s`: sound before it is cut, and silence stands where the track starts later or has a
    gap. Memory is that of the result; bound it with `end_s`. Channel 0 rather than a downmix is ImageBind's choice.

    Args:
        path: a video or audio file.
        sample_rate: Hz; None keeps the file's own.
        start_s: clip time.
        end_s: clip time; None is the end of the track.

    Returns:
        waveform: float32 (n,) in [-1, 1].
        sample_rate: Hz.

    Raises:
        UserError: missing, no media, no sound track, or no sound in the span.
    """
    with open_media(path) as container:
        if not container.streams.audio:
            raise UserError(f"{path}: has no sound track; a clip needs a voice")
        rate = container.streams.audio[0].rate
        blocks = _blocks(container, rate, start_s, end_s)
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


def _blocks(
    container: InputContainer, rate: int, start_s: float, end_s: float | None
) -> Iterator[Float[np.ndarray, "n"]]:
    """Channel 0 as consecutive blocks without gaps or overlaps, from `start_s` on."""
    stream = container.streams.audio[0]
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
            block = frame.to_ndarray()[0]
            at = (expected or 0) if frame.time is None else round((frame.time - origin - start_s) * rate)
            if expected is not None and abs(at - expected) <= JITTER_S * rate:
                at = expected
            expected = at + block.size
            if end is not None and at >= end:
                if end > here:
                    yield np.zeros(end - here, np.float32)
                return
            if at > here:
                yield np.zeros(at - here, np.float32)
                here = at
            block = block[max(0, here - at) : None if end is None else end - at]
            if block.size:
                yield block
                here += block.size
    if stream.duration is not None and end_s is None and expected is not None:
        promised = float(stream.duration * time_base(stream))
        heard = expected / rate + start_s
        if promised - heard > TRUNCATION_SLACK_S:
            raise UserError(
                f"{container.name}: truncated (sound ends at {heard:.2f} s of {promised:.2f}); copy it again"
            )
