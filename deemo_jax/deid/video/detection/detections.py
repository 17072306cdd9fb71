"""What the first pass over a film found: the times of its frames, its cuts, and the faces in the frames it searched.

Axes: N faces.
"""

import bisect
import dataclasses
import itertools
from collections.abc import Mapping

import numpy as np
from jaxtyping import Float

from deemo_jax.deid.video.detection.turned_faces import UPRIGHT

# x0, y0, x1, y1, score, and what a close-up said: `NO_FACE`, `SURELY`, or 0 where there was none or it was not sure.
Faces = Float[np.ndarray, "_ 6"]
NO_FACE, SURELY = 1, -1


@dataclasses.dataclass(frozen=True, slots=True, eq=False)
class Detections:
    """What the first pass found.

    Attributes:
        width: of the pictures, pixels.
        height: of the pictures, pixels.
        times: of all frames, seconds of the clip.
        looked: numbers of the frames that were searched, ascending.
        faces: in each of them, down to the second-chance score; pixels of the picture.
        cuts: numbers of the frames that begin a scene, except the first.
        small: frame that was searched at full size -> its faces that other searches may miss; they are followed through
            the frames up to the next search at full size.
        turns: quarter turns by which all pictures were searched.
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
        """The last frame of a scene that was searched."""
        return self.looked[bisect.bisect_left(self.looked, scene.stop) - 1]

    def at_border(self, box: Float[np.ndarray, "4"], share: float) -> bool:
        """Whether a box is as close to the edge of the picture as a share of its sides."""
        limit = np.array([self.width, self.height])
        return bool((box[:2] <= share * limit).any() or (box[2:] >= (1 - share) * limit).any())
