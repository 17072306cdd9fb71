"""What the audit's detectors see beside the masks of a picture: two of them look at it, and a third where they differ.

Axes: H height, W width.
"""

import dataclasses

import numpy as np
from jaxtyping import Bool

from deemo_jax.audit.face_detection.agreement import Sighting, confirmed, sightings
from deemo_jax.audit.face_detection.detectors import Detector
from deemo_jax.media.picture import RgbPicture


@dataclasses.dataclass(frozen=True, slots=True)
class Lookers:
    """The detectors.

    Attributes:
        centerface: from which the masks come.
        blazeface: has no say in the masks.
        third: shown those pictures in which one of the two sees what the other does not; None for none. It sees them
            whole: in parts of a picture MTCNN reports other things than in the picture.
    """

    centerface: Detector
    blazeface: Detector
    third: Detector | None = None

    def __call__(
        self, picture: RgbPicture, time_s: float, hidden: Bool[np.ndarray, "H W"]
    ) -> tuple[list[Sighting], int]:
        """Looks at a picture.

        Args:
            picture: of a clip.
            time_s: its clip time, seconds.
            hidden: the pixels that masks cover.

        Returns:
            What is seen beside the masks, and how many faces CenterFace reports anywhere.
        """
        faces = self.centerface(picture)
        seen = sightings(time_s, faces, self.blazeface(picture), hidden)
        if self.third is not None and any(s.is_alone for s in seen):
            seen = confirmed(seen, self.third(picture), hidden)
        return seen, len(faces)
