"""Detections beside the masks: what two face detectors report at one place is a leak, what one alone reports is listed.

Two look at every picture. Where one of them is alone with what it sees, a third may be asked: what it reports there,
too, is a leak as well. It takes no leak of the two back.
Axes: N faces of CenterFace, M of BlazeFace, T of the third, H height, W width; a face is x0, y0, x1, y1, score.
"""

import dataclasses
from collections.abc import Sequence
from typing import Literal

import numpy as np
from jaxtyping import Bool, Float, Float32

from deemo_jax.deid.video.leak_check import outside

# Two boxes are of one place where so large a share of the smaller lies in the other: CenterFace draws boxes without the
# forehead, BlazeFace with it, so that the union would say less.
SAME_PLACE = 0.5
# So many sightings of a clip are listed; all are counted.
MOST_SIGHTINGS = 50


@dataclasses.dataclass(frozen=True, slots=True)
class Sighting:
    """A detection beside the masks.

    Attributes:
        time_s: clip time of the frame, seconds.
        who: the detector that reports it, or "both".
        score: of CenterFace where it reports it, else of BlazeFace; 0 to 1.
        box: x0, y0, x1, y1, pixels.
        third: whether the third detector reports a face there, too; None where it was not asked.
    """

    time_s: float
    who: Literal["both", "CenterFace", "BlazeFace"]
    score: float
    box: tuple[float, float, float, float]
    third: bool | None = None

    @property
    def is_leak(self) -> bool:
        """Whether two detectors agree on it."""
        return self.who == "both" or self.third is True

    @property
    def is_alone(self) -> bool:
        """Whether one of the first two reports it, and the other does not."""
        return self.who != "both"


def sightings(
    time_s: float,
    faces: Float32[np.ndarray, "N 5"],
    others: Float32[np.ndarray, "M 5"],
    hidden: Bool[np.ndarray, "H W"],
) -> list[Sighting]:
    """The detections of a frame that do not lie within covered pixels, one for each place.

    Args:
        time_s: clip time of the frame, seconds.
        faces: detections of CenterFace.
        others: detections of BlazeFace.
        hidden: the pixels that masks cover.
    """
    first, second = outside(faces, hidden), outside(others, hidden)
    same = _inside(first, second) >= SAME_PLACE
    told = [
        _sighting(time_s, "both" if row.any() else "CenterFace", face) for face, row in zip(first, same, strict=True)
    ]
    return told + [_sighting(time_s, "BlazeFace", face) for face in second[~same.any(axis=0)]]


def confirmed(
    seen: Sequence[Sighting], thirds: Float32[np.ndarray, "T 5"], hidden: Bool[np.ndarray, "H W"]
) -> list[Sighting]:
    """The sightings of a frame once the third detector has looked at it, too; what both report stays as it is.

    Args:
        seen: the sightings of the frame.
        thirds: detections of the third detector.
        hidden: the pixels that masks cover.
    """
    boxes = np.array([[*s.box, s.score] for s in seen], np.float32).reshape(-1, 5)
    same = _inside(boxes, outside(thirds, hidden)) >= SAME_PLACE
    return [
        dataclasses.replace(s, third=bool(row.any())) if s.is_alone else s for s, row in zip(seen, same, strict=True)
    ]


def _sighting(
    time_s: float, who: Literal["both", "CenterFace", "BlazeFace"], face: Float32[np.ndarray, "5"]
) -> Sighting:
    x0, y0, x1, y1 = (round(float(x), 1) for x in face[:4])
    return Sighting(round(time_s, 3), who, round(float(face[4]), 3), (x0, y0, x1, y1))


def _inside(first: Float32[np.ndarray, "N 5"], second: Float32[np.ndarray, "M 5"]) -> Float[np.ndarray, "N M"]:
    """The share of the smaller box of each pair that lies in the other."""
    near = np.maximum(first[:, None, :2], second[None, :, :2])
    far = np.minimum(first[:, None, 2:4], second[None, :, 2:4])
    common = np.clip(far - near, 0, None).prod(axis=-1)
    areas = [np.maximum((faces[:, 2:4] - faces[:, :2]).prod(axis=-1), 1e-9) for faces in (first, second)]
    return common / np.minimum(areas[0][:, None], areas[1][None])
