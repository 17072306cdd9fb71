"""One picture of a video: as decoded, as RGB, or as planes of brightness and colour.

Axes: H height, W width, R rows of all planes of a picture (3/2 H); h, w, r the same of a picture of another size.
"""

import dataclasses
from typing import Protocol, runtime_checkable

import av
import numpy as np
from av.video.reformatter import ColorRange, Colorspace, Interpolation, VideoReformatter
from jaxtyping import UInt8

from deemo_jax.core import parallel
from deemo_jax.core.errors import UserError
from deemo_jax.media import hdr_to_sdr
from deemo_jax.media.display_geometry import UPRIGHT, Orientation
from deemo_jax.media.hdr_to_sdr import Light
from deemo_jax.media.remarks import remarks_of

# Conversions (of pixel format and size) that a thread keeps set up.
MOST_SCALERS = 8


@dataclasses.dataclass(frozen=True, slots=True, eq=False)
class Frame:
    """One picture.

    Attributes:
        index: 0 for the first frame that was read.
        time_s: clip time.
        image: RGB, as shown.
    """

    index: int
    time_s: float
    image: UInt8[np.ndarray, "H W 3"]

    def planar(self) -> "Planar":
        """The picture for an encoder, in BT.601; an odd side loses its last row or column."""
        return Planar(self.time_s, _planes(_even(self.image), Colorspace.ITU601), Colorspace.ITU601)


@runtime_checkable
class RgbPicture(Protocol):
    """A picture that can be given as RGB, in its own size or scaled."""

    def rgb(self, width: int | None = None, height: int | None = None) -> UInt8[np.ndarray, "H W 3"]:
        """The picture, scaled to a size where one is given."""


@dataclasses.dataclass(frozen=True, slots=True, eq=False)
class Planar:
    """A picture of even sides in yuv420p, limited range: half as many bytes as RGB.

    Attributes:
        time_s: clip time.
        planes: H rows of brightness, then H/2 rows with two planes of colour, of half the sides (`layers`).
        colorspace: BT.601 or BT.709.
    """

    time_s: float
    planes: UInt8[np.ndarray, "R W"]
    colorspace: Colorspace

    @property
    def size(self) -> tuple[int, int]:
        """Width and height, pixels."""
        return self.planes.shape[1], 2 * len(self.planes) // 3

    def rgb(self, width: int, height: int) -> UInt8[np.ndarray, "height width 3"]:
        """The picture scaled to a size."""
        return _reformat(self.encodable(), width, height, "rgb24").to_ndarray()

    def encodable(self) -> "av.VideoFrame":
        """The picture as libav's encoders take it."""
        frame = av.VideoFrame.from_ndarray(self.planes, "yuv420p")
        frame.colorspace, frame.color_range = self.colorspace, ColorRange.MPEG
        return frame


def layers(planes: UInt8[np.ndarray, "R W"]) -> tuple[UInt8[np.ndarray, "H W"], UInt8[np.ndarray, "2 h w"]]:
    """Views of a planar picture: brightness, and the two planes of colour (h = H/2, w = W/2)."""
    rows, width = planes.shape
    height = 2 * rows // 3
    return planes[:height], planes[height:].reshape(2, height // 2, width // 2)


@dataclasses.dataclass(frozen=True, slots=True, eq=False)
class Picture:
    """A decoded frame, converted when it is asked for and only into what is asked for.

    What it gives is as players show it: upright, of square pixels, in BT.709 or near it.

    Attributes:
        index: 0 for the first frame that was read.
        time_s: clip time.
        lasts_s: how long a frame lasts on average.
        size: width and height, pixels, as shown.
    """

    index: int
    time_s: float
    lasts_s: float
    size: tuple[int, int]
    _decoded: "av.VideoFrame"
    _orientation: Orientation = UPRIGHT
    _light: Light = Light.STANDARD

    @property
    def nbytes(self) -> int:
        """Memory of the decoded frame, bytes."""
        return sum(plane.buffer_size for plane in self._decoded.planes)

    def remarks(self) -> dict[str, str]:
        """What can be read of what the file carries beside the picture, by kind."""
        return remarks_of(self._decoded)

    def rgb(self, width: int | None = None, height: int | None = None) -> UInt8[np.ndarray, "H W 3"]:
        """The picture, scaled to a size where one is given."""
        stored = self._orientation.swap(*(self.size if width is None else (width, height)))
        if self._light is Light.STANDARD:
            image = _reformat(self._decoded, *stored, "rgb24").to_ndarray()
        else:
            image = hdr_to_sdr.to_bt709(_reformat(self._decoded, *stored, "rgb48le").to_ndarray(), self._light)
        return np.ascontiguousarray(self._orientation.shown(image))

    def planar(self) -> Planar:
        """The picture as planes. BT.709 stays, HDR and wide colours become BT.709, everything else becomes BT.601."""
        frame = self._decoded
        is_standard = self._light is Light.STANDARD
        if not is_standard or frame.interlaced_frame or any(side % 2 for side in self.size):
            colorspace = Colorspace.ITU601 if is_standard else Colorspace.ITU709
            return Planar(self.time_s, _planes(_even(self.rgb()), colorspace), colorspace)
        colorspace = Colorspace.ITU709 if frame.colorspace == Colorspace.ITU709 else Colorspace.ITU601
        planes = _planes(frame, colorspace, *self._orientation.swap(*self.size))
        return Planar(self.time_s, _turned(planes, self._orientation), colorspace)

    def grey(self, width: int, height: int) -> UInt8[np.ndarray, "height width"]:
        """The brightness, scaled by a fast and coarse method; of HDR the codes as they are in the file."""
        stored = self._orientation.swap(width, height)
        small = _reformat(self._decoded, *stored, "gray", Interpolation.FAST_BILINEAR)
        return np.ascontiguousarray(self._orientation.shown(small.to_ndarray()))


def _turned(planes: UInt8[np.ndarray, "r w"], orientation: Orientation) -> UInt8[np.ndarray, "R W"]:
    """The planes of a stored picture turned and flipped as it is shown."""
    if orientation == UPRIGHT:
        return planes
    brightness, colours = layers(planes)
    shown = [orientation.shown(layer) for layer in (brightness, *colours)]
    return np.concatenate([layer.reshape(-1) for layer in shown]).reshape(-1, shown[0].shape[1])


def _even(image: UInt8[np.ndarray, "H W 3"]) -> "av.VideoFrame":
    height, width = (side & ~1 for side in image.shape[:2])
    if not (height and width):
        raise UserError(f"a picture of {image.shape[1]}x{image.shape[0]} cannot be encoded; 2x2 is the least")
    return av.VideoFrame.from_ndarray(np.ascontiguousarray(image[:height, :width]), "rgb24")


def _planes(
    picture: "av.VideoFrame", colorspace: Colorspace, width: int | None = None, height: int | None = None
) -> UInt8[np.ndarray, "R W"]:
    return _reformat(
        picture, width, height, "yuv420p", dst_colorspace=colorspace, dst_color_range=ColorRange.MPEG
    ).to_ndarray()


def _reformat(
    picture: "av.VideoFrame",
    width: int | None,
    height: int | None,
    to: str,
    way: Interpolation = Interpolation.BICUBIC,
    **colours: int,
) -> "av.VideoFrame":
    kind = (picture.format.name, picture.width, picture.height, width, height, to)
    try:
        return _scaler(kind).reformat(picture, width, height, to, interpolation=way, threads=1, **colours)
    except av.FFmpegError as error:
        raise UserError(
            f"a picture ({kind[0]}) whose colours cannot be converted ({error}); convert it to BT.709"
        ) from error


@parallel.kept_by_thread(MOST_SCALERS)
def _scaler(kind: tuple[object, ...]) -> VideoReformatter:
    """A scaler of libav for one kind of conversion; setting one up takes longer than using it."""
    del kind
    return VideoReformatter()
