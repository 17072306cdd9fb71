"""When the pictures of a track are shown, in seconds of the container's clock.

A decoder gives pictures in the order in which they are shown, but not every file says at which times. AVI stamps its
packets in the order of decoding, which differs from that of showing where pictures are predicted from later ones; raw
streams have no timestamps. In those files the k-th picture shown gets the k-th smallest timestamp.
"""

import collections
import enum
import heapq
from collections.abc import Iterable, Iterator, Sequence
from fractions import Fraction

import av
from av.container import InputContainer

# The most pictures by which the orders of decoding and showing differ, by the standards of H.264 and H.265.
MOST_REORDERED = 16
# Frame rates (a second) outside these bounds are not believed; where a file names no other, the usual one is taken.
RATES = (0.1, 1000.0)
USUAL_RATE = 25.0


class Clock(enum.Enum):
    """What a track's packets say of times.

    SHOWN: when each picture is shown. SORTED: times of showing, but perhaps beside the wrong pictures. DECODED: only
    when each packet is decoded. COUNTED: nothing; pictures follow each other at the declared frame rate.
    """

    SHOWN = "shown"
    SORTED = "sorted"
    DECODED = "decoded"
    COUNTED = "counted"


def time_base(stream: "av.stream.Stream") -> Fraction:
    """Seconds that one unit of the track's timestamps lasts."""
    return stream.time_base or Fraction(1, av.time_base)


def clock_of(container: InputContainer, stream: "av.VideoStream", head: "Sequence[av.Packet]") -> Clock:
    """What a track's first packets tell; `MOST_REORDERED` are enough.

    AVI has no times of showing: libav gives those of decoding, shifted. In other formats, times that grow from packet
    to packet although the codec reorders pictures are sorted, which changes nothing where they were right.
    """
    head = [packet for packet in head if packet.size]
    shown = [packet.pts for packet in head if packet.pts is not None]
    reorders = stream.codec_context.codec.reorder
    if 2 * len(shown) < len(head) or (reorders and container.format.name == "avi"):
        return Clock.DECODED if any(packet.dts is not None for packet in head) else Clock.COUNTED
    return Clock.SORTED if reorders and stream.codec_context.has_b_frames and shown == sorted(shown) else Clock.SHOWN


def frame_rate(stream: "av.VideoStream", clock: Clock) -> float:
    """Frames per second on average, as the file declares them; `USUAL_RATE` where that is missing or not believable.

    Where packets have no times of showing, libav's guess is preferred to its average: AVI's counts empty packets too.
    """
    declared = [stream.average_rate, stream.guessed_rate]
    for rate in reversed(declared) if clock in (Clock.DECODED, Clock.COUNTED) else declared:
        if rate and RATES[0] <= rate <= RATES[1]:
            return float(rate)
    return USUAL_RATE


def timed(
    packets: "Iterable[av.Packet]", stream: "av.VideoStream", clock: Clock
) -> "Iterator[tuple[av.VideoFrame, float]]":
    """Decodes a track's packets and yields each picture with its time, seconds on the container's clock.

    `MOST_REORDERED` pictures are in memory where times are sorted, else one.
    """
    lasts_s = 1 / frame_rate(stream, clock)
    pictures = (picture for packet in packets for picture in _decoded(packet, clock))
    if clock is Clock.SHOWN:
        return _shown(pictures, float((stream.start_time or 0) * time_base(stream)), lasts_s)
    if clock is Clock.COUNTED:
        return ((picture, k * lasts_s) for k, picture in enumerate(pictures))
    return _ordered(pictures, float(time_base(stream)))


def _decoded(packet: "av.Packet", clock: Clock) -> "list[av.VideoFrame]":
    if clock is Clock.DECODED:
        packet.pts = packet.dts
    return packet.decode()


def _shown(
    pictures: "Iterator[av.VideoFrame]", start_s: float, lasts_s: float
) -> "Iterator[tuple[av.VideoFrame, float]]":
    """Pictures at their own times; one without a time follows the picture before it."""
    for picture in pictures:
        time_s = start_s if picture.time is None else picture.time
        start_s = time_s + lasts_s
        yield picture, time_s


def _ordered(pictures: "Iterator[av.VideoFrame]", unit_s: float) -> "Iterator[tuple[av.VideoFrame, float]]":
    """The k-th picture at the k-th smallest timestamp; `unit_s` is the length of a timestamp's unit."""
    waiting: collections.deque[av.VideoFrame] = collections.deque()
    times: list[int] = []
    for picture in pictures:
        waiting.append(picture)
        heapq.heappush(times, picture.pts if picture.pts is not None else max(times, default=-1) + 1)
        if len(waiting) > MOST_REORDERED:
            yield waiting.popleft(), heapq.heappop(times) * unit_s
    while waiting:
        yield waiting.popleft(), heapq.heappop(times) * unit_s
