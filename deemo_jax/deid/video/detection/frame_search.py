"""The search of one picture for faces: as a whole and, where that is asked for, at full size and turned.

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

# Faces in a picture, at most: a crowd would take hours to follow, and its film would be mostly masks.
MOST_FACES = 100
# Where no face scores as high, the picture is searched turned, too. A head that is tilted by 45 degrees scores 0.73 or
# more upright.
WEAK = 0.7
# Two boxes with a greater intersection over union are of one face.
SAME = 0.2


@dataclasses.dataclass(frozen=True, slots=True)
class FrameToSearch:
    """A picture that is to be searched.

    Attributes:
        picture: the picture.
        full_size: whether it is searched at full size, too.
        turned: whether it is searched turned, too.
        begins_scene: whether it is the first after a cut.
        between: whether it is searched only if faces move from the frame searched before to the one searched after it.
    """

    picture: Picture
    full_size: bool = False
    turned: bool = False
    begins_scene: bool = False
    between: bool = False


@dataclasses.dataclass(frozen=True, slots=True, eq=False)
class FrameDetections:
    """What is found in a picture.

    Attributes:
        faces: all faces, down to the second-chance score.
        small: those found at full size that other searches may miss; None where there was no search at full size.
        turns: quarter turns in which more is found than upright.
    """

    faces: Faces
    small: Faces | None = None
    turns: frozenset[int] = frozenset()


def search_frame(finder: FaceFinder, path: Path, asked: FrameToSearch) -> tuple[int, FrameDetections]:
    """Searches a picture.

    Args:
        finder: the detector and its settings.
        path: of the film, for messages.
        asked: the picture, and how it is searched.

    Returns:
        The number of the frame, and what is found in it.

    Raises:
        UserError: there are more faces than can be followed.
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
    """The faces with what close-ups say of them: `NO_FACE` for those that they deny, else 0."""
    doubts = refuted(picture, found, finder.settings.threshold, finder.settings.sure, finder.turns)
    return np.column_stack([found, np.where(doubts, NO_FACE, 0)])


def _news(
    finder: FaceFinder, picture: Picture, known: Float32[np.ndarray, "N 5"]
) -> tuple[Faces, Float[np.ndarray, " M"]]:
    """The faces found at full size that a search of the whole picture misses or sees badly: small ones, and new ones.

    Returns:
        These faces; and the best score of each in a close-up, 0 where it scores too low to be checked.
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
    """Unites the faces of two searches, best first; of a face found by both, one box is taken.

    Args:
        faces: found in the whole picture; their boxes are taken, unless the finer one is small.
        finer: found at full size or in close-ups.
        least: height below which a face is small, pixels.
    """
    same = overlaps(faces, finer, SAME)
    replaced = np.any(same & (heights(finer) < least), axis=1)
    doublets = np.any(same & ~replaced[:, None], axis=0)
    together = np.concatenate([faces[~replaced], finer[~doublets]])
    return together[np.argsort(-together[:, 4], kind="stable")]
