"""Turns detections into tracks of faces, and finds the frames in which a face was expected and not found.

Detections are linked from look to look (a look is one search of a frame). Between two looks a box is interpolated; a
face that is lost for a short time and found at the same place is covered meanwhile; and a track goes on for a moment
before its first and after its last look. A face can come and go over the border of the picture or with a cut; in frames
before and after any other end of a track it is missing.
Axes: N boxes; a box is x0, y0, x1, y1; a face is a box, a score, and what a close-up said.
"""

import bisect
import dataclasses
from collections.abc import Sequence

import numpy as np
from jaxtyping import Float

from deemo_jax.deid.settings import Settings
from deemo_jax.deid.video.detection.boxes import Box, Boxes, overlaps
from deemo_jax.deid.video.detection.detections import NO_FACE, SURELY, Detections, Faces

# Overlap (IoU) with a face of the look before or after from which a detection gets a second chance.
OVERLAP = 0.2
# How far a face moves, in units of its own size: STEP at once and SPEED a second, but never further than REACH.
STEP, SPEED, REACH = 0.25, 14.0, 1.5
# Cost of linking a track with a box that it cannot have moved to; possible links cost at most 1.
FAR = 1e3
# Added to the costs of tracks that never were surely a face, so that other tracks choose first: it lies between the
# highest cost of a possible link (1) and FAR.
LATER = 2.0
# Cost up to which a track may take a box although another track has a lower cost for it.
NEAR = 0.4
# Two cuts within so many seconds are a flash, or something that passed before the camera: the faces stay the same.
FLASH_S = 0.25
# Largest factor by which the size of a face changes between two looks.
GROWTH = 2.0
# A face whose box is this close to the edge of the picture (share of the side) may have left over it.
BORDER = 0.02
# Boxes jitter from look to look. So a frame is also covered at the boxes found within AROUND_S seconds of it, with
# sides shrunk to the share THEN: with the default margin of 0.25 such a box reaches a tenth of its size beyond the
# face.
AROUND_S, THEN = 0.1, 0.8
# A side of a box that is shorter than the share DENT of what it is before and after is partly hidden, as by a hand. It
# is restored from boxes nearby whose side has at least the share FULL of that length.
DENT, FULL = 0.85, 0.95
# A face is sure only where it is found in so many looks, or a close-up confirms it.
LEAST_LOOKS = 3


@dataclasses.dataclass(frozen=True, slots=True, eq=False)
class Track:
    """One face as it moves.

    Attributes:
        number: of the track, from 1.
        frames: numbers of the frames at which the box is known, ascending; between them it moves in a straight line.
        boxes: at these frames, pixels.
        score: of its best detection, 0 to 1.
    """

    number: int
    frames: tuple[int, ...]
    boxes: Boxes
    score: float


@dataclasses.dataclass(frozen=True, slots=True, eq=False)
class Plan:
    """What to cover.

    Attributes:
        tracks: of all faces, also covering frames in which a face is lost for a short time.
        missing: frames in which a face was expected and not found, ascending.
        empty: frames of scenes in which nobody was found, ascending.
        lost_height: height of the smallest face that is missing, pixels; 0 where none is known.
        found: detections that belong to tracks.
        bridged: frames in which a face was lost and is covered all the same.
        min_score: lowest score of these detections; 0 where there are none.
        not_faces: boxes in which, by a person who corrected the tracks, there is no face.
    """

    tracks: tuple[Track, ...]
    missing: tuple[int, ...]
    empty: tuple[int, ...] = ()
    lost_height: float = 0.0
    found: int = 0
    bridged: int = 0
    min_score: float = 0.0
    not_faces: tuple[tuple[float, ...], ...] = ()


@dataclasses.dataclass(slots=True, eq=False)
class _Trail:
    """The linked detections from which a track is made.

    Attributes:
        looks: numbers of the frames with a detection, ascending.
        boxes, scores: of the detections.
        verdicts: what close-ups said of them, as in `detections.Faces`.
    """

    looks: list[int]
    boxes: list[Box]
    scores: list[float]
    verdicts: list[int]

    @property
    def score(self) -> float:
        """The best score."""
        return max(self.scores)

    def is_sure(self, sure: float) -> bool:
        """Whether it surely is a face: by score, and by number of looks or a close-up."""
        return self.score >= sure and (len(self.looks) >= LEAST_LOOKS or SURELY in self.verdicts)

    def is_doubtful(self, settings: Settings) -> bool:
        """Whether it never scored as surely a face, and all close-ups denied it."""
        asked = [v for score, v in zip(self.scores, self.verdicts, strict=True) if score >= settings.threshold]
        return self.score < settings.sure and bool(asked) and all(v == NO_FACE for v in asked)


def plan(detections: Detections, settings: Settings) -> Plan:
    """Makes tracks from all detections of a clip down to the second-chance score, and finds missing faces."""
    faces = second_chance(detections, settings.threshold)
    trails = _follow(detections, faces, settings.hole_s, settings.sure)
    doubtful = [trail for trail in trails if trail.is_doubtful(settings)]
    trails = [trail for trail in trails if not trail.is_doubtful(settings)]
    tracks, bridged = [], 0
    for number, trail in enumerate(trails, 1):
        track, holes = _finish(number, trail, detections, settings.hole_s, settings.extend_s)
        tracks.append(track)
        bridged += holes
    for trail in doubtful:
        tracks += _where_seen(len(tracks) + 1, trail, detections, settings.threshold)
    scores = [score for trail in (*trails, *doubtful) for score in trail.scores]
    missing, empty, height = _missing(trails, detections, settings.sure)
    return Plan(tuple(tracks), missing, empty, height, len(scores), bridged, min(scores, default=0.0))


def second_chance(detections: Detections, threshold: float) -> list[Faces]:
    """Keeps the detections of each look that score at least `threshold`, or overlap one kept at a look beside it."""
    kept = [faces[:, 4] >= threshold for faces in detections.faces]
    count = len(kept)
    for order, step in ((range(1, count), -1), (range(count - 2, -1, -1), 1)):
        for k in order:
            near = detections.faces[k + step][kept[k + step]]
            kept[k] = kept[k] | overlaps(detections.faces[k], near, OVERLAP).any(axis=1)
    return [faces[k] for faces, k in zip(detections.faces, kept, strict=True)]


def boxes_per_frame(tracks: Sequence[Track], times: Sequence[float]) -> list[Boxes]:
    """The boxes that tracks cover in each frame, before any margin.

    For each track the box at the frame comes first, then the last box before it and the next after it, shrunk, where
    these are at most `AROUND_S` away.

    Args:
        tracks: by numbers of frames.
        times: of all frames, seconds.
    """
    found: list[list[Box]] = [[] for _ in times]
    for track in tracks:
        for t in range(track.frames[0], track.frames[-1] + 1):
            here, after = bisect.bisect_left(track.frames, t), bisect.bisect_right(track.frames, t)
            found[t].append(track.boxes[here] if here < after else _between(track, t))
            for k in (here - 1, after):
                if 0 <= k < len(track.frames) and abs(times[track.frames[k]] - times[t]) <= AROUND_S + 1e-3:
                    found[t].append(_shrunk(track.boxes[k]))
    return [np.array(boxes, np.float64).reshape(-1, 4) for boxes in found]


def _shrunk(box: Box) -> Box:
    half = (1 - THEN) / 2 * (box[2:] - box[:2])
    return np.concatenate([box[:2] + half, box[2:] - half])


def _between(track: Track, t: int) -> Box:
    after = bisect.bisect_left(track.frames, t)
    a, b = track.frames[after - 1], track.frames[after]
    return track.boxes[after - 1] + (track.boxes[after] - track.boxes[after - 1]) * ((t - a) / (b - a))


def _follow(detections: Detections, faces: Sequence[Faces], hole_s: float, sure: float) -> list[_Trail]:
    """Links detections from look to look, each to one track; a face may be lost and found again within `hole_s`."""
    trails: list[_Trail] = []
    for look, found in zip(detections.looked, faces, strict=True):
        time = detections.times[look]
        open_trails = [
            trail
            for trail in trails
            if time - detections.times[trail.looks[-1]]
            <= (min(FLASH_S, hole_s) if detections.is_cut_between(trail.looks[-1], look) else hole_s) + 1e-3
        ]
        continued: dict[int, _Trail] = {}
        if open_trails and len(found):
            cost = np.array([_effort(trail, found[:, :4], look, detections) for trail in open_trails])
            # Sure faces choose first, so that a false alarm beside one does not take its box. And a track that lost its
            # face must not go on with the box of another track that is closer, unless the box is very close.
            later = np.array([[LATER if trail.score < sure else 0.0] for trail in open_trails])
            possible = (cost <= 1) & ((cost <= NEAR) | (cost == cost.min(axis=0)))
            for i, j in _least(np.where(possible, cost, FAR) + later):
                if possible[i, j]:
                    continued[j] = open_trails[i]
        for j, face in enumerate(found.astype(np.float64)):
            trail = continued.get(j)
            if trail is None:
                trails.append(trail := _Trail([], [], [], []))
            trail.looks.append(look)
            trail.boxes.append(face[:4])
            trail.scores.append(float(face[4]))
            trail.verdicts.append(int(face[5]))
    return trails


def _least(cost: Float[np.ndarray, "n m"]) -> list[tuple[int, int]]:
    """The cheapest assignment of rows to columns, as pairs of row and column."""
    if 1 in cost.shape:
        return [divmod(int(cost.argmin()), cost.shape[1])]
    from scipy.optimize import linear_sum_assignment  # loads for a quarter of a second; films of one face do without

    return [(int(i), int(j)) for i, j in zip(*linear_sum_assignment(cost), strict=True)]


def _effort(trail: _Trail, boxes: Boxes, look: int, detections: Detections) -> Float[np.ndarray, " N"]:
    """The cost of linking a trail with each box at a look."""
    elapsed = detections.times[look] - detections.times[trail.looks[-1]]
    return effort(trail.boxes[-1], boxes, STEP if detections.is_cut_between(trail.looks[-1], look) else reach(elapsed))


def reach(elapsed_s: float) -> float:
    """How far a face can move in a time, in units of its own size."""
    return min(REACH, STEP + SPEED * elapsed_s)


def effort(last: Box, boxes: Boxes, furthest: float) -> Float[np.ndarray, " N"]:
    """The cost of moving from one box to each of others: 1 for the distance `furthest`, infinite for another size.

    Args:
        last: where the face was.
        boxes: where it may be.
        furthest: how far it can move, in units of its own size.
    """
    sizes = _size(boxes) / _size(last[None])
    cost = _distance(last[None], boxes)[0] / furthest
    return np.where(np.maximum(sizes, 1 / sizes) <= GROWTH, cost, np.inf)


def _finish(number: int, trail: _Trail, detections: Detections, hole_s: float, extend_s: float) -> tuple[Track, int]:
    """Makes the track of a trail.

    Where looks between two detections found nothing, the hull of both is covered; before the first and after the last
    detection the box stays for `extend_s`, within the scene.

    Returns:
        The track, and the number of frames without a detection that it covers.
    """
    points: dict[int, Box] = dict(zip(trail.looks, _undented(trail, detections, hole_s), strict=True))
    bridged = 0
    for a, b in zip(trail.looks, trail.looks[1:], strict=False):
        if bisect.bisect_left(detections.looked, b) - bisect.bisect_left(detections.looked, a) > 1:
            hull = _hull(points[a], points[b])
            points |= dict.fromkeys(range(a + 1, b), hull)
            bridged += b - a - 1
    first, last = trail.looks[0], trail.looks[-1]
    for t in detections.scene(first):
        if t < first and detections.times[first] - detections.times[t] <= extend_s + 1e-3:
            points[t] = trail.boxes[0]
    for t in detections.scene(last):
        if t > last and detections.times[t] - detections.times[last] <= extend_s + 1e-3:
            points[t] = trail.boxes[-1]
    frames = tuple(sorted(points))
    return Track(number, frames, np.array([points[t] for t in frames]), trail.score), bridged


def _where_seen(number: int, trail: _Trail, detections: Detections, threshold: float) -> list[Track]:
    """The tracks of a doubtful trail: one for each run of looks that found it, without bridges and extensions."""
    places = {look: place for place, look in enumerate(detections.looked)}
    runs: list[list[int]] = []
    for i, look in enumerate(trail.looks):
        if trail.scores[i] < threshold:
            continue
        if runs and places[trail.looks[runs[-1][-1]]] == places[look] - 1:
            runs[-1].append(i)
        else:
            runs.append([i])
    return [
        Track(k, tuple(trail.looks[i] for i in run), np.array([trail.boxes[i] for i in run]), trail.score)
        for k, run in enumerate(runs, number)
    ]


def _undented(trail: _Trail, detections: Detections, hole_s: float) -> list[Box]:
    """The boxes of a trail, with partly hidden ones enlarged.

    A side that is shorter than it is both before and after, within half of `hole_s`, is hidden, as by a hand: the box
    is united with one interpolated between the whole boxes before and after.
    """
    times = np.array([detections.times[look] for look in trail.looks])
    boxes = np.array(trail.boxes)
    sides = boxes[:, 2:] - boxes[:, :2]
    whole = []
    for i, box in enumerate(boxes):
        first = int(np.searchsorted(times, times[i] - hole_s / 2))
        last = int(np.searchsorted(times, times[i] + hole_s / 2, side="right"))
        for axis in (0, 1):
            before, after = sides[first:i, axis], sides[i + 1 : last, axis]
            if before.size and after.size and sides[i, axis] < DENT * (level := min(before.max(), after.max())):
                a = first + int(np.flatnonzero(before >= FULL * level)[-1])
                b = i + 1 + int(np.flatnonzero(after >= FULL * level)[0])
                share = (times[i] - times[a]) / (times[b] - times[a])
                box = _hull(box, _moved_over(boxes[a] + share * (boxes[b] - boxes[a]), box))
        whole.append(box)
    return whole


def _missing(
    trails: Sequence[_Trail], detections: Detections, sure: float
) -> tuple[tuple[int, ...], tuple[int, ...], float]:
    """Finds the frames in which a face is missing.

    Returns:
        These frames; the frames of scenes in which nobody was found; and the height of the smallest missing face.
    """
    missing, empty, heights = set[int](), list[int](), list[float]()
    for scene in detections.scenes():
        here = [trail for trail in trails if trail.looks[0] < scene.stop and trail.looks[-1] >= scene.start]
        if not here:
            empty += scene
            continue
        for trail in here:
            if trail.is_sure(sure) and (lost := _unexplained(trail, here, detections, scene)):
                missing |= lost
                heights.append(min(float(box[3] - box[1]) for box in trail.boxes))
        seen = {t for trail in here for t in range(trail.looks[0], trail.looks[-1] + 1)}
        missing.update(t for t in scene if t not in seen and not _is_empty(t, here, detections))
    return tuple(sorted(missing)), tuple(empty), min(heights, default=0.0)


def _unexplained(trail: _Trail, here: Sequence[_Trail], detections: Detections, scene: range) -> set[int]:
    """The frames before a sure face came and after it went, unless it did so over the border or with a cut.

    After it went they end where a trail begins that it can have moved to; before it came, likewise.
    """
    frames: set[int] = set()
    first, last = trail.looks[0], trail.looks[-1]
    if last in scene and last < detections.last_look(scene) and not detections.at_border(trail.boxes[-1], BORDER):
        back = [other.looks[0] for other in here if _leads_to(trail, other, detections)]
        frames.update(range(last + 1, min(back, default=scene.stop)))
    if first in scene and first > scene.start and not detections.at_border(trail.boxes[0], BORDER):
        gone = [other.looks[-1] for other in here if _leads_to(other, trail, detections)]
        frames.update(range(max(gone, default=scene.start - 1) + 1, first))
    return frames


def _leads_to(gone: _Trail, back: _Trail, detections: Detections) -> bool:
    """Whether a face that is gone can have moved to where another trail begins later."""
    elapsed = detections.times[back.looks[0]] - detections.times[gone.looks[-1]]
    return elapsed > 0 and float(_distance(gone.boxes[-1][None], back.boxes[0][None])[0, 0]) <= STEP + SPEED * elapsed


def _is_empty(t: int, here: Sequence[_Trail], detections: Detections) -> bool:
    """Whether a frame may show nobody: the last face before it left over the border, and the next came over it."""
    before = [trail for trail in here if trail.looks[-1] < t]
    after = [trail for trail in here if trail.looks[0] > t]
    left = not before or detections.at_border(max(before, key=lambda trail: trail.looks[-1]).boxes[-1], BORDER)
    enters = not after or detections.at_border(min(after, key=lambda trail: trail.looks[0]).boxes[0], BORDER)
    return left and enters


def _size(boxes: Boxes) -> Float[np.ndarray, " N"]:
    return np.sqrt(np.clip(boxes[:, 2:] - boxes[:, :2], 1, None).prod(axis=-1))


def _distance(boxes: Float[np.ndarray, "N 4"], others: Float[np.ndarray, "M 4"]) -> Float[np.ndarray, "N M"]:
    """Distances of the centres, in units of the size of the larger box."""
    centres = [(b[:, :2] + b[:, 2:]) / 2 for b in (boxes, others)]
    gaps = np.linalg.norm(centres[0][:, None] - centres[1][None], axis=-1)
    return gaps / np.maximum(_size(boxes)[:, None], _size(others)[None])


def _moved_over(box: Box, other: Box) -> Box:
    """A box, moved as little as possible to cover another: an interpolated box is off where a face changes speed."""
    shift = np.maximum(other[2:] - box[2:], 0) + np.minimum(other[:2] - box[:2], 0)
    return box + np.tile(shift, 2)


def _hull(box: Box, other: Box) -> Box:
    """The smallest box around both."""
    return np.concatenate([np.minimum(box, other)[:2], np.maximum(box, other)[2:]])
