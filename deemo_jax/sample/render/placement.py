"""Where a speaker's head, hands and arms are, in all poses of a clip at once.

Coordinates: pixels of the canvas (`camera`) where nothing else is said. Axes: T poses; A the arms, left and right; J
shoulder, elbow, cuff.
"""

from collections.abc import Sequence
from functools import cached_property

import numpy as np
from jaxtyping import Bool, Float, Int

from deemo_jax.sample.identity import Identity
from deemo_jax.sample.render import wardrobe
from deemo_jax.sample.render.camera import OVERSAMPLE, Camera
from deemo_jax.sample.render.motion import Pose
from deemo_jax.sample.render.portrait import FACE_HEIGHT, head

FACE_UNITS = 61.0  # height of an average tight face
NECK_AT = (0.0, 116.0)  # where head and torso meet, units
_SIDES = np.array([-1.0, 1.0])


class Placement:
    """A speaker in T poses, seen by a camera.

    Attributes:
        torso: first pixel of the torso's sprite.
        head: from the head's sprite to the canvas.
        joints: of the arms.
        hands: from a hand's sprite to the canvas: thumb inwards, along the forearm, turned at the wrist.
        levels: how open the hands are, as `wardrobe.hand` counts.
        crossed: whether a hand reaches across the body.
    """

    def __init__(self, identity: Identity, camera: Camera, poses: Sequence[Pose]) -> None:
        self.camera = camera
        arms, body = _arrays(poses)
        wrist, elbow, opened, turn = arms[..., 0:2], arms[..., 2:4], arms[..., 4], arms[..., 5]
        lean, shift, tilt = body[:, 0:2], body[:, 2:4], body[:, 4]
        self.torso: Float[np.ndarray, "T 2"] = self.canvas(wardrobe.TORSO_ORIGIN + lean)

        self._portrait = head(identity.face)
        size = camera.scale * FACE_UNITS / FACE_HEIGHT * identity.head / self._portrait.scale
        linear = size * _turned(np.radians(tilt))
        neck = self.canvas(NECK_AT + lean * (1.1, 1.0) + shift)
        self.head: Float[np.ndarray, "T 2 3"] = _affine(linear, neck - linear @ self._portrait.neck)

        self.crossed: Bool[np.ndarray, "T A"] = wrist[..., 0] * _SIDES < 0
        self.levels: Int[np.ndarray, "T A"] = np.rint(np.clip(opened, 0, 1) * (wardrobe.HAND_LEVELS - 1)).astype(int)
        wrist, elbow = wrist + lean[:, None], elbow + 0.4 * lean[:, None]
        shoulder = np.stack([_SIDES * wardrobe.SHOULDER[0] * identity.shoulders, np.full(2, wardrobe.SHOULDER[1])], 1)
        self.joints: Float[np.ndarray, "T A J 2"] = self.canvas(np.stack([shoulder + lean[:, None], elbow, wrist], 2))
        forearm = wrist - elbow
        angle = np.arctan2(forearm[..., 0], -forearm[..., 1]) - _SIDES * np.radians(turn)
        linear = identity.limbs * _turned(angle) * np.stack([-_SIDES, np.ones(2)], 1)[:, None]
        origin = linear @ (np.asarray(wardrobe.HAND_ORIGIN) * camera.scale)
        self.hands: Float[np.ndarray, "T A 2 3"] = _affine(linear, self.canvas(wrist) + origin)

    def canvas(self, points: Float[np.ndarray, "*N 2"]) -> Float[np.ndarray, "*N 2"]:
        """From scene units."""
        return (points - self.camera.origin) * self.camera.scale

    @cached_property
    def faces(self) -> Float[np.ndarray, "T 4"]:
        """The tight face, forehead to chin and cheek to cheek: x0, y0, x1, y1 in pixels of the frame, exact."""
        outlines = self._portrait.outline @ self.head[..., :2].swapaxes(1, 2) + self.head[:, None, :, 2]
        corners = np.stack([outlines.min(1), outlines.max(1)], 1) / OVERSAMPLE
        return np.clip(corners, 0, (self.camera.width, self.camera.height)).reshape(-1, 4)

    @cached_property
    def palms(self) -> Float[np.ndarray, "T A 2"]:
        """Middles of the palms as shares of the frame's width and height (may lie outside 0..1)."""
        palm = np.subtract((0.0, -wardrobe.PALM), wardrobe.HAND_ORIGIN) * self.camera.scale
        return (self.hands[..., :2] @ palm + self.hands[..., 2]) / self.camera.canvas


def _arrays(poses: Sequence[Pose]) -> tuple[Float[np.ndarray, "T A 6"], Float[np.ndarray, "T 5"]]:
    """Wrist, elbow, openness and turn of the arms; lean, shift of the head, tilt."""
    arms = [[(*a.wrist, *a.elbow, a.open, a.turn) for a in (pose.left, pose.right)] for pose in poses]
    return np.array(arms), np.array([(*pose.lean, *pose.head, pose.tilt) for pose in poses])


def _turned(angles: Float[np.ndarray, "*N"]) -> Float[np.ndarray, "*N 2 2"]:
    cos, sin = np.cos(angles), np.sin(angles)
    return np.stack([np.stack([cos, -sin], -1), np.stack([sin, cos], -1)], -2)


def _affine(linear: Float[np.ndarray, "*N 2 2"], shift: Float[np.ndarray, "*N 2"]) -> Float[np.ndarray, "*N 2 3"]:
    return np.concatenate([linear, shift[..., None]], -1)
