"""Which of a file's picture tracks is the film."""

import re

import av
from av.container import InputContainer
from av.stream import Disposition

from deemo_jax.media.container.media_file import is_known
from deemo_jax.media.container.picture_times import time_base

# Marks of tracks that are no film: cover art, thumbnails along a player's slider, still images, and layers of another
# track.
NO_FILM = Disposition.attached_pic | Disposition.timed_thumbnails | Disposition.still_image | Disposition.dependent
# A track with less than this share of the pixels, or of the pictures, of the track with most is taken for a preview.
PREVIEW = 1 / 4
# Hours, minutes and seconds, as Matroska's writers state a track's duration.
DURATION = re.compile(r"(\d{1,4}):(\d\d):(\d\d(?:\.\d{1,12})?)")


def video_stream(container: InputContainer) -> "av.VideoStream | None":
    """The track that players show, unless it is a small or slow preview; None where no track can be decoded.

    Of the tracks that are no previews, the one marked as default is taken; else the one with the largest pictures, then
    with most pictures, then the first.
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
    """A sentence on the picture tracks beside the film; None where there are none."""
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
    """How many pictures a track has by its header; else its duration, or `lasts_s`, times its frame rate."""
    if stream.frames:
        return float(stream.frames)
    if stream.duration:
        lasts_s = float(stream.duration * time_base(stream))
    elif clock := DURATION.fullmatch(stream.metadata.get("DURATION", "")):
        hours, minutes, seconds = map(float, clock.groups())
        lasts_s = 3600 * hours + 60 * minutes + seconds
    return lasts_s * float(stream.average_rate or stream.guessed_rate or 25)
