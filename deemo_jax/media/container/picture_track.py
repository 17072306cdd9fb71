"""Which of a file's moving pictures is the film."""

import re

import av
from av.container import InputContainer
from av.stream import Disposition

from deemo_jax.media.container.media_file import is_known
from deemo_jax.media.container.picture_times import time_base

# Cover art, pictures for a player's slider, and layers that are nothing without another track.
NO_FILM = Disposition.attached_pic | Disposition.timed_thumbnails | Disposition.still_image | Disposition.dependent
# A track with less than this share of the most pixels, or of the most pictures, is a preview of another.
PREVIEW = 1 / 4
TOLD = re.compile(r"(\d{1,4}):(\d\d):(\d\d(?:\.\d{1,12})?)")


def video_stream(container: InputContainer) -> "av.VideoStream | None":
    """The film: what players choose, unless that is a small or slow preview. None without a track that can be decoded.

    Among tracks of full size the one marked as default comes first, then the one with most pixels, then with most
    pictures, then the first.
    """
    films = _films(container)
    lasts_s = (container.duration or 0) / av.time_base
    pictures = {stream.index: _pictures(stream, lasts_s) for stream in films}
    pixels = {stream.index: stream.codec_context.width * stream.codec_context.height for stream in films}
    for measured in (pictures, pixels):
        most = max((measured[stream.index] for stream in films), default=0)
        films = [stream for stream in films if measured[stream.index] >= PREVIEW * most]

    def rank(stream: "av.VideoStream") -> tuple[float, ...]:
        is_default = bool(stream.disposition & Disposition.default)
        return is_default, pixels[stream.index], pictures[stream.index], -stream.index

    return max(films, key=rank, default=None)


def left_out(container: InputContainer) -> str | None:
    """A note on the moving pictures beside the film; None where there are none."""
    film = video_stream(container)
    others = [stream for stream in _films(container) if stream is not film]
    if film is None or not others:
        return None
    numbers = {stream.index: number for number, stream in enumerate(container.streams.video, 1)}

    def in_words(stream: "av.VideoStream") -> str:
        context = stream.codec_context
        return f"picture track {numbers[stream.index]} ({context.width}x{context.height})"

    listed = ", ".join(map(in_words, others))
    return f"{len(others) + 1} moving pictures: {in_words(film)} is taken, {listed} left out"


def _films(container: InputContainer) -> "list[av.VideoStream]":
    return [stream for stream in container.streams.video if is_known(stream) and not stream.disposition & NO_FILM]


def _pictures(stream: "av.VideoStream", lasts_s: float) -> float:
    """How many there are, as far as the header tells: else as many as the film has room for, which lasts so long."""
    if stream.frames:
        return float(stream.frames)
    if stream.duration:
        lasts_s = float(stream.duration * time_base(stream))
    elif clock := TOLD.fullmatch(stream.metadata.get("DURATION", "")):  # of Matroska's writers
        hours, minutes, seconds = map(float, clock.groups())
        lasts_s = 3600 * hours + 60 * minutes + seconds
    return lasts_s * float(stream.average_rate or stream.guessed_rate or 25)
