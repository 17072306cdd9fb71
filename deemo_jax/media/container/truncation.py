"""Files that end before their own header says: copies and downloads that broke off.

libav gives a length for every track, but where the header states none it guesses one from the bit rate; a guess does
not count here.
"""

import contextlib
import math
import os
import struct
from pathlib import Path

import av
from av.container import InputContainer

from deemo_jax.core.errors import UserError
from deemo_jax.core.files import open_input
from deemo_jax.media.container.media_file import open_media
from deemo_jax.media.container.picture_times import time_base

# Formats whose header states one length, that of the longest track; what libav gives for a single track is a guess.
ONE_LENGTH = frozenset({"matroska", "webm", "flv"})
# An AVI header counts pictures; a recorder that was not stopped properly leaves a number of at least this there.
UNKNOWN_COUNT = 1 << 30
# Bytes of samples in a WAV header, from which on the number is a placeholder: of a program that writes into a pipe and
# cannot know the length, or of RF64, which states it elsewhere.
UNKNOWN_BYTES = 0x7FFF_0000
# Bytes by which a whole WAV file may be shorter than its header says, as some programs pad the length.
WAV_SLACK_BYTES = 64


def promised_end(
    path: Path, container: InputContainer, stream: "av.VideoStream | av.AudioStream", reached_s: float, slack_s: float
) -> float | None:
    """Where the header says that a track ends, if the track ends before that; None where it is whole.

    Args:
        path: of the file.
        container: the opened file.
        stream: the track, read to its end.
        reached_s: where it ended, on the container's clock.
        slack_s: how much earlier than promised the track of a whole file may end.

    Returns:
        Seconds on the container's clock.
    """
    has_one_length = not ONE_LENGTH.isdisjoint(container.format.name.split(","))
    promised = _of_all(container) if has_one_length else _of_track(container, stream)
    if promised is None or promised - reached_s <= slack_s:
        return None
    # The header speaks of the longest track, which may be another one.
    return None if has_one_length and promised - _last(path) <= slack_s else promised


def _of_all(container: InputContainer) -> float | None:
    """The length in the header of a format of `ONE_LENGTH`; None where there is none."""
    guessed = any(track.duration for track in (*container.streams.video, *container.streams.audio))
    return None if guessed or container.duration is None else container.duration / av.time_base


def _of_track(container: InputContainer, stream: "av.VideoStream | av.AudioStream") -> float | None:
    """Where a track ends by its own header; None where that does not say."""
    starts = float((stream.start_time or 0) * time_base(stream))
    if container.format.name == "avi" and stream.frames >= UNKNOWN_COUNT:
        return None
    if container.format.name == "avi" and isinstance(stream, av.VideoStream) and stream.frames and stream.average_rate:
        return starts + float(stream.frames / stream.average_rate)  # libav's duration is of the pictures that are there
    return None if stream.duration is None else starts + float(stream.duration * time_base(stream))


def _last(path: Path) -> float:
    """Where the last packet of any track ends, seconds on the container's clock."""
    end = -math.inf
    with contextlib.suppress(UserError), open_media(path) as container:
        for packet in container.demux():
            if packet.pts is not None:
                end = max(end, float((packet.pts + (packet.duration or 0)) * packet.time_base))
    return end


def refuse_cut_wav(path: str | os.PathLike[str]) -> None:
    """Compares the bytes of samples that a WAV header promises with those that are there; libav does not.

    Files of other formats pass.

    Raises:
        UserError: many are missing; or the file cannot be read.
    """
    with open_input(path) as handle:
        size = os.fstat(handle.fileno()).st_size
        if handle.read(12)[:4] != b"RIFF":
            return
        while len(head := handle.read(8)) == 8:
            kind, length = struct.unpack("<4sI", head)
            if kind == b"data":
                there = size - handle.tell()
                if there + WAV_SLACK_BYTES < length < UNKNOWN_BYTES:
                    raise UserError(
                        f"{path}: breaks off, as a half-written file does ({there:,} of {length:,} bytes of samples);"
                        " copy or export it again"
                    )
                return
            handle.seek(length + length % 2, os.SEEK_CUR)
