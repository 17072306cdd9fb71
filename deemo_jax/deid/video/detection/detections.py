"""What the first pass over a video found: its frame times, its cuts, and the faces at the frames that were searched.

Axes: N faces.
"""

import bisect
import dataclasses
import itertools
from collections.abc import Mapping

import numpy as np
from jaxtyping import Float

from deemo_jax.deid.video.detection.turned_faces import UPRIGHT

# Corners, score, and what a close-up said (`close_up.py`): `NO_FACE`, `SURELY`, or 0 where it was not
# asked or not sure.
Faces = Float[np.ndarray, "_ 6"]
NO_FACE, SURELY = 1, -1


@dataclasses.dataclass(frozen=True, slots=True, eq=False)
class Detections:
    """What the first pass saw.

    Attributes:
        width: of the picture, pixels.
        height: of the picture, pixels.
        times: of all frames, clip seconds.
        looked: frames at which the detector looked, ascending.
        faces: at each of them, down to the second-chance score; pixels of the picture.
        cuts: frames that begin a scene, but for the first.
        small: at the frames that were looked at in full size, the faces that are to be looked for in those between,
            since other looks may not see them.
        turns: quarter turns by which the pictures were looked at.
    """

    width: int
    height: int
    times: tuple[float, ...]
    looked: tuple[int, ...]
    faces: tuple[Faces, ...]
    cuts: tuple[int, ...] = ()
    small: Mapping[int, Faces] = dataclasses.field(default_factory=dict)
    turns: tuple[int, ...] = UPRIGHT

    def scenes(self) -> list[range]:
        """The frames between cuts."""
        edges = [0, *self.cuts, len(self.times)]
        return [range(a, b) for a, b in itertools.pairwise(edges)]

    def scene(self, frame: int) -> range:
        """The scene that a frame belongs to."""
        return self.scenes()[bisect.bisect_right(self.cuts, frame)]

    def is_cut_between(self, frame: int, later: int) -> bool:
        """Whether a scene begins after `frame` and not after `later`."""
        return bisect.bisect_right(self.cuts, later) > bisect.bisect_right(self.cuts, frame)

    def last_look(self, scene: range) -> int:
        """The last frame of a scene that was looked at."""
        return self.looked[bisect.bisect_left(self.looked, scene.stop) - 1]

    def at_border(self, box: Float[np.ndarray, "4"], share: float) -> bool:
        """Whether a box comes that near to the edge of the picture."""
        limit = np.array([self.width, self.height])
        return bool((box[:2] <= share * limit).any() or (box[2:] >= (1 - share) * limit).any())
