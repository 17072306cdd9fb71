"""How a decoded picture is to be shown: which way up, and at which size where its pixels are not square.

Axes: H height, W width, as shown; h height, w width, as stored.
"""

import dataclasses
import functools
import math
import struct
from fractions import Fraction
from typing import Any

import av
import numpy as np
from av.sidedata.sidedata import Type as SideData
from jaxtyping import UInt8

from deemo_jax.core.errors import UserError

# The largest picture that is read: 8K (33 megapixels), and room for other shapes. As RGB, of which a few copies are in
# memory at a time, it takes 144 MB.
MAX_PIXELS = 48_000_000
# The part of a display matrix that is no quarter turn or flip may be this share of the part that is: 3 degrees.
MOST_ASKEW = 0.05
# Pixels whose sides differ by less than a hundredth are taken for square; a ratio beyond four is taken for a mistake in
# the file, and the pixels for square.
LEAST_STRETCH, MOST_STRETCH = Fraction(101, 100), Fraction(4)


@dataclasses.dataclass(frozen=True, slots=True)
class Orientation:
    """From the stored picture to the shown one: rows and columns change places first, then flips.

    Attributes:
        transposed: whether rows become columns.
        flip_x: whether left and right change places after that.
        flip_y: whether top and bottom change places after that.
    """

    transposed: bool = False
    flip_x: bool = False
    flip_y: bool = False

    @property
    def mirrored(self) -> bool:
        """Whether the picture is mirrored, left to right, before it is turned by `rotation`."""
        return self.transposed ^ self.flip_x ^ self.flip_y

    @property
    def rotation(self) -> int:
        """Degrees, counter-clockwise: 0, 90, 180 or 270."""
        if self.transposed:
            return 270 if self.flip_x else 90
        return 180 if self.flip_y else 0

    def swap(self, width: int | None, height: int | None) -> tuple[int | None, int | None]:
        """Width and height of the stored picture for those of the shown one, or the other way round."""
        return (height, width) if self.transposed else (width, height)

    def shown(self, stored: UInt8[np.ndarray, "h w *colours"]) -> UInt8[np.ndarray, "H W *colours"]:
        """A picture, or one plane of it, as shown; a view, or the same array where it lies the right way already."""
        image = stored.swapaxes(0, 1) if self.transposed else stored
        if self.flip_x or self.flip_y:
            image = image[:: -1 if self.flip_y else 1, :: -1 if self.flip_x else 1]
        return image


UPRIGHT = Orientation()


@dataclasses.dataclass(frozen=True, slots=True)
class View:
    """How the pictures of a film are shown.

    Attributes:
        orientation: which way up.
        stretch: width of a stored pixel as a share of its height.
        notes: what the file declares and is not believed, a sentence each.
    """

    orientation: Orientation = UPRIGHT
    stretch: Fraction = Fraction(1)
    notes: tuple[str, ...] = ()

    def size(self, picture: "av.VideoFrame") -> tuple[int, int]:
        """Width and height of a decoded frame as shown, pixels."""
        width, height = square(picture.width, picture.height, self.stretch)
        return (height, width) if self.orientation.transposed else (width, height)


def matrix_of(picture: "av.VideoFrame") -> bytes:
    """The display matrix that a decoded frame carries: nine int32; empty where it has none."""
    beside: Any = picture.side_data
    found = (bytes(beside[k]) for k in range(len(beside)) if beside[k].type is SideData.DISPLAYMATRIX)
    return next(found, b"")


@functools.lru_cache(64)
def orientation_of(matrix: bytes) -> Orientation | None:
    """What a display matrix (a b u, c d v, x y w) says: a step to the right goes by (a, b), one down by (c, d).

    Returns:
        None where it is no product of quarter turns and flips; upright where it is absent.
    """
    if len(matrix) != 36:
        return UPRIGHT
    a, b, c, d = _steps(matrix)
    straight, crossed = min(abs(a), abs(d)), min(abs(b), abs(c))
    if straight and max(abs(b), abs(c)) <= MOST_ASKEW * straight:
        return Orientation(False, a < 0, d < 0)
    if crossed and max(abs(a), abs(d)) <= MOST_ASKEW * crossed:
        return Orientation(True, c < 0, b < 0)
    return None


def view_of(matrix: bytes, declared: Fraction | None) -> View:
    """How pictures are shown.

    Args:
        matrix: the display matrix, as `matrix_of` gives it.
        declared: width of a stored pixel as a share of its height; None where the file does not say.

    Raises:
        UserError: the matrix turns by less than a quarter, or slants.
    """
    notes = []
    orientation = orientation_of(matrix)
    if orientation is None:
        a, b, c, d = _steps(matrix)
        if a * d - b * c:
            turn = math.degrees(math.atan2(-b, a))
            raise UserError(
                f"its display matrix turns or slants the picture ({turn:.0f} degrees); export it upright with a video"
                " editor"
            )
        notes.append("a display matrix that leaves nothing of the picture is ignored")
    stretch = declared if declared and declared > 0 else Fraction(1)
    if max(stretch, 1 / stretch) > MOST_STRETCH:
        notes.append(f"pixels of {stretch.numerator}:{stretch.denominator} cannot be true and are taken for square")
        stretch = Fraction(1)
    if max(stretch, 1 / stretch) < LEAST_STRETCH:
        stretch = Fraction(1)
    return View(orientation or UPRIGHT, stretch, tuple(notes))


def _steps(matrix: bytes) -> tuple[int, int, int, int]:
    """a, b, c, d of `orientation_of`."""
    a, b, _, c, d = struct.unpack("=9i", matrix)[:5]
    return a, b, c, d


def square(width: int, height: int, stretch: Fraction) -> tuple[int, int]:
    """The size at which pixels are square: the squeezed side grows, to an even number, so that nothing is lost.

    The other side shrinks instead where the picture would have more than `MAX_PIXELS`.

    Args:
        width: of the stored picture.
        height: of it.
        stretch: width of a stored pixel as a share of its height.
    """
    if stretch == 1:
        return width, height
    wide = stretch > 1
    grown = (_even(width * stretch), height) if wide else (width, _even(height / stretch))
    if grown[0] * grown[1] <= MAX_PIXELS:
        return grown
    return (width, _even(height / stretch)) if wide else (_even(width * stretch), height)


def _even(side: Fraction) -> int:
    """The nearest even number of pixels, at least 2."""
    return max(2, 2 * round(side / 2))
