"""One look at one picture: whole; and where that is asked for in full size, for small faces, and turned.

Axes: N, M faces.
"""

import dataclasses
from pathlib import Path

import numpy as np
from jaxtyping import Float, Float32

from deemo_jax.core.errors import UserError
from deemo_jax.deid.video.detection.boxes import heights, middles_within, overlaps
from deemo_jax.deid.video.detection.close_up import NOTHING, close_up_score, refuted
from deemo_jax.deid.video.detection.detections import NO_FACE, SURELY, Faces
from deemo_jax.deid.video.detection.face_finder import FaceFinder
from deemo_jax.deid.video.detection.turned_faces import TURNS, better_turns
from deemo_jax.media.picture import Picture

# More than a picture of people holds; a crowd takes hours to follow and nothing is left to see.
MOST_FACES = 100
# Where no face scores as high, turned ones are looked for. A head that is tilted by 45 degrees scores 0.73 at least.
WEAK = 0.7
# Boxes that have so much in common are of one face.
SAME = 0.2


@dataclasses.dataclass(frozen=True, slots=True)
class FrameToSearch:
    """A picture to look at; whether in full size, and turned, too."""

    picture: Picture
    full_size: bool = False
    turned: bool = False


@dataclasses.dataclass(frozen=True, slots=True, eq=False)
class FrameDetections:
    """What is seen in a picture.

    Attributes:
        faces: all of them, down to the second-chance score.
        small: those of the look in full size that other looks may not see; None where there was no such look.
        turns: quarter turns in which more is seen than upright.
    """

    faces: Faces
    small: Faces | None = None
    turns: frozenset[int] = frozenset()


def search_frame(finder: FaceFinder, path: Path, asked: FrameToSearch) -> tuple[int, FrameDetections]:
    """The frame, and what is seen in it.

    Raises:
        UserError: more faces than can be followed.
    """
    picture, settings = asked.picture, finder.settings
    found = finder.whole(picture, settings.second_chance)
    faces = _judged(finder, picture, found)
    small = None
    if asked.full_size:
        news, alike = _news(finder, picture, found)
        faces = refined(faces, news, settings.smallest_pixels(*picture.size))
        small = news[alike >= settings.threshold]
    if len(faces) > MOST_FACES:
        raise UserError(f"{path}: {len(faces)} faces at {picture.time_s:.2f} s; at most {MOST_FACES} are followed")
    turns = frozenset[int]()
    if asked.turned or (asked.full_size and faces[:, 4].max(initial=0.0) < WEAK):
        others = [turn for turn in TURNS if turn not in finder.turns]
        turned = [(turn, finder.turned(picture, settings.sure, (turn,))) for turn in others]
        turns = better_turns(faces[:, :5], turned, settings.sure)
    return picture.index, FrameDetections(faces, small, turns)


def _judged(finder: FaceFinder, picture: Picture, found: Float32[np.ndarray, "N 5"]) -> Faces:
    """Faces, and which of them are none from near."""
    doubts = refuted(picture, found, finder.settings.threshold, finder.settings.sure, finder.turns)
    return np.column_stack([found, np.where(doubts, NO_FACE, 0)])


def _news(
    finder: FaceFinder, picture: Picture, known: Float32[np.ndarray, "N 5"]
) -> tuple[Faces, Float[np.ndarray, " M"]]:
    """The faces of a look in full size that a look at the whole does not see, or not well: small ones, and new ones.

    Beside them how much each is like a face from near; 0 where it is not, since it scores too low from afar.
    """
    settings, least = finder.settings, finder.settings.smallest_pixels(*picture.size)
    if finder.sees_all(picture.size):
        return np.empty((0, 6)), np.empty(0)
    found = finder.full_size(picture, settings.second_chance)
    counted = known[known[:, 4] >= settings.threshold]
    is_small = heights(found) < least
    is_new = ~overlaps(found, counted, SAME).any(axis=1)
    found = found[(is_small | is_new) & ~middles_within(found, counted[heights(counted) >= least])]
    verdicts, alike = np.zeros(len(found)), np.zeros(len(found))
    if (asked := np.flatnonzero(found[:, 4] >= settings.threshold)).size:
        image = picture.rgb()
        for i in asked:
            alike[i] = close_up_score(image, found[i, :4], finder.turns)
    verdicts[(found[:, 4] >= settings.sure) & (alike >= settings.sure)] = SURELY
    verdicts[(found[:, 4] >= settings.threshold) & (found[:, 4] < settings.sure) & (alike < NOTHING)] = NO_FACE
    return np.column_stack([found, verdicts]), alike


def refined(faces: Faces, finer: Faces, least: int) -> Faces:
    """Faces of a look and of a finer one, best first: of what both saw, small faces as the finer did, others as they
    are.

    Args:
        faces: of the look.
        finer: of the finer one.
        least: height of the smallest face that is not small, pixels.
    """
    same = overlaps(faces, finer, SAME)
    replaced = np.any(same & (heights(finer) < least), axis=1)
    doublets = np.any(same & ~replaced[:, None], axis=0)
    together = np.concatenate([faces[~replaced], finer[~doublets]])
    return together[np.argsort(-together[:, 4], kind="stable")]
