"""What a film's header and first picture tell: its track, clock, orientation and colours.

Clip time, of pictures and of sound, is 0 at the first picture that can be decoded, whatever the header says.
"""

import contextlib
import dataclasses
import functools
import itertools
import os
from fractions import Fraction
from pathlib import Path

import av
from av.container import InputContainer

from deemo_jax.core.errors import UserError
from deemo_jax.media.container.media_file import is_known, open_media, packets
from deemo_jax.media.container.picture_times import MOST_REORDERED, Clock, clock_of, frame_rate, time_base, timed
from deemo_jax.media.container.picture_track import left_out, video_stream
from deemo_jax.media.display_geometry import MAX_PIXELS, View, matrix_of, view_of
from deemo_jax.media.hdr_to_sdr import light_of


@dataclasses.dataclass(frozen=True, slots=True)
class FilmHeader:
    """What a film's header and first picture tell.

    Attributes:
        clock: what its packets say of times.
        origin_s: the container's clock at clip time 0, seconds.
        rate: frames per second on average.
        frames: how many pictures the header promises; None where it says nothing.
        lasts_s: of the picture, by the header; None where that says nothing.
        sounds: for each sound track, whether there is a decoder for it.
        size: width and height, pixels, as shown.
        view: how its pictures are shown.
        matrix: the display matrix, as `deemo_jax.media.display_geometry.matrix_of` gives it.
        pixels: width of a stored pixel as a share of its height, as the codec declares it; None where the container
            declares another.
        notes: what a person should know of how the film is read, a sentence each.
    """

    clock: Clock
    origin_s: float
    rate: float
    frames: int | None
    lasts_s: float | None
    sounds: tuple[bool, ...]
    size: tuple[int, int]
    view: View
    matrix: bytes
    pixels: Fraction | None
    notes: tuple[str, ...]


def film_header(path: str | os.PathLike[str]) -> FilmHeader:
    """Reads the header and decodes one picture; the result is cached until the file changes.

    Raises:
        UserError: missing, no media, without a picture, or one that cannot be shown as declared.
    """
    try:
        state = Path(path).stat()
    except OSError as error:
        raise UserError(f"{path}: no such file; check the path") from error
    return _film_header(os.fspath(path), (state.st_dev, state.st_ino, state.st_size, state.st_mtime_ns))


@functools.lru_cache(64)
def _film_header(path: str, state: tuple[int, ...]) -> FilmHeader:
    del state
    with open_media(path) as container:
        stream = picture_stream(container, path)
        promised, lasts_s, sounds = stream.frames or None, _lasts_s(container, stream), known_sounds(container)
        coming = packets(container, stream)
        head = list(itertools.islice(coming, MOST_REORDERED))
        clock = clock_of(container, stream, head)
        found = next(timed(itertools.chain(head, coming), stream, clock), None)
        if found is None:
            raise UserError(f"{path}: not one frame can be decoded; is the file whole?")
        picture, origin_s = found
        matrix, light = matrix_of(picture), light_of(picture)
        by_codec = stream.codec_context.sample_aspect_ratio
        declared = stream.sample_aspect_ratio or by_codec
        try:
            view = view_of(matrix, declared)
        except UserError as error:
            raise UserError(f"{path}: {error}") from error
        toned = f"HDR ({light.value}) is toned down to BT.709" if light.is_high else None
        return FilmHeader(
            clock,
            origin_s,
            frame_rate(stream, clock),
            promised,
            lasts_s,
            sounds,
            view.size(picture),
            view,
            matrix,
            by_codec if declared == by_codec else None,
            tuple(note for note in (left_out(container), *view.notes, toned) if note),
        )


def picture_stream(container: InputContainer, path: str | os.PathLike[str]) -> "av.VideoStream":
    """The film's track, set up to be decoded in one thread and with pictures of at most `MAX_PIXELS`.

    Raises:
        UserError: there is none that can be decoded, or its pictures are too large.
    """
    stream = video_stream(container)
    if stream is None:
        raise UserError(f"{path}: has no picture that can be decoded; give a video file")
    context = stream.codec_context
    if context.width * context.height > MAX_PIXELS:
        raise UserError(
            f"{path}: a picture of {context.width}x{context.height}; scale it down to {MAX_PIXELS / 1e6:.0f} megapixels"
        )
    context.thread_count = 1
    # The size of pictures may change within a track; libav refuses those above the same bound.
    context.options = {"max_pixels": str(MAX_PIXELS)}
    return stream


def known_sounds(container: InputContainer) -> tuple[bool, ...]:
    """For each sound track, whether there is a decoder for it."""
    return tuple(is_known(stream) for stream in container.streams.audio)


def _lasts_s(container: InputContainer, stream: "av.VideoStream") -> float | None:
    if stream.duration is not None:
        return float(stream.duration * time_base(stream))
    return None if container.duration is None else container.duration / av.time_base


def clip_origin(container: InputContainer) -> float:
    """The container's clock at clip time 0, seconds: the first picture, or the first sound where there is no film."""
    if video_stream(container) is not None:
        with contextlib.suppress(UserError):
            return film_header(container.name).origin_s
    sounds = (s for s in container.streams.audio if is_known(s) and s.start_time is not None)
    return next((float((s.start_time or 0) * time_base(s)) for s in sounds), 0.0)


def film_end(path: str | os.PathLike[str]) -> float | None:
    """Clip time of the last picture, seconds, from the packets alone; None where there is no film, or no times.

    Raises:
        UserError: missing, no media, or it breaks off.
    """
    with open_media(path) as container:
        stream = video_stream(container)
        if stream is None:
            return None
        stamps = (packet.pts for packet in packets(container, stream))
        last = max((stamp for stamp in stamps if stamp is not None), default=None)
        return None if last is None else float(last * time_base(stream)) - clip_origin(container)
