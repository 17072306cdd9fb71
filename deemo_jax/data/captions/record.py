"""The record of one row: the one function that every way of building a caption dataset calls."""

import dataclasses
import functools
import json
from pathlib import Path
from typing import Any

import av
import cv2
import onnxruntime
from PIL import Image

from deemo_jax.core.files import sha256
from deemo_jax.core.schema import ABSENT, RAW_TRANSCRIPT
from deemo_jax.core.versions import version
from deemo_jax.data.build.records import JPEG_QUALITY, encode_jpeg
from deemo_jax.data.captions.faces import ENLARGED, SETTINGS, stored_frame
from deemo_jax.data.captions.media import MediaError, media_file, pictures
from deemo_jax.data.captions.rows import Entry, SkippedRow
from deemo_jax.data.captions.turn_row import TurnRow
from deemo_jax.deid.video.detection.face_network import model_path

KEPT = "faces kept, as they are in the source"
COVERED = (
    f"deemo_jax {SETTINGS.mask}, CenterFace {SETTINGS.threshold:g}, each stored frame searched alone, small ones"
    f" enlarged {ENLARGED} times"
)


@dataclasses.dataclass(frozen=True, slots=True)
class RecordMaker:
    """Makes records; a function of a row and its media alone, which can be pickled.

    Attributes:
        media: the folder that paths of rows are relative to.
        frames: F, frames stored of a video, at most; an image has one.
        keep_faces: whether faces stay visible, as in the paper's stage 1.
    """

    media: Path
    frames: int = 8
    keep_faces: bool = False

    def __call__(self, entry: Entry) -> dict[str, Any] | SkippedRow:
        """The features of the row's kind of records, frames as JPEG bytes; or why there are none."""
        if isinstance(entry, SkippedRow):
            return entry
        settings = None if self.keep_faces else SETTINGS
        try:
            with media_file(entry, self.media) as path:
                made = [stored_frame(picture, settings) for picture in pictures(path, self.frames)]
        except MediaError as error:
            return SkippedRow(entry.clip_id, error.kind, str(error))
        return {
            "clip_id": entry.clip_id,
            "media": f"{entry.archive}:{entry.media}" if entry.archive else entry.media,
            "frames": [encode_jpeg(image) for image, _ in made],
            "faces": sum(count for _, count in made),
            **entry.texts(),
            "provenance": {
                "video": KEPT if self.keep_faces else COVERED,
                "audio": ABSENT,
                "transcript": RAW_TRANSCRIPT,
                "source": "instructions" if isinstance(entry, TurnRow) else "captions",
                "settings": json.dumps(self.settings(), sort_keys=True),
                "software": _software(self.keep_faces),
            },
        }

    def settings(self) -> dict[str, Any]:
        """What determines a record beside its row and media, as JSON has it."""
        made: dict[str, Any] = {"frames": self.frames, "jpeg_quality": JPEG_QUALITY, "keep_faces": self.keep_faces}
        if not self.keep_faces:
            made |= {name: getattr(SETTINGS, name) for name in ("mask", "threshold", "margin", "smallest_face")}
            made["enlarged"] = ENLARGED
        return made


@functools.cache
def _software(keep_faces: bool) -> str:
    """Versions of what reads and changes pixels, as JSON."""
    used = {
        "deemo_jax": version("deemo-jax", absent="source tree"),
        "av": av.__version__,
        "cv2": cv2.__version__,
        "pillow": Image.__version__,
    }
    if not keep_faces:
        used |= {"onnxruntime": onnxruntime.__version__, "centerface_sha256": sha256(model_path())}
    return json.dumps(used, sort_keys=True)
