"""The pictures of a row's media that are stored: frames of a video, or the one picture of an image.

Media are of unknown origin: sizes are checked before anything is decoded, and what cannot be read gets a kind.
"""

import contextlib
import dataclasses
import itertools
import tempfile
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path, PurePosixPath
from typing import TypeVar

import cv2
import numpy as np
from jaxtyping import UInt8
from PIL import Image

from deemo_jax.core.errors import UserError
from deemo_jax.data.captions.rows import CaptionRow
from deemo_jax.data.captions.skips import SkipKind
from deemo_jax.deid.video.detection.face_finder import ScalablePicture
from deemo_jax.media import image_file, video
from deemo_jax.media.container.film_header import film_header
from deemo_jax.media.container.media_file import open_media
from deemo_jax.media.container.picture_times import Clock
from deemo_jax.media.container.picture_track import video_stream
from deemo_jax.media.display_geometry import MAX_PIXELS

Read = TypeVar("Read")
# Kinds of images; everything else is opened as a video, animated GIFs too. Of an animated PNG or WebP the first picture
# is taken.
IMAGES = ("JPEG", "PNG", "WEBP", "BMP", "TIFF")
# Bytes of a tar's member, at most: it is copied to a temporary file.
MOST_MEMBER = 2 << 30
# Seconds of a video whose packets do not tell when they are shown, as in AVI, at most: it must be decoded as a whole.
MOST_DECODED_S = 600.0


class MediaError(Exception):
    """Media that cannot be used.

    Args:
        kind: of what is wrong.
        reason: the same in one line.
    """

    def __init__(self, kind: SkipKind, reason: str) -> None:
        super().__init__(reason)
        self.kind = kind


@dataclasses.dataclass(frozen=True, slots=True, eq=False)
class StillPicture:
    """An image as a `ScalablePicture`. Axes: H height, W width."""

    image: UInt8[np.ndarray, "H W 3"]

    @property
    def size(self) -> tuple[int, int]:
        """Width and height, pixels."""
        return self.image.shape[1], self.image.shape[0]

    def rgb(self, width: int, height: int) -> UInt8[np.ndarray, "height width 3"]:
        """The picture in RGB, scaled to a width and height in pixels."""
        if self.size == (width, height):
            return self.image
        return np.asarray(cv2.resize(self.image, (width, height), interpolation=cv2.INTER_AREA), np.uint8)


@contextlib.contextmanager
def media_file(row: CaptionRow, folder: Path) -> Iterator[Path]:
    """The file of a row's media; of a tar's member a copy, removed at the end.

    Raises:
        MediaError: it is missing, empty, too large or cut off.
    """
    if not row.archive:
        path = next(filter(_is_file, (folder / place for place in row.places())), None)
        if path is None:
            raise MediaError(SkipKind.MISSING, "no such file")
        if not path.stat().st_size:
            raise MediaError(SkipKind.EMPTY, "the file is empty")
        yield path
        return
    if not row.size:
        raise MediaError(SkipKind.EMPTY, "the member is empty")
    if row.size > MOST_MEMBER:
        raise MediaError(SkipKind.TOO_LARGE, f"a member of {row.size} bytes; at most {MOST_MEMBER} are read")
    with tempfile.NamedTemporaryFile(suffix=PurePosixPath(row.media).suffix) as copy:
        try:
            with open(folder / row.archive, "rb") as archive:
                archive.seek(row.offset)
                left = row.size
                while left and (block := archive.read(min(left, 1 << 20))):
                    copy.write(block)
                    left -= len(block)
        except FileNotFoundError as error:
            raise MediaError(SkipKind.MISSING, "its tar is gone") from error
        if left:
            raise MediaError(SkipKind.TRUNCATED, f"its tar breaks off {left} bytes before the end of the member")
        copy.flush()
        yield Path(copy.name)


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except OSError:  # a folder that may not be entered, or a name that is too long
        return False


def pictures(path: Path, count: int) -> Iterator[ScalablePicture]:
    """Yields up to `count` pictures, one in memory at a time: of an image one, of a shorter video all.

    Args:
        path: of an image or a video, whatever its name says.
        count: F, pictures taken at even distances, by `deemo_jax.media.video.uniform_indices`.

    Raises:
        MediaError: it cannot be read.
    """
    if (size := _image_size(path)) is not None:
        yield _still(path, size)
        return
    _check_film(path)
    _, coming = _or(SkipKind.DAMAGED, path, lambda: video.sampled_pictures(path, count))
    made = 0
    for _ in itertools.count():
        found = _or(SkipKind.DAMAGED, path, lambda: next(coming, None))
        if found is None:
            break
        made += 1
        yield found[1]
    if not made:
        raise MediaError(SkipKind.DAMAGED, "none of the frames that are taken can be decoded")


def _or(kind: SkipKind, path: Path, read: Callable[[], Read]) -> Read:
    """What `read` gives; a `UserError` becomes a `MediaError` of a kind, without the path in its text."""
    try:
        return read()
    except UserError as error:
        raise MediaError(kind, str(error).replace(f"{path}: ", "").replace(str(path), path.name)) from error


def _image_size(path: Path) -> tuple[int, int] | None:
    """Width and height of an image, by its header; None where it is none of `IMAGES`.

    Raises:
        MediaError: its header promises more pixels than any picture has, or is damaged.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)
            with Image.open(path, formats=IMAGES) as image:
                width, height = image.size
                return width, height
    except Image.DecompressionBombError as error:
        raise MediaError(SkipKind.TOO_LARGE, f"an image of more than {MAX_PIXELS / 1e6:.0f} megapixels") from error
    except Image.UnidentifiedImageError:
        return None
    except (OSError, ValueError, ArithmeticError) as error:
        raise MediaError(SkipKind.DAMAGED, f"its header cannot be read ({error})") from error


def _still(path: Path, size: tuple[int, int]) -> StillPicture:
    if size[0] * size[1] > MAX_PIXELS:
        raise MediaError(
            SkipKind.TOO_LARGE, f"an image of {size[0]}x{size[1]}; at most {MAX_PIXELS / 1e6:.0f} megapixels are read"
        )
    _or(SkipKind.TRUNCATED, path, lambda: image_file.read_whole(path))
    return StillPicture(_or(SkipKind.DAMAGED, path, lambda: image_file.read_still(path)))


def _check_film(path: Path) -> None:
    """Looks at a video's header.

    Raises:
        MediaError: it is no media, has no pictures, too large ones, breaks off, or would have to be decoded for long.
    """

    def look() -> tuple[int, bool] | None:
        with open_media(path) as container:
            # libav takes what is named like an image for one, without a look at what is in it.
            if container.format.name == "image2" or container.format.name.endswith("_pipe"):
                raise UserError("neither a video nor an image of " + ", ".join(IMAGES))
            stream = video_stream(container)
            if stream is None:
                return None
            index = stream.index_entries
            end = index[len(index) - 1].pos + index[len(index) - 1].size if len(index) else 0
            return stream.codec_context.width * stream.codec_context.height, end > path.stat().st_size

    found = _or(SkipKind.NO_MEDIA, path, look)
    if found is None:
        raise MediaError(SkipKind.NO_PICTURE, "it has no picture track that can be decoded")
    pixels, is_cut = found
    if pixels > MAX_PIXELS:
        raise MediaError(SkipKind.TOO_LARGE, f"pictures of {pixels} pixels; at most {MAX_PIXELS} are decoded")
    if is_cut:
        raise MediaError(SkipKind.TRUNCATED, "its index names frames behind the end of the file")
    header = _or(SkipKind.DAMAGED, path, lambda: film_header(path))
    if header.clock is not Clock.SHOWN and (header.lasts_s or 0.0) > MOST_DECODED_S:
        raise MediaError(
            SkipKind.TOO_LARGE,
            f"{header.lasts_s:.0f} s in a container without times of showing; convert it to MP4, or cut it",
        )
