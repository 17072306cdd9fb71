"""From detections per frame to what must be covered, and where a face was expected and not found.

Three rules. A weak detection counts where a counted one lies beside it in time. What is covered in a frame is what was
found in it and in both its neighbours. And a face does not vanish: where one is lost away from the border and comes
back, one frame is bridged, and more are reported; what was never surely a face (a fist, a logo) is bridged for as long
as it takes.
Axes: N boxes; a box is x0, y0, x1, y1, a face has a score behind it.
"""

import dataclasses
from collections.abc import Sequence

import numpy as np
from jaxtyping import Bool, Float
from scipy.optimize import linear_sum_assignment

OVERLAP = 0.2
# In one frame a face moves by at most its own size.
REACH = 1.0
# A box that comes this near the edge of the picture (share of the side) may have left it.
BORDER = 0.02

Boxes = Float[np.ndarray, "N 4"]
Faces = Float[np.ndarray, "N 5"]


@dataclasses.dataclass(frozen=True, slots=True, eq=False)
class Plan:
    """What to cover.

    Attributes:
        boxes: per frame, before any margin.
        missing: frames in which a face was expected and not found, ascending.
        found: faces that were counted in all frames.
        bridged: boxes put where a face was lost and came back.
        min_score: of the faces counted; 0 when there is none.
    """

    boxes: tuple[Boxes, ...]
    missing: tuple[int, ...]
    found: int
    bridged: int
    min_score: float


@dataclasses.dataclass(slots=True, eq=False)
class _Track:
    start: int
    first: Boxes
    end: int
    last: Boxes
    best: float


def plan(detections: Sequence[Faces], width: int, height: int, threshold: float, sure: float) -> Plan:
    """Decides what to cover, given all detections of a clip down to the second-chance score.

    Args:
        detections: per frame.
        width: of the picture, pixels.
        height: of the picture, pixels.
        threshold: score from which a detection counts.
        sure: best score from which what is followed is surely a face.
    """
    faces = second_chance(detections, threshold)
    own = [f[:, :4] for f in faces]
    tracks, bridges = _follow(faces)
    lost, patches = _vanished(tracks, width, height, sure)
    bridges += patches
    count = len(own)
    around = [
        [own[s] for s in (t - 1, t, t + 1) if 0 <= s < count] + [b for s, b in bridges if s == t] for t in range(count)
    ]
    boxes = tuple(np.concatenate(parts) for parts in around)
    missing = {t for t in range(count) if not len(boxes[t])} | lost
    scores = np.concatenate([f[:, 4] for f in faces]) if faces else np.zeros(0)
    return Plan(boxes, tuple(sorted(missing)), scores.size, len(bridges), float(scores.min()) if scores.size else 0.0)


def second_chance(detections: Sequence[Faces], threshold: float) -> list[Faces]:
    """Keeps what scores at least `threshold`, and what overlaps something kept in the frame before or after."""
    kept = [d[:, 4] >= threshold for d in detections]
    count = len(detections)
    for order, step in ((range(1, count), -1), (range(count - 2, -1, -1), 1)):
        for t in order:
            neighbours = detections[t + step][kept[t + step]]
            kept[t] = kept[t] | _overlapping(detections[t][:, :4], neighbours[:, :4])
    return [d[k] for d, k in zip(detections, kept, strict=True)]


def _overlapping(boxes: Boxes, others: Float[np.ndarray, "M 4"]) -> Bool[np.ndarray, "N"]:
    near = np.maximum(boxes[:, None, :2], others[None, :, :2])
    far = np.minimum(boxes[:, None, 2:], others[None, :, 2:])
    common = np.clip(far - near, 0, None).prod(axis=-1)
    areas = [np.clip(b[:, 2:] - b[:, :2], 0, None).prod(axis=-1) for b in (boxes, others)]
    return (common > OVERLAP * (areas[0][:, None] + areas[1][None] - common)).any(axis=1)


def _distance(boxes: Boxes, others: Float[np.ndarray, "M 4"]) -> Float[np.ndarray, "N M"]:
    """Distance of the centres in units of the larger box's size."""
    centres = [(b[:, :2] + b[:, 2:]) / 2 for b in (boxes, others)]
    sizes = [np.sqrt(np.clip(b[:, 2:] - b[:, :2], 1, None).prod(axis=-1)) for b in (boxes, others)]
    gaps = np.linalg.norm(centres[0][:, None] - centres[1][None], axis=-1)
    return gaps / np.maximum(sizes[0][:, None], sizes[1][None])


def _follow(faces: Sequence[Faces]) -> tuple[list[_Track], list[tuple[int, Boxes]]]:
    """Links boxes from frame to frame, one to one, over at most one empty frame; bridges are the hulls of its sides."""
    tracks: list[_Track] = []
    bridges: list[tuple[int, Boxes]] = []
    for t, found in enumerate(faces):
        boxes = found[:, :4]
        open_tracks = [track for track in tracks if t - track.end <= 2]
        continued: dict[int, _Track] = {}
        if open_tracks and len(boxes):
            ages = np.array([[t - track.end] for track in open_tracks])
            cost = _distance(np.concatenate([track.last for track in open_tracks]), boxes) / (REACH * ages)
            for i, j in zip(*linear_sum_assignment(np.minimum(cost, 1e3)), strict=True):
                if cost[i, j] <= 1:
                    continued[int(j)] = open_tracks[i]
        for j in range(len(boxes)):
            box = boxes[j : j + 1]
            track = continued.get(j)
            if track is None:
                tracks.append(_Track(t, box, t, box, float(found[j, 4])))
                continue
            if t - track.end == 2:
                bridges.append((t - 1, _hull(track.last, box)))
            track.end, track.last, track.best = t, box, max(track.best, float(found[j, 4]))
    return tracks, bridges


def _hull(box: Boxes, other: Boxes) -> Boxes:
    return np.concatenate([np.minimum(box, other)[:, :2], np.maximum(box, other)[:, 2:]], axis=1)


def _vanished(
    tracks: Sequence[_Track], width: int, height: int, sure: float
) -> tuple[set[int], list[tuple[int, Boxes]]]:
    """Pairs a track that ends away from the border with those that begin where it could have got to.

    Returns:
        lost: frames between such a pair, when one of the two is surely a face.
        patches: (frame, hull of both) between the others, when they are at one place.
    """
    lost: set[int] = set()
    patches: list[tuple[int, Boxes]] = []
    limit = np.array([width, height])
    for gone in tracks:
        near, far = gone.last[0, :2], gone.last[0, 2:]
        if (near <= BORDER * limit).any() or (far >= (1 - BORDER) * limit).any():
            continue
        for back in tracks:
            gap = back.start - gone.end
            if gap <= 1:
                continue
            distance = _distance(gone.last, back.first)[0, 0]
            between = range(gone.end + 1, back.start)
            if max(gone.best, back.best) >= sure:
                lost.update(between if distance <= REACH * gap else ())
            elif distance <= REACH:
                patches += [(t, _hull(gone.last, back.first)) for t in between]
    return lost, patches
