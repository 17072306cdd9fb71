"""How a folder is audited, as one value."""

import dataclasses
from pathlib import Path
from typing import TYPE_CHECKING

from deemo_jax.audit.folder_check import CLIPS
from deemo_jax.audit.human_check import FRAMES
from deemo_jax.deid.settings import VOICES

if TYPE_CHECKING:
    from deemo_jax.audit.attacks.ears.speaker_encoder import SpeakerEncoder
    from deemo_jax.audit.attacks.embedders import FaceEmbedder
    from deemo_jax.audit.attacks.words.words_attack import WordsAttack
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
        workers: processes; with 0 all work is done in this process, which a damaged file may crash. Encoders that are
            given as objects always work in this process.
        every: face detectors search one frame of so many.
        text: whether text beside the masks is searched for in these frames, too.
        detector: a third face detector, asked about what one of the two sees alone: "mtcnn", or the ONNX file of a
            YuNet (`detectors.given_detector`). The report has its curves, too.
        report: whether the long parts are measured and the page is written. All fields below are for them.
        certificate: whether the certificate is written, too, which needs the long parts.
        command: the words of the command line, for the certificate; empty where there is none.
        attacks: whether attackers are tried on voices and faces. The next four are for them.
        face_embedder: what attackers tell faces apart with: "dlib", an ONNX file (`embedders.OnnxEmbedder`), "grey", or
            an object (`embedders.FaceEmbedder`); None for the installed dlib.
        speaker_encoder: what attackers tell voices apart with: Resemblyzer's file or wheel, an ONNX file
            (`onnx_encoder.OnnxEncoder`), or an object (`speaker_encoder.SpeakerEncoder`); None for the installed
            Resemblyzer.
        voices: methods to attack, as `attacked_voice.AttackedVoice.named` has them.
        words: transcripts that are attacked, and by whom; None for none.
        towers: frozen encoders for the probes of what use is left; None leaves these out.
        clips: clips for those probes, at most.
        sheet: frames on the sheets of the human check.
    """

    workers: int = 0
    every: int = 1
    text: bool = False
    detector: Path | str | None = None
    report: bool = False
    certificate: bool = False
    command: tuple[str, ...] = ()
    attacks: bool = False
    face_embedder: "str | FaceEmbedder | None" = None
    speaker_encoder: "Path | SpeakerEncoder | None" = None
    voices: tuple[str, ...] = VOICES
    words: "WordsAttack | None" = None
    towers: "Towers | None" = None
    clips: int = CLIPS
    sheet: int = FRAMES


DEFAULT = AuditOptions()
