"""How a folder is audited, as one value."""

import dataclasses
from pathlib import Path
from typing import TYPE_CHECKING

from deemo_jax.audit.folder_check import CLIPS
from deemo_jax.audit.human_check import FRAMES

if TYPE_CHECKING:
    from deemo_jax.audit.attacks.embedders import FaceEmbedder
    from deemo_jax.audit.attacks.speaker_encoder import SpeakerEncoder
    from deemo_jax.audit.utility.frozen_encoders import Towers


@dataclasses.dataclass(frozen=True)
class AuditOptions:
    """How a folder is audited.

    Attackers of one's own are objects with one method. From Python:

        class Ear:
            def embed(self, waveform, sample_rate):  # float32 (n,) in [-1, 1], 16000
                return my_speaker_model(waveform)  # a vector of any length

        class Eye:
            def embed(self, crop):  # uint8 (H, W, 3), RGB, of any size
                return my_face_model(crop)

        options = AuditOptions(report=True, attacks=True, speaker_encoder=Ear(), face_embedder=Eye())
        found = audit(Path("deid"), Path("truth.jsonl"), Path("raw"), options)

    Attributes:
        workers: processes; objects that are given work in this one. With 0 it is this one alone, which a damaged file
            may end.
        every: detectors look at one frame of so many.
        report: whether the long parts are measured too, and the page is written. All that follows is for them.
        detector: an ONNX file of one more face detector (`detectors.YuNet`).
        attacks: whether attackers are tried on voices and faces. The next two are for them.
        face_embedder: an ONNX file (`embedders.OnnxEmbedder`), "grey", or an object (`embedders.FaceEmbedder`).
        speaker_encoder: what the attacker hears with, an object (`speaker_encoder.SpeakerEncoder`); None: the
            project's own.
        towers: frozen encoders for the probes of what use is left; None leaves them out.
        clips: at most so many clips for those.
        sheet: frames for the human check.
    """

    workers: int = 0
    every: int = 1
    report: bool = False
    detector: Path | None = None
    attacks: bool = False
    face_embedder: "str | FaceEmbedder | None" = None
    speaker_encoder: "SpeakerEncoder | None" = None
    towers: "Towers | None" = None
    clips: int = CLIPS
    sheet: int = FRAMES


DEFAULT = AuditOptions()
