"""Tracks as a file that a person can read and correct: NAME.tracks.json beside the clip.

A track is a list of points, [frame, x0, y0, x1, y1]; between two points the box moves in a straight line, before the
first and after the last there is none. To correct: move, delete or add points, delete or add tracks, and take out of
`missing` the frames that may stay as they are. `deidentify SOURCE --tracks FILE` covers what the file says and searches
for no others; from then on `corrected` is true, and later runs make the clip from this file, too. The clip is still
refused where something beside the tracks surely is a face, unless a box in `not_faces`, [x0, y0, x1, y1], contains it.
"""

import json
import os
from pathlib import Path
from typing import Any

import numpy as np

from deemo_jax.core import files
from deemo_jax.core.errors import UserError
from deemo_jax.core.schema import close_key
from deemo_jax.deid.video.tracks import Plan, Track

VERSION = 2
# Keys of a file of tracks.
KEYS = frozenset(
    ("version", "source_sha256", "corrected", "width", "height", "frames", "missing", "not_faces", "tracks")
)
MAX_TRACKS = 10_000
# Coordinates beyond this, in pixels, are refused, and so are NaN and infinity.
FARTHEST = 1e7


def write_tracks(
    path: str | os.PathLike[str],
    plan: Plan,
    frames: int,
    size: tuple[int, int],
    source_sha256: str,
    corrected: bool,
    start_s: float = 0.0,
) -> None:
    """Writes the tracks of a clip, a point a line; whole or not at all.

    Args:
        path: of the file.
        plan: the tracks, and the frames in which a face is missing.
        frames: how many the clip has.
        size: width and height of its pictures, pixels.
        source_sha256: of the raw file.
        corrected: whether a person has changed the tracks.
        start_s: where the clip starts in the raw file, seconds.
    """
    row = {"version": VERSION, "source_sha256": source_sha256, "corrected": corrected}
    row |= {"start_s": start_s} if start_s else {}
    row |= {"width": size[0], "height": size[1], "frames": frames}
    row |= {"missing": plan.missing, "not_faces": plan.not_faces}
    head = ",\n ".join(f"{json.dumps(key)}: {json.dumps(value)}" for key, value in row.items())
    tracks = ",\n".join(_track_text(track) for track in plan.tracks)
    with files.atomic(path) as temporary:
        temporary.write_text(f'{{{head},\n "tracks": [\n{tracks}\n]}}\n', encoding="utf-8")


def _track_text(track: Track) -> str:
    points = [
        json.dumps([frame, *(round(x, 1) for x in box)])
        for frame, box in zip(track.frames, track.boxes.tolist(), strict=True)
    ]
    lines = ",\n   ".join(points)
    return f'  {{"track": {track.number}, "score": {track.score:.3f}, "points": [\n   {lines}]}}'


def read_row(path: str | os.PathLike[str]) -> dict[str, Any]:
    """Reads a file of tracks and checks nothing but its version.

    Raises:
        UserError: it is missing, too large, no JSON, or of another version.
    """
    row = files.read_json(path)
    if not isinstance(row, dict) or row.get("version") != VERSION:
        raise UserError(f"{path}: no file of tracks of version {VERSION}")
    return row


def load_tracks(
    path: str | os.PathLike[str],
    frames: int,
    size: tuple[int, int],
    source_sha256: str | None = None,
    start_s: float = 0.0,
) -> Plan:
    """Reads the tracks of a clip, corrected or not.

    Args:
        path: of the file.
        frames: how many the clip has.
        size: width and height of its pictures, pixels.
        source_sha256: of the raw file that they must be of; None for any.
        start_s: where the clip starts in it, seconds.

    Raises:
        UserError: the file is missing, of another version or clip, or malformed; the message names the track.
    """
    row = read_row(path)
    if (found := (row.get("frames"), row.get("width"), row.get("height"))) != (frames, *size):
        raise UserError(
            f"{path}: tracks of {found[0]} frames of {found[1]}x{found[2]}, but the clip has {frames} of"
            f" {size[0]}x{size[1]}; is it this clip's?"
        )
    if source_sha256 is not None and (row.get("source_sha256"), row.get("start_s", 0.0)) != (source_sha256, start_s):
        raise UserError(f"{path}: the tracks of another clip; give those that were written for this one")
    for key in row.keys() - KEYS:
        if meant := close_key(key, KEYS - row.keys()):
            raise UserError(f"{path}: the key {key!r} is not known; is {meant!r} meant?")
    rows, missing, not_faces = row.get("tracks"), row.get("missing"), row.get("not_faces", [])
    if not isinstance(rows, list) or len(rows) > MAX_TRACKS or not isinstance(missing, list):
        raise UserError(f'{path}: needs the lists "tracks" (at most {MAX_TRACKS}) and "missing"')
    if any(type(t) is not int or not 0 <= t < frames for t in missing):
        raise UserError(f'{path}: "missing" lists frames, whole numbers from 0 to {frames - 1}')
    if not isinstance(not_faces, list) or not all(_is_box(box) for box in not_faces):
        raise UserError(f'{path}: "not_faces" lists boxes, [x0, y0, x1, y1]')
    tracks = tuple(_track(entry, number, Path(path), frames) for number, entry in enumerate(rows, 1))
    return Plan(
        tracks,
        tuple(sorted(set(missing))),
        found=sum(len(track.frames) for track in tracks),
        min_score=min((t.score for t in tracks), default=0.0),
        not_faces=tuple(map(tuple, not_faces)),
    )


def _is_box(box: Any) -> bool:
    return isinstance(box, list) and len(box) == 4 and all(_is_place(x) for x in box)


def _is_place(x: Any) -> bool:
    return type(x) in (int, float) and abs(x) <= FARTHEST


def _track(entry: Any, number: int, path: Path, frames: int) -> Track:
    points = entry.get("points") if isinstance(entry, dict) else None
    if not isinstance(points, list) or not points or not all(isinstance(p, list) and len(p) == 5 for p in points):
        points = [[None]]
    if not all(_is_place(x) for p in points for x in p):
        raise UserError(f"{path}: track {number}: points are five numbers, frame, x0, y0, x1, y1")
    order = [p[0] for p in points]
    if any(type(t) is not int or not 0 <= t < frames for t in order) or sorted(set(order)) != order:
        raise UserError(f"{path}: track {number}: frames ascend, whole numbers from 0 to {frames - 1}")
    boxes = np.array([p[1:] for p in points], np.float64)
    if (boxes[:, 2:] <= boxes[:, :2]).any():
        raise UserError(f"{path}: track {number}: a box needs x0 < x1 and y0 < y1")
    score = entry.get("score", 1.0)
    known = type(score) in (int, float) and 0 <= score <= 1
    return Track(number, tuple(order), boxes, float(score) if known else 1.0)
