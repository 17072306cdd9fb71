"""The camera of a clip: what it shows, and what light and sensor make of it. Axes: H and W pixels of the frame."""

import dataclasses
import functools

import cv2
import numpy as np
from jaxtyping import Float, UInt8

from deemo_jax.sample.seeds import generator

UNITS_HIGH = 240.0  # scene units from the top of a frame to its bottom, before the camera
OVERSAMPLE = 2  # frames are drawn on a canvas so much larger, and shrunk
_SHIFTS = 64  # pixels by which the noise is larger than the frame, so that every frame sees another part of it


@dataclasses.dataclass(frozen=True, slots=True)
class Camera:
    """Camera and light of a clip.

    Attributes:
        width, height: of the frame in pixels, even.
        x, y: shift of the view, units.
        zoom: 1 shows 240 units from top to bottom.
        gain: exposure.
        warmth: above 0 redder, below 0 bluer.
        noise: standard deviation of the sensor noise, grey levels.
        noise_seed: its seed.
    """

    width: int = 320
    height: int = 240
    x: float = 0.0
    y: float = 0.0
    zoom: float = 1.0
    gain: float = 1.0
    warmth: float = 0.0
    noise: float = 1.5
    noise_seed: int = 0

    @property
    def canvas(self) -> tuple[int, int]:
        """Width and height of what is drawn, pixels."""
        return self.width * OVERSAMPLE, self.height * OVERSAMPLE

    @property
    def scale(self) -> float:
        """Pixels of the canvas a unit."""
        return self.height * OVERSAMPLE / UNITS_HIGH * self.zoom

    @property
    def origin(self) -> tuple[float, float]:
        """The scene point of the canvas's first pixel."""
        width, height = self.canvas
        return self.x - width / 2 / self.scale, self.y + UNITS_HIGH / 2 - height / 2 / self.scale


def draw_camera(rng: np.random.Generator, width: int = 320, height: int = 240) -> Camera:
    """A camera as somebody would set it up: nearly straight, nearly well lit."""
    return Camera(
        width=width,
        height=height,
        x=round(float(rng.uniform(-7, 7)), 3),
        y=round(float(rng.uniform(-2, 3)), 3),
        zoom=round(float(rng.uniform(0.96, 1.04)), 4),
        gain=round(float(rng.uniform(0.86, 1.10)), 4),
        warmth=round(float(rng.uniform(-0.05, 0.06)), 4),
        noise=round(float(rng.uniform(0.8, 2.2)), 3),
        noise_seed=int(rng.integers(1 << 30)),
    )


class Sensor:
    """What becomes of a drawn canvas."""

    def __init__(self, camera: Camera) -> None:
        self._size = (camera.width, camera.height)
        # Exposure, colour of the light and a vignette: factors of 1/192 for each pixel and channel.
        light = 192 * camera.gain * _vignette(*self._size)
        warmth = (1 + camera.warmth, 1.0, 1 - camera.warmth)
        self._grade = cv2.merge([np.rint(np.minimum(light * channel, 255)).astype(np.uint8) for channel in warmth])
        rng = generator("noise", camera.noise_seed)
        noise = rng.standard_normal((camera.height + _SHIFTS, camera.width + _SHIFTS))
        grain = np.rint(camera.noise * noise).astype(np.int8)
        # What the noise adds, and what it takes away: sums of 8 bits stop at black and at white.
        self._more, self._less = (
            cv2.cvtColor(np.maximum(part, 0).astype(np.uint8), cv2.COLOR_GRAY2RGB) for part in (grain, -grain)
        )

    def develop(self, canvas: UInt8[np.ndarray, "H2 W2 3"], index: int) -> UInt8[np.ndarray, "H W 3"]:
        """The frame; `index` chooses the noise."""
        left, top = (index * 29) % _SHIFTS, (index * 43) % _SHIFTS
        seen = (slice(top, top + self._size[1]), slice(left, left + self._size[0]))
        frame = cv2.resize(canvas, self._size, interpolation=cv2.INTER_AREA)
        cv2.multiply(frame, self._grade, dst=frame, scale=1 / 192)
        cv2.add(frame, self._more[seen], dst=frame)
        return cv2.subtract(frame, self._less[seen], dst=frame)


@functools.lru_cache(maxsize=4)
def _vignette(width: int, height: int) -> Float[np.ndarray, "H W"]:
    """How much of the light reaches each pixel."""
    x = np.linspace(-1, 1, width)[None]
    y = np.linspace(-1, 1, height)[:, None]
    return 1 - 0.14 * (x**2 + y**2)
