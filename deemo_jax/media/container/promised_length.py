"""Where a file's tracks end by its own header: a copy that broke off ends before.

Not all that libav gives as a length is a promise. Where a header has none it is a guess, from bit rates.
"""

import contextlib
import math
from pathlib import Path

import av
from av.container import InputContainer

from deemo_jax.core.errors import UserError
from deemo_jax.media.container.streams import open_media
from deemo_jax.media.container.timing import time_base

# Headers of these have one length, of the longest track; lengths of single tracks are guesses.
ONE_LENGTH = frozenset({"matroska", "webm", "flv"})
# AVI counts pictures. So many are not known yet, as in a recording that nobody finished.
UNKNOWN_COUNT = 1 << 30


def cut_end(
    path: Path, container: InputContainer, stream: "av.VideoStream | av.AudioStream", reached_s: float, slack_s: float
) -> float | None:
    """Where a track should end, if it breaks off more than a slack before; None where it does not.

    Args:
        path: of the file.
        container: of it.
        stream: the track, read to its end.
        reached_s: up to where, on the container's clock.
        slack_s: how much a header may promise too much.
    """
    has_one_length = not ONE_LENGTH.isdisjoint(container.format.name.split(","))
    promised = _of_all(container) if has_one_length else _of_track(container, stream)
    if promised is None or promised - reached_s <= slack_s:
        return None
    # Another track may be the longest.
    return None if has_one_length and promised - _last(path) <= slack_s else promised


def _of_all(container: InputContainer) -> float | None:
    guessed = any(track.duration for track in (*container.streams.video, *container.streams.audio))
    return None if guessed or container.duration is None else container.duration / av.time_base


def _of_track(container: InputContainer, stream: "av.VideoStream | av.AudioStream") -> float | None:
    starts = float((stream.start_time or 0) * time_base(stream))
    if container.format.name == "avi" and stream.frames >= UNKNOWN_COUNT:
        return None
    if container.format.name == "avi" and isinstance(stream, av.VideoStream) and stream.frames and stream.average_rate:
        return starts + float(stream.frames / stream.average_rate)  # what libav measures is what is there
    return None if stream.duration is None else starts + float(stream.duration * time_base(stream))


def _last(path: Path) -> float:
    """The end of what is there of all tracks, by the packets, on the container's clock."""
    end = -math.inf
    with contextlib.suppress(UserError), open_media(path) as container:
        for packet in container.demux():
            if packet.pts is not None:
                end = max(end, float((packet.pts + (packet.duration or 0)) * packet.time_base))
    return end
