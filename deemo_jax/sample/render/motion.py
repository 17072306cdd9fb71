"""What the body does: poses, the gestures that are the body cue, and the way from one to the other.

Scene units: one unit is one pixel of a frame 240 pixels high, before the camera; x is 0 in the middle of the frame
and grows to the right, y is 0 at the top and grows downwards. "Left" is the left of the image.
"""

import dataclasses
import math

import numpy as np

from deemo_jax.core.schema import NFBLSegment
from deemo_jax.sample.cues import Tone

Point = tuple[float, float]


@dataclasses.dataclass(frozen=True, slots=True)
class Arm:
    """One arm.

    Attributes:
        wrist: scene units.
        elbow: scene units.
        open: 0 a fist, 1 a flat hand with spread fingers.
        turn: degrees by which the hand turns away from the direction of the forearm, inwards positive.
    """

    wrist: Point
    elbow: Point
    open: float = 0.4
    turn: float = 0.0


@dataclasses.dataclass(frozen=True, slots=True)
class Pose:
    """All joints of the seated figure.

    Attributes:
        left, right: the arms.
        lean: shift of the upper body, units.
        head: shift of the head against the body, units.
        tilt: of the head, degrees, clockwise positive.
    """

    left: Arm
    right: Arm
    lean: Point = (0.0, 0.0)
    head: Point = (0.0, 0.0)
    tilt: float = 0.0


def _pose(left: tuple[float, ...], right: tuple[float, ...]) -> Pose:
    """From (wrist x, wrist y, elbow x, elbow y, open, turn) of each arm."""
    arms = [Arm((a[0], a[1]), (a[2], a[3]), a[4], a[5]) for a in (left, right)]
    return Pose(arms[0], arms[1])


IDLE = _pose((-50, 208, -88, 194, 0.6, 14), (50, 208, 88, 194, 0.6, 14))
GESTURES: dict[Tone, dict[str, Pose]] = {
    Tone.POSITIVE: {
        "raising fists": _pose((-92, 128, -103, 192, 0.0, 4), (92, 128, 103, 192, 0.0, 4)),
        "open palms": _pose((-104, 170, -84, 202, 1.0, -16), (104, 170, 84, 202, 1.0, -16)),
    },
    Tone.NEGATIVE: {
        "folding arms": _pose((34, 176, -80, 190, 0.3, -6), (-34, 168, 80, 186, 0.3, -6)),
        "touching neck": _pose((-50, 208, -88, 194, 0.6, 14), (38, 158, 96, 196, 0.45, 2)),
    },
    Tone.NEUTRAL: {
        "holding microphone": _pose((-50, 208, -88, 194, 0.6, 14), (67, 203, 103, 189, 0.45, 10)),
        "clasping hands": _pose((-26, 211, -86, 196, 0.2, 6), (26, 211, 86, 196, 0.2, 6)),
    },
}
# How a held gesture moves: amplitude in units across and down, and beats a second.
_BEAT: dict[str, tuple[float, float, float]] = {
    "raising fists": (1.5, 6.0, 2.1),
    "open palms": (5.0, 4.0, 1.1),
    "folding arms": (0.6, 0.8, 0.4),
    "touching neck": (1.6, 1.6, 0.9),
    "holding microphone": (0.5, 0.5, 0.4),
    "clasping hands": (1.0, 0.8, 0.5),
    "": (1.2, 1.0, 0.6),
}
_EASE_S = 0.4  # seconds from rest to a gesture


@dataclasses.dataclass(frozen=True, slots=True)
class Motion:
    """A clip's worth of movement: rest, a gesture (or none), sway.

    Attributes:
        gesture: a label of `GESTURES`, or "" for hands that rest on the desk.
        start_s, end_s: when the gesture is held.
        mirror: the one-handed gestures use the left hand.
        phases: of the sways, radians.
        offset: where this clip's hands are beside where they should be, units.
    """

    gesture: str
    start_s: float
    end_s: float
    mirror: bool
    phases: tuple[float, ...]
    offset: Point

    def segments(self) -> tuple[NFBLSegment, ...]:
        """The truth: no segment for hands at rest."""
        return (NFBLSegment(self.start_s, self.end_s, self.gesture),) if self.gesture else ()

    def pose(self, time_s: float) -> Pose:
        """The pose at a time of the clip."""
        target = next((named[self.gesture] for named in GESTURES.values() if self.gesture in named), IDLE)
        if self.mirror:
            target = mirrored(target)
        reach = _ease((time_s - self.start_s) / _EASE_S + 0.5) * _ease((self.end_s - time_s) / _EASE_S + 0.5)
        across, down, beats = _BEAT[self.gesture]
        turn = 2 * math.pi * beats * time_s
        move = (
            self.offset[0] + across * math.sin(turn + self.phases[0]),
            self.offset[1] + down * math.sin(turn + self.phases[1]),
        )
        body = blend(IDLE, target, reach)
        slow = 2 * math.pi * 0.28 * time_s
        return dataclasses.replace(
            body,
            left=_moved(body.left, (-move[0], move[1])),
            right=_moved(body.right, move),
            lean=(2.5 * math.sin(slow + self.phases[2]), 0.7 * math.sin(1.7 * slow + self.phases[3])),
            head=(1.8 * math.sin(1.6 * slow + self.phases[4]), 1.4 * math.sin(4.1 * slow + self.phases[5])),
            tilt=2.6 * math.sin(1.3 * slow + self.phases[6]),
        )


def draw_motion(rng: np.random.Generator, tone: Tone, duration_s: float, microphone: int = 1) -> Motion:
    """A movement that shows the body cue for at least 70 % of the clip; half of the neutral ones just rest.

    `microphone` says where it stands: -1 left, 1 right.
    """
    labels = list(GESTURES[tone])
    gesture = labels[int(rng.integers(len(labels)))]
    if tone is Tone.NEUTRAL and rng.random() < 0.5:
        gesture = ""
    mirror = bool(rng.random() < 0.5)
    if gesture == "holding microphone":
        mirror = microphone < 0
    start = rng.uniform(0.05, 0.15) * duration_s
    end = duration_s - rng.uniform(0.0, 0.15) * duration_s
    return Motion(
        gesture=gesture,
        start_s=round(float(start), 3),
        end_s=round(float(end), 3),
        mirror=mirror,
        phases=tuple(round(float(phase), 4) for phase in rng.uniform(0, 2 * math.pi, 7)),
        offset=(round(float(rng.uniform(-3, 3)), 3), round(float(rng.uniform(-3, 3)), 3)),
    )


def random_pose(rng: np.random.Generator) -> Pose:
    """Any state of the body, far beyond the cues: hands anywhere but before the face, head and body anywhere near."""

    def arm(side: int) -> Arm:
        while True:
            wrist = (float(rng.uniform(-55, 120)) * side, float(rng.uniform(118, 220)))
            if abs(wrist[0]) > 72 or wrist[1] > 160:
                break
        elbow = (float(rng.uniform(76, 108)) * side, float(rng.uniform(180, 204)))
        return Arm(wrist, elbow, float(rng.random()), float(rng.uniform(-25, 25)))

    return Pose(
        left=arm(-1),
        right=arm(1),
        lean=(float(rng.uniform(-8, 8)), float(rng.uniform(-2, 3))),
        head=(float(rng.uniform(-5, 5)), float(rng.uniform(-3, 3))),
        tilt=float(rng.uniform(-7, 7)),
    )


def mirrored(pose: Pose) -> Pose:
    """Left and right exchanged."""

    def flip(arm: Arm) -> Arm:
        return dataclasses.replace(arm, wrist=(-arm.wrist[0], arm.wrist[1]), elbow=(-arm.elbow[0], arm.elbow[1]))

    return Pose(
        flip(pose.right), flip(pose.left), (-pose.lean[0], pose.lean[1]), (-pose.head[0], pose.head[1]), -pose.tilt
    )


def blend(first: Pose, second: Pose, share: float) -> Pose:
    """`share` of the way from the first pose to the second, joint by joint."""

    def mix(a: float, b: float) -> float:
        return a + (b - a) * share

    def arm(a: Arm, b: Arm) -> Arm:
        wrist = (mix(a.wrist[0], b.wrist[0]), mix(a.wrist[1], b.wrist[1]))
        elbow = (mix(a.elbow[0], b.elbow[0]), mix(a.elbow[1], b.elbow[1]))
        return Arm(wrist, elbow, mix(a.open, b.open), mix(a.turn, b.turn))

    return Pose(
        arm(first.left, second.left),
        arm(first.right, second.right),
        (mix(first.lean[0], second.lean[0]), mix(first.lean[1], second.lean[1])),
        (mix(first.head[0], second.head[0]), mix(first.head[1], second.head[1])),
        mix(first.tilt, second.tilt),
    )


def _moved(arm: Arm, by: Point) -> Arm:
    """The wrist moves whole, the elbow a third of the way."""
    return dataclasses.replace(
        arm,
        wrist=(arm.wrist[0] + by[0], arm.wrist[1] + by[1]),
        elbow=(arm.elbow[0] + by[0] / 3, arm.elbow[1] + by[1] / 3),
    )


def _ease(x: float) -> float:
    """0 below 0, 1 above 1, smooth between."""
    x = min(max(x, 0.0), 1.0)
    return x * x * (3 - 2 * x)
