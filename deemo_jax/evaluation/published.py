"""The published rows of Table 5 of the DEEMO paper (arXiv 2504.19549), for a comparison with one's own."""

import dataclasses
from typing import Any

VT, VAT = "video,transcript", "audio,video,transcript"
# Test clips of DEEMO-MER, on which all rows were scored.
CLIPS = 831


@dataclasses.dataclass(frozen=True, slots=True)
class PublishedRow:
    """A row of the paper's table.

    Attributes:
        method: its name there.
        modalities: what it was given; V, A and T in the paper.
        accuracy: 0 to 1.
        f1_weighted: 0 to 1; the paper's F1 is that of scikit-learn's average "weighted".
    """

    method: str
    modalities: str
    accuracy: float
    f1_weighted: float

    def to_json(self) -> dict[str, Any]:
        """The row as comparison.json has it."""
        return dataclasses.asdict(self)


TABLE_5 = tuple(
    PublishedRow(method, modalities, round(accuracy / 100, 4), round(f1 / 100, 4))
    for method, modalities, accuracy, f1 in (
        ("VideoChatGPT", VT, 63.09, 58.34),
        ("Video-LLaVA", VT, 60.53, 48.35),
        ("Chat-UniVi", VT, 58.24, 43.50),
        ("Movie-Chat", VT, 57.49, 43.31),
        ("Video-LLaMA", VAT, 64.46, 61.83),
        ("PandaGPT", VAT, 61.49, 52.61),
        ("Emotion-LLaMA", VAT, 63.41, 61.58),
        ("AffectGPT", VAT, 64.74, 62.09),
        ("DEEMO-LLaMA", VAT, 74.49, 74.45),
    )
)
