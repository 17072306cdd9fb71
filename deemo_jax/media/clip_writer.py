"""Writing clips: H.264 and AAC in MP4, with nothing in it but picture and sound. Axes: H height, W width, n samples."""

import contextlib
import itertools
import os
from collections.abc import Iterable, Iterator
from fractions import Fraction

import av
import numpy as np
import soxr
from av.bitstream import BitStreamFilterContext
from av.container import OutputContainer
from jaxtyping import Float

from deemo_jax.core.errors import UserError
from deemo_jax.core.files import atomic
from deemo_jax.media.picture import Frame, Planar

# Seconds of a unit of the picture track's timestamps, as in MPEG: whole numbers for 24, 25, 30 and 60 frames a second.
VIDEO_CLOCK = Fraction(1, 90_000)
# Samples of an AAC frame, and the rates (Hz) that AAC knows.
AAC_FRAME = 1024
AAC_RATES = (96_000, 88_200, 64_000, 48_000, 44_100, 32_000, 24_000, 22_050, 16_000, 12_000, 11_025, 8_000, 7_350)
# Removes SEI units (type 6), in which x264 writes its version and settings.
WITHOUT_REMARKS = "filter_units=remove_types=6"
# Bit-exact writing leaves out the muxer's name and the date; the index is put in front, so that a player can begin
# before all of the file is there.
MUXER = {"fflags": "+bitexact", "movflags": "+faststart"}


def write_clip(
    path: str | os.PathLike[str],
    frames: Iterable[Frame | Planar],
    frame_rate: Fraction | float,
    audio: tuple[Float[np.ndarray, " n"], int] | None = None,
    crf: int = 20,
    threads: int = 1,
) -> None:
    """Writes an MP4 (H.264, AAC mono) that holds picture and sound only. The file appears when it is complete.

    Args:
        path: of the MP4.
        frames: in order; their times are kept, at a variable rate too. An odd side loses its last row or column, which
            yuv420p cannot hold.
        frame_rate: a second; only says how long the last frame lasts.
        audio: samples in [-1, 1], the first at clip time 0, and their rate in Hz; None for no sound track.
        crf: x264's quality: 0 is lossless, 51 the worst.
        threads: that encode.

    Raises:
        UserError: there is no frame.
        OSError: the file cannot be written.
    """
    rate = Fraction(frame_rate).limit_denominator(100_000)
    pictures = (frame.planar() if isinstance(frame, Frame) else frame for frame in frames)
    first = next(pictures, None)
    if first is None:
        raise UserError(f"{path}: there is no frame to write")
    with (
        atomic(path) as temporary,
        _as_os_error(),
        # Absolute: libav takes what stands before a colon for a protocol.
        av.open(str(temporary.absolute()), "w", format="mp4", options=MUXER) as container,
    ):
        picture = _picture_encoder(container, first, rate, crf, threads)
        sound = _SoundEncoder(container, audio) if audio is not None else None
        container.start_encoding()
        anonymous = BitStreamFilterContext(WITHOUT_REMARKS, picture, picture)
        tick = -1
        for shown in itertools.chain([first], pictures):
            if sound is not None:
                sound.advance(shown.time_s)
            # Frames of a damaged source may share a time; timestamps in a file must grow.
            tick = max(tick + 1, round(shown.time_s / VIDEO_CLOCK))
            frame = shown.encodable()
            frame.pts, frame.time_base = tick, VIDEO_CLOCK
            container.mux(_lasting(_filtered(anonymous, picture.encode(frame)), rate))
        container.mux(_lasting(_filtered(anonymous, [*picture.encode(None), None]), rate))
        if sound is not None:
            sound.advance(None)


@contextlib.contextmanager
def _as_os_error() -> Iterator[None]:
    try:
        yield
    except av.FFmpegError as error:
        raise OSError(error.errno, error.strerror) from error


def _picture_encoder(
    container: OutputContainer, first: Planar, rate: Fraction, crf: int, threads: int
) -> "av.VideoStream":
    # Without B-frames the orders of decoding and showing are the same, and frame times of any spacing are kept.
    # A coarse search for motion, in whole blocks, takes half of the time of the preset's; at equal PSNR files of real
    # footage are a tenth larger.
    search = "subme=1:me=dia:partitions=none"
    options = {"crf": str(crf), "flags": "+bitexact", "preset": "veryfast", "x264-params": search, "bf": "0"}
    stream = container.add_stream("libx264", rate=rate, options=options)
    (stream.width, stream.height), stream.pix_fmt = first.size, "yuv420p"
    stream.time_base = stream.codec_context.time_base = VIDEO_CLOCK
    stream.codec_context.colorspace = first.colorspace
    stream.codec_context.thread_count = threads
    return stream


def _filtered(anonymous: BitStreamFilterContext, packets: "Iterable[av.Packet | None]") -> "list[av.Packet]":
    return [kept for packet in packets for kept in anonymous.filter(packet)]


def _lasting(packets: "list[av.Packet]", rate: Fraction) -> "list[av.Packet]":
    """Sets the packets' duration. The muxer uses that of the last packet; others last until the next one."""
    for packet in packets:
        packet.duration = round(1 / rate / packet.time_base)
    return packets


class _SoundEncoder:
    """AAC mono, encoded in step with the picture, so that the muxer buffers neither."""

    def __init__(self, container: OutputContainer, audio: tuple[Float[np.ndarray, " n"], int]):
        waveform, rate = audio
        if rate not in AAC_RATES:
            waveform, rate = soxr.resample(waveform, rate, 48_000), 48_000
        self._container, self._waveform, self._rate, self._done = container, waveform, rate, 0
        # The fast coder takes a third of the usual one's time. Its error lies 41 dB below a voice at 16 kHz, not 42 dB.
        options = {"flags": "+bitexact", "aac_coder": "fast"}
        self._stream = container.add_stream("aac", rate=rate, layout="mono", options=options)

    def advance(self, time_s: float | None) -> None:
        """Encodes up to a clip time; None encodes all that is left."""
        end = len(self._waveform) if time_s is None else min(len(self._waveform), int(time_s * self._rate))
        while self._done < end:
            block = np.asarray(self._waveform[self._done : min(end, self._done + AAC_FRAME)], np.float32)
            frame = av.AudioFrame.from_ndarray(block[None], format="fltp", layout="mono")
            frame.sample_rate, frame.pts, frame.time_base = self._rate, self._done, Fraction(1, self._rate)
            self._container.mux(self._stream.encode(frame))
            self._done += len(block)
        if time_s is None:
            self._container.mux(self._stream.encode(None))
