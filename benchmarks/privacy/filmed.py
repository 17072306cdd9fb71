"""Films as other cameras would have taken them, with their truth: in motion, in little light, from farther away.

Axes: H height and W width of the picture.
"""

import dataclasses
from collections.abc import Callable, Mapping, Sequence

import cv2
import numpy as np
from jaxtyping import Bool, Float, UInt8

from deemo_jax.deid.manifest import Rectangle

Matrix = Float[np.ndarray, "2 3"]
# The way of a pan to each side, as a share of the width, and frames of the way there and back.
WAY, TURN = 0.15, 24
# Share of the light that is left, and the noise of the sensor, standard deviation in grey levels.
LIGHT, NOISE = 0.2, 5.0


def pan(t: int, width: int, height: int) -> Matrix:
    """The picture moves to and fro: 2.5 % of the width a frame."""
    del height
    way = 4 * abs((t / TURN) % 1 - 0.5) - 1
    return np.array([[1, 0, round(WAY * width * way)], [0, 1, 0]], np.float64)


def far(t: int, width: int, height: int) -> Matrix:
    """Everything is half as high and wide, at the lower edge."""
    del t
    return np.array([[0.5, 0, width / 4], [0, 0.5, height / 2]])


def still(t: int, width: int, height: int) -> Matrix:
    """The picture as it is."""
    del t, width, height
    return np.eye(2, 3)


@dataclasses.dataclass(frozen=True, slots=True)
class Camera:
    """How a film is taken anew.

    Attributes:
        place: of a frame's number, width and height, where its pixels go.
        light: the share of it that is left.
        noise: standard deviation, grey levels.
    """

    place: Callable[[int, int, int], Matrix] = still
    light: float = 1.0
    noise: float = 0.0

    def picture(self, image: UInt8[np.ndarray, "H W 3"], t: int) -> UInt8[np.ndarray, "H W 3"]:
        """The t-th picture; what comes into view repeats the picture's edge, or mirrors it where the camera pans."""
        if self == Camera():
            return image
        height, width = image.shape[:2]
        edge = cv2.BORDER_REPLICATE if self.place is far else cv2.BORDER_REFLECT_101
        seen = cv2.warpAffine(
            image, self.place(t, width, height), (width, height), flags=cv2.INTER_LINEAR, borderMode=edge
        )
        noise = np.random.default_rng(t).normal(0, self.noise, image.shape) if self.noise else 0
        return np.clip(self.light * seen + noise, 0, 255).astype(np.uint8)

    def pixels(self, of: Bool[np.ndarray, "H W"], t: int) -> Bool[np.ndarray, "H W"]:
        """Where pixels of the t-th picture are."""
        height, width = of.shape
        matrix = self.place(t, width, height)
        return cv2.warpAffine(of.astype(np.uint8), matrix, (width, height), flags=cv2.INTER_NEAREST) > 0

    def rectangles(self, of: Sequence[Rectangle], t: int, width: int, height: int) -> tuple[Rectangle, ...]:
        """Where masks of the t-th picture are, as far as they are in it."""
        matrix = self.place(t, width, height)
        found = []
        for x0, y0, x1, y1 in of:
            (left, top), (right, bottom) = (matrix @ (x, y, 1) for x, y in ((x0, y0), (x1, y1)))
            near = (max(0, int(np.floor(left))), max(0, int(np.floor(top))))
            end = (min(width, int(np.ceil(right))), min(height, int(np.ceil(bottom))))
            if near[0] < end[0] and near[1] < end[1]:
                found.append((*near, *end))
        return tuple(found)


CAMERAS: Mapping[str, Camera] = {
    "as it is": Camera(),
    "a camera that pans, 2.5 % of the width a frame": Camera(pan),
    "a fifth of the light, with noise": Camera(light=LIGHT, noise=NOISE),
    "people half as large": Camera(far),
}
