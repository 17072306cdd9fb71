"""One frame: a speaker in a pose, seen by a camera.

Everything is drawn at twice the resolution and averaged down. Coordinates: see `motion`.
"""

import dataclasses
import functools
import math

import cv2
import numpy as np
from jaxtyping import Bool, Float, UInt8

from deemo_jax.sample.identity import Identity
from deemo_jax.sample.render import room, wardrobe
from deemo_jax.sample.render.drawing import Sprite, capsule, limb, paste, paste_at, polygon, tint
from deemo_jax.sample.render.motion import Arm, Point, Pose
from deemo_jax.sample.render.portrait import FACE_HEIGHT, Head, head
from deemo_jax.sample.seeds import generator

UNITS_HIGH = 240.0  # scene units from the top of a frame to its bottom, before the camera
FACE_UNITS = 61.0  # height of an average tight face
NECK_AT = (0.0, 116.0)  # where head and torso meet, units
_OVERSAMPLE = 2  # frames are drawn so much larger and shrunk
_SHADOW = (5.0, 8.0)  # how far an arm's shadow falls, units
_SHADOW_SCALE = 4  # shadows are drawn this much smaller


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


def render_frame(identity: Identity, pose: Pose, camera: Camera, index: int = 0) -> UInt8[np.ndarray, "H W 3"]:
    """One RGB frame; `index` only chooses the sensor noise."""
    return _stage(identity, camera).frame(pose, index)


def face_box(identity: Identity, pose: Pose, camera: Camera) -> tuple[float, float, float, float]:
    """The tight face, forehead to chin and cheek to cheek: x0, y0, x1, y1 in pixels of the frame, exact."""
    points = _stage(identity, camera).face(pose)
    x0, y0 = np.clip(points.min(0), 0, (camera.width, camera.height))
    x1, y1 = np.clip(points.max(0), 0, (camera.width, camera.height))
    return float(x0), float(y0), float(x1), float(y1)


def hands(identity: Identity, pose: Pose, camera: Camera) -> tuple[Point, Point]:
    """Middles of the left and the right palm as shares of the frame's width and height (may lie outside 0..1)."""
    stage = _stage(identity, camera)
    places = []
    for arm, side in ((pose.left, -1), (pose.right, 1)):
        matrix = stage.hand_matrix(arm, side, pose.lean)
        palm = matrix @ (
            (0 - wardrobe.HAND_ORIGIN[0]) * stage.scale,
            (-wardrobe.PALM - wardrobe.HAND_ORIGIN[1]) * stage.scale,
            1,
        )
        places.append((float(palm[0]) / (_OVERSAMPLE * camera.width), float(palm[1]) / (_OVERSAMPLE * camera.height)))
    return places[0], places[1]


def hand_pixels(identity: Identity, pose: Pose, camera: Camera) -> Bool[np.ndarray, "H W"]:
    """The pixels of both hands, those that an arm hides among them."""
    stage = _stage(identity, camera)
    canvas = np.zeros((*stage.size[::-1], 3), np.uint8)
    for arm, side in ((pose.left, -1), (pose.right, 1)):
        level = round(min(max(arm.open, 0.0), 1.0) * (wardrobe.HAND_LEVELS - 1))
        clear = wardrobe.hand(level, stage.head.skin, round(stage.scale, 4)).clear
        white = Sprite(np.repeat(255 - clear[..., None], 3, axis=2), clear)
        paste(canvas, white, stage.hand_matrix(arm, side, pose.lean))
    small = cv2.resize(canvas[..., 0], (camera.width, camera.height), interpolation=cv2.INTER_AREA)
    return small > 127


@functools.lru_cache(maxsize=4)
def _stage(identity: Identity, camera: Camera) -> "Stage":
    return Stage(identity, camera)


class Stage:
    """What stays the same during a clip, drawn once."""

    def __init__(self, identity: Identity, camera: Camera) -> None:
        self.identity, self.camera = identity, camera
        self.size = (camera.width * _OVERSAMPLE, camera.height * _OVERSAMPLE)
        self.scale = camera.height * _OVERSAMPLE / UNITS_HIGH * camera.zoom
        self.origin = (
            camera.x - self.size[0] / 2 / self.scale,
            camera.y + UNITS_HIGH / 2 - self.size[1] / 2 / self.scale,
        )
        self.head: Head = head(identity.face)
        self.back = room.backdrop(identity.set, *self.size, self.scale, self.origin)
        self.desk = max(0, round((room.DESK_EDGE - self.origin[1]) * self.scale))
        self.torso, self.yoke = wardrobe.torso(
            identity.outfit, identity.shoulders, self.head.skin, self.head.shade, round(self.scale, 4)
        )
        microphone, self.microphone_origin = room.microphone(identity.set, self.scale)
        self.microphone: Sprite = microphone
        self.grade = self._grade()
        noise = generator("noise", camera.noise_seed).standard_normal((camera.height + 64, camera.width + 64))
        self.noise = np.rint(camera.noise * noise).astype(np.int16)

    def frame(self, pose: Pose, index: int) -> UInt8[np.ndarray, "H W 3"]:
        """A frame, drawn from back to front."""
        canvas = self.back.copy()
        torso = self._canvas(np.add(wardrobe.TORSO_ORIGIN, pose.lean))
        paste_at(canvas, self.torso, torso)
        canvas[self.desk :] = self.back[self.desk :]
        arms = ((pose.left, -1), (pose.right, 1))
        self._cast_shadows(canvas, arms, pose.lean)
        for arm, side in arms:
            self._sleeve(canvas, arm, side, pose.lean)
            if arm.wrist[0] * side < 0:  # reaches across: the other arm lies over this hand
                self._hand(canvas, arm, side, pose.lean)
        paste_at(canvas, self.yoke, torso)
        paste(canvas, self.head.sprite, self._head_matrix(pose))
        paste_at(canvas, self.microphone, self._canvas(self.microphone_origin))
        for arm, side in arms:
            if arm.wrist[0] * side >= 0:
                self._hand(canvas, arm, side, pose.lean)
        small = cv2.resize(canvas, (self.camera.width, self.camera.height), interpolation=cv2.INTER_AREA)
        return self._develop(small, index)

    def face(self, pose: Pose) -> Float[np.ndarray, "N 2"]:
        """The tight face's outline, pixels of the frame."""
        matrix = self._head_matrix(pose)
        return (self.head.outline @ matrix[:, :2].T + matrix[:, 2]) / _OVERSAMPLE

    def hand_matrix(self, arm: Arm, side: int, lean: Point) -> Float[np.ndarray, "2 3"]:
        """From the hand sprite to the canvas: thumb inwards, along the forearm, turned at the wrist."""
        wrist, elbow = np.asarray(arm.wrist) + lean, np.asarray(arm.elbow) + np.asarray(lean) * 0.4
        along = wrist - elbow
        angle = math.atan2(along[0], -along[1]) - side * math.radians(arm.turn)
        cos, sin = math.cos(angle) * self.identity.limbs, math.sin(angle) * self.identity.limbs
        linear = np.array([[cos * -side, -sin], [sin * -side, cos]])
        shift = (wrist - self.origin) * self.scale + linear @ (np.asarray(wardrobe.HAND_ORIGIN) * self.scale)
        return np.concatenate([linear, shift[:, None]], axis=1)

    def _canvas(self, point: Point | np.ndarray) -> np.ndarray:
        return (np.asarray(point, np.float64) - self.origin) * self.scale

    def _head_matrix(self, pose: Pose) -> np.ndarray:
        size = self.scale * FACE_UNITS / FACE_HEIGHT * self.identity.head / self.head.scale
        angle = math.radians(pose.tilt)
        linear = size * np.array([[math.cos(angle), -math.sin(angle)], [math.sin(angle), math.cos(angle)]])
        at = self._canvas((NECK_AT[0] + 1.1 * pose.lean[0] + pose.head[0], NECK_AT[1] + pose.lean[1] + pose.head[1]))
        return np.concatenate([linear, (at - linear @ self.head.neck)[:, None]], axis=1)

    def _joints(self, arm: Arm, side: int, lean: Point) -> tuple[np.ndarray, np.ndarray]:
        """Shoulder, elbow, cuff on the canvas, and the radii there."""
        shoulder = (side * wardrobe.SHOULDER[0] * self.identity.shoulders + lean[0], wardrobe.SHOULDER[1] + lean[1])
        elbow = (arm.elbow[0] + 0.4 * lean[0], arm.elbow[1] + 0.4 * lean[1])
        wrist = (arm.wrist[0] + lean[0], arm.wrist[1] + lean[1])
        radii = np.array([15.5, 13.2, 9.8]) * self.identity.limbs * self.scale
        return np.stack([self._canvas(shoulder), self._canvas(elbow), self._canvas(wrist)]), radii

    def _sleeve(self, canvas: np.ndarray, arm: Arm, side: int, lean: Point) -> None:
        joints, radii = self._joints(arm, side, lean)
        outfit = self.identity.outfit
        cuff = joints[1] + (joints[2] - joints[1]) * np.array([[0.90], [1.0]])
        limb(canvas, cuff, radii[2] * np.array([0.94, 0.90]), outfit.shirt if outfit.style == "suit" else outfit.accent)
        sleeve = np.stack([joints[0], joints[1], joints[1] + 0.93 * (joints[2] - joints[1])])
        limb(canvas, sleeve, radii, outfit.main)
        along = (sleeve[2] - sleeve[1]) / max(float(np.hypot(*(sleeve[2] - sleeve[1]))), 1e-6)
        across = np.array([-along[1], along[0]])
        for place, width in ((0.16, 0.55), (0.30, 0.38)):  # creases at the elbow
            middle = sleeve[1] + place * (sleeve[2] - sleeve[1])
            crease = capsule(middle - across * radii[1] * width, middle + across * radii[1] * width * 0.4, 0.9, 0.3)
            polygon(canvas, crease, tint(outfit.main, 0.80))

    def _hand(self, canvas: np.ndarray, arm: Arm, side: int, lean: Point) -> None:
        level = round(min(max(arm.open, 0.0), 1.0) * (wardrobe.HAND_LEVELS - 1))
        item = wardrobe.hand(level, self.head.skin, round(self.scale, 4))
        paste(canvas, item, self.hand_matrix(arm, side, lean))

    def _cast_shadows(self, canvas: np.ndarray, arms: tuple[tuple[Arm, int], ...], lean: Point) -> None:
        """Soft shadows of both arms on body and desk, below the shoulders only."""
        top = max(0, min(self.desk, round((128.0 - self.origin[1]) * self.scale)))
        part = canvas[top:]
        mask = np.full((part.shape[0] // _SHADOW_SCALE, part.shape[1] // _SHADOW_SCALE), 255, np.uint8)
        fall = np.asarray(_SHADOW) * self.scale - (0, top)
        for arm, side in arms:
            joints, radii = self._joints(arm, side, lean)
            hand = joints[2] + (joints[2] - joints[1]) / max(np.hypot(*(joints[2] - joints[1])), 1e-6) * 24 * self.scale
            points = [*joints, hand]
            sizes = [*radii, 10 * self.scale]
            for a, b, first, last in zip(points, points[1:], sizes, sizes[1:], strict=False):
                outline = capsule(a + fall, b + fall, float(first), float(last)) / _SHADOW_SCALE
                polygon(mask, outline, 150)
        mask = cv2.blur(mask, (9, 9))
        mask = cv2.resize(mask, (part.shape[1], part.shape[0]), interpolation=cv2.INTER_LINEAR)
        cv2.multiply(part, cv2.merge([mask, mask, mask]), dst=part, scale=1 / 255)

    def _grade(self) -> np.ndarray:
        """Exposure, colour of the light and a vignette, as uint8 factors of 1/192 per pixel and channel."""
        x = np.linspace(-1, 1, self.camera.width)[None]
        y = np.linspace(-1, 1, self.camera.height)[:, None]
        vignette = 1 - 0.14 * (x**2 + y**2)
        warmth = np.array([1 + self.camera.warmth, 1.0, 1 - self.camera.warmth])
        factors = self.camera.gain * vignette[..., None] * warmth
        return np.rint(np.clip(192 * factors, 0, 255)).astype(np.uint8)

    def _develop(self, image: np.ndarray, index: int) -> np.ndarray:
        """Exposure and sensor noise."""
        lit = cv2.multiply(image, self.grade, scale=1 / 192)
        dx, dy = (index * 29) % 64, (index * 43) % 64
        noise = self.noise[dy : dy + self.camera.height, dx : dx + self.camera.width]
        return cv2.add(lit, cv2.merge([noise, noise, noise]), dtype=cv2.CV_8U)
