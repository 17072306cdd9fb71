"""Frames between two searched ones: where the same faces are found before and after, at rest, they are not searched."""

from collections.abc import Iterable, Iterator

from deemo_jax.deid.video.detection.boxes import overlaps
from deemo_jax.deid.video.detection.detections import Faces
from deemo_jax.deid.video.detection.frame_search import FrameDetections, FrameToSearch

# Share of their union above which two boxes are of a face that has moved by less than a tenth of its size.
AT_REST = 0.8


def where_faces_move(
    looks: Iterable[tuple[FrameToSearch, FrameDetections | None]], threshold: float
) -> Iterator[FrameToSearch]:
    """The frames between two searched ones in which faces may be elsewhere than on the way from the one to the other.

    These are all, unless both searched frames are of one scene and show the same faces, of which none moves. While
    small faces are followed, which not every search finds, none is left out.

    Args:
        looks: frames in order, with what is found in them; None for those between.
        threshold: score from which a detection counts.
    """
    waiting: list[FrameToSearch] = []
    before: Faces | None = None
    has_small = False
    for asked, seen in looks:
        if seen is None:
            waiting.append(asked)
            continue
        faces = seen.faces[seen.faces[:, 4] >= threshold]
        if before is None or has_small or asked.begins_scene or not are_at_rest(before, faces):
            yield from waiting
        waiting, before = [], faces
        has_small = has_small if seen.small is None else len(seen.small) > 0
    yield from waiting


def are_at_rest(before: Faces, after: Faces) -> bool:
    """Whether there are faces, and all of them are at the same places in both."""
    same = overlaps(before, after, AT_REST)
    return 0 < len(before) == len(after) and bool(same.any(axis=0).all() and same.any(axis=1).all())
