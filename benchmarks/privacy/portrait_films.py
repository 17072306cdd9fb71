"""Short films of photographed heads, with a truth: each film draws place, size, light, pose and background anew.

A head is cut out of its photograph by a soft ellipse, so that no background links two films; hair is kept. Axes:
H height, W width; a box is x0, y0, x1, y1 in pixels.
"""

import dataclasses
from collections.abc import Iterator, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from jaxtyping import Float, UInt8

from benchmarks.privacy.portraits import Portrait
from deemo_jax.sample.render.phone_file import Metadata, write_mp4

# Width and height of a film, pixels; frames a second; frames.
SIZE, FRAME_RATE, FRAMES = (640, 360), 25, 16
# Half axes of the ellipse around the middle of the face, in heights of its box, and by how far the middle lies above
# that of the box, which is drawn without the forehead.
ACROSS, DOWN, RAISED = 0.68, 0.92, 0.1
# Share of the ellipse over which it fades out.
SOFT = 0.12
# Height of a face in a film, pixels: from, to.
HEIGHTS = (90, 130)
# Angle in degrees, shear, and factors of width and of light that a film has at most beside the photograph; gamma
# likewise; and how far a head moves within a film, in pixels.
TURN, SHEAR, WIDER, LIGHTER, GAMMA, SWAY = 6.0, 0.05, 0.06, 0.15, 0.2, 12.0
# Range of the background's colours, grey levels.
COLOURS = (80, 176)
# Standard deviation of the noise of each pixel, grey levels.
NOISE = 2.0
RATE = 16_000


@dataclasses.dataclass(frozen=True, slots=True)
class _Look:
    """What one film draws: the map of the photograph at rest, the way the head moves, light, and background."""

    map: Float[np.ndarray, "2 3"]
    sway: Float[np.ndarray, "2"]
    gain: float
    gamma: float
    background: UInt8[np.ndarray, "H W 3"]


def write_film(folder: Path, clip_id: str, person: str, portrait: Portrait, seed: Sequence[int]) -> dict[str, Any]:
    """Writes `folder/CLIP_ID.mp4`, a person's head with a silent sound track.

    Args:
        folder: of the films.
        clip_id: name of the film.
        person: pseudonym of who is seen.
        portrait: the photograph.
        seed: of all draws.

    Returns:
        Its row of the truth.
    """
    rng = np.random.default_rng(list(seed))
    look = _look(portrait, rng)
    alpha = _ellipse(portrait)
    boxes: list[list[float]] = []

    def pictures() -> Iterator[UInt8[np.ndarray, "H W 3"]]:
        for t in range(FRAMES):
            there = look.map.copy()
            there[:, 2] += look.sway * np.sin(np.pi * t / FRAMES)
            boxes.append(_moved(portrait.box, there))
            yield _picture(portrait, alpha, look, there, rng)

    silence = np.zeros(round(RATE * FRAMES / FRAME_RATE), np.float32)
    write_mp4(folder / f"{clip_id}.mp4", pictures(), Fraction(FRAME_RATE), silence, RATE, Metadata((), "", ""))
    faces = [[box] for box in boxes]
    return {"clip_id": clip_id, "file": f"{clip_id}.mp4", "person_id": person, "faces": faces, "planted": []}


def _look(portrait: Portrait, rng: np.random.Generator) -> _Look:
    x0, y0, x1, y1 = portrait.box
    height = rng.uniform(*HEIGHTS)
    scale, angle = height / (y1 - y0), np.deg2rad(rng.uniform(-TURN, TURN))
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    warp = np.array([[1 + rng.uniform(-WIDER, WIDER), rng.uniform(-SHEAR, SHEAR)], [0, 1]])
    linear = scale * turn @ warp
    room = np.array([ACROSS, DOWN + RAISED]) * height + SWAY
    middle = rng.uniform(room, np.maximum(np.array(SIZE) - room, room + 1))
    offset = middle - linear @ [(x0 + x1) / 2, (y0 + y1) / 2]
    # A picture of 4 by 3 colours, enlarged: a blurred room.
    room_colours = rng.integers(*COLOURS, (3, 4, 3)).astype(np.uint8)
    return _Look(
        np.concatenate([linear, offset[:, None]], axis=1),
        rng.uniform(-SWAY, SWAY, 2),
        1 + rng.uniform(-LIGHTER, LIGHTER),
        1 + rng.uniform(-GAMMA, GAMMA),
        cv2.resize(room_colours, SIZE, interpolation=cv2.INTER_CUBIC),
    )


def _ellipse(portrait: Portrait) -> Float[np.ndarray, "H W"]:
    """How much of each pixel of the photograph is kept, 0 to 1."""
    x0, y0, x1, y1 = portrait.box
    height, (rows, columns) = y1 - y0, portrait.image.shape[:2]
    y, x = np.mgrid[:rows, :columns]
    across = (x - (x0 + x1) / 2) / (ACROSS * height)
    down = (y - (y0 + y1) / 2 + RAISED * height) / (DOWN * height)
    return np.clip((1 - np.hypot(across, down)) / SOFT, 0, 1)


def _picture(
    portrait: Portrait,
    alpha: Float[np.ndarray, "h w"],
    look: _Look,
    there: Float[np.ndarray, "2 3"],
    rng: np.random.Generator,
) -> UInt8[np.ndarray, "H W 3"]:
    head = cv2.warpAffine(portrait.image, there, SIZE, flags=cv2.INTER_AREA).astype(np.float64)
    kept = cv2.warpAffine(alpha, there, SIZE)[..., None]
    lit = 255 * look.gain * (head / 255) ** look.gamma
    noise = rng.normal(0, NOISE, lit.shape)
    return np.clip(kept * lit + (1 - kept) * look.background + noise, 0, 255).astype(np.uint8)


def _moved(box: Sequence[float], there: Float[np.ndarray, "2 3"]) -> list[float]:
    """The box around the four corners of a box, moved into the film and clipped to it."""
    x0, y0, x1, y1 = box
    corners = np.array([[x0, x1, x0, x1], [y0, y0, y1, y1], [1, 1, 1, 1]])
    places = there @ corners
    low, high = np.clip(places.min(axis=1), 0, SIZE), np.clip(places.max(axis=1), 0, SIZE)
    return [round(float(x), 1) for x in (*low, *high)]
