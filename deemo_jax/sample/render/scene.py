"""The frames of a clip: a speaker in poses, seen by a camera.

Everything is drawn at twice the resolution and averaged down. Coordinates: see `motion`. Axes: H and W pixels of the
frame.
"""

from collections.abc import Sequence
from functools import cached_property

import cv2
import numpy as np
from jaxtyping import Bool, UInt8

from deemo_jax.sample.identity import Identity
from deemo_jax.sample.render import arms, room, wardrobe
from deemo_jax.sample.render.camera import Camera, Sensor
from deemo_jax.sample.render.drawing import Sprite, paste, paste_at, sprite
from deemo_jax.sample.render.motion import Pose
from deemo_jax.sample.render.placement import Placement
from deemo_jax.sample.render.portrait import head

_SHADED_BELOW = 128.0  # height above which no shadow falls, units


class Film:
    """A speaker in poses, seen by a camera; drawn when first a frame is asked for.

    Attributes:
        placement: where everything is in each pose.
    """

    def __init__(self, identity: Identity, camera: Camera, poses: Sequence[Pose]) -> None:
        self.placement = Placement(identity, camera, poses)
        self._identity, self._camera = identity, camera

    def frame(self, t: int, noise: int | None = None) -> UInt8[np.ndarray, "H W 3"]:
        """The RGB frame of the t-th pose, with the noise of the `noise`-th frame; of its own where None."""
        stage = self._stage
        canvas = stage.canvas
        np.copyto(canvas, stage.back)
        self._draw(canvas, t, stage)
        return stage.sensor.develop(canvas, t if noise is None else noise)

    def _draw(self, canvas: UInt8[np.ndarray, "_ _ 3"], t: int, stage: "_Stage", alone: bool = False) -> None:
        """Draws the person; unless they are `alone`, their shadows and the microphone too."""
        place = self.placement
        # Back to front.
        paste_at(canvas[: stage.desk], stage.torso, place.torso[t])
        if not alone:
            arms.cast_shadows(canvas[stage.shaded :], self._arms[t])
        for arm, outline in enumerate(self._arms[t]):
            arms.draw_sleeve(canvas, outline, self._identity.outfit)
            if place.crossed[t, arm]:  # the other arm lies over this hand
                paste(canvas, stage.hand(place.levels[t, arm]), place.hands[t, arm])
        paste_at(canvas, stage.yoke, place.torso[t])
        paste(canvas, stage.head.sprite, place.head[t])
        if not alone:
            paste_at(canvas, stage.microphone, stage.microphone_at)
        for arm in (0, 1):
            if not place.crossed[t, arm]:
                paste(canvas, stage.hand(place.levels[t, arm]), place.hands[t, arm])

    def person_pixels(self, t: int) -> Bool[np.ndarray, "H W"]:
        """The pixels of the person, those behind the microphone among them."""
        dark, light = (np.full_like(self._stage.back, level) for level in (0, 255))
        for canvas in (dark, light):
            self._draw(canvas, t, self._stage, alone=True)
        size = (self._camera.width, self._camera.height)
        # What is of the person looks the same before every wall.
        return cv2.resize(cv2.absdiff(light, dark).max(axis=2), size, interpolation=cv2.INTER_AREA) < 128

    def hand_pixels(self, t: int) -> Bool[np.ndarray, "H W"]:
        """The pixels of both hands, those that an arm hides among them."""
        canvas = np.zeros((*self._camera.canvas[::-1], 3), np.uint8)
        for level, matrix in zip(self.placement.levels[t], self.placement.hands[t], strict=True):
            clear = self._stage.hand(level).pixels[..., 3]
            paste(canvas, sprite(np.full((*clear.shape, 3), 255, np.uint8), 1 - clear / 255), matrix)
        size = (self._camera.width, self._camera.height)
        return cv2.resize(canvas[..., 0], size, interpolation=cv2.INTER_AREA) > 127

    @cached_property
    def _stage(self) -> "_Stage":
        return _Stage(self._identity, self._camera)

    @cached_property
    def _arms(self) -> list[tuple[arms.ArmOutlines, arms.ArmOutlines]]:
        scale = self._camera.scale
        radii = np.array(arms.RADII) * self._identity.limbs * scale
        return arms.outlines(self.placement.joints, radii, scale, self._stage.shaded)


class _Stage:
    """What stays the same during a clip."""

    def __init__(self, identity: Identity, camera: Camera) -> None:
        scale, origin = camera.scale, camera.origin
        self.back = room.backdrop(identity.set, *camera.canvas, scale, origin)
        self.canvas = np.empty_like(self.back)  # of the frame that is being drawn
        # Rows of the canvas.
        self.desk = max(0, round((room.DESK_EDGE - origin[1]) * scale))
        self.shaded = max(0, min(self.desk, round((_SHADED_BELOW - origin[1]) * scale)))
        self.head = head(identity.face)
        self.torso, self.yoke = wardrobe.torso(
            identity.outfit, identity.shoulders, self.head.skin, self.head.shade, round(scale, 4)
        )
        self.microphone, at = room.microphone(identity.set, scale)
        self.microphone_at = (np.array(at) - origin) * scale
        self.sensor = Sensor(camera)
        self._scale = round(scale, 4)

    def hand(self, level: int) -> Sprite:
        return wardrobe.hand(int(level), self.head.skin, self._scale)
