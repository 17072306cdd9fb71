"""The published rows of Tables 4 and 5 of the DEEMO paper (arXiv 2504.19549), for a comparison with one's own."""

import dataclasses
from typing import Any

VT, VAT = "video,transcript", "audio,video,transcript"
# Test clips of DEEMO-MER, on which all rows were scored.
CLIPS = 831


@dataclasses.dataclass(frozen=True, slots=True)
class PublishedRow:
    """A row of a table of the paper.

    Attributes:
        table: its number.
        method: its name in Table 5; in Table 4, letters for what it was given.
        modalities: what it was given: V, A, T and N (NFBL).
        accuracy: 0 to 1.
        f1_weighted: 0 to 1; the paper's F1 is that of scikit-learn's average "weighted".
        clue_overlap, label_overlap: 1 to 10, by gpt-4o-mini-2024-07-18 as the judge; None in Table 4.
    """

    table: int
    method: str
    modalities: str
    accuracy: float
    f1_weighted: float
    clue_overlap: float | None = None
    label_overlap: float | None = None

    def to_json(self) -> dict[str, Any]:
        """The row as comparison.json has it."""
        return dataclasses.asdict(self)


TABLE_5 = tuple(
    PublishedRow(5, method, modalities, round(accuracy / 100, 4), round(f1 / 100, 4), clue, label)
    for method, modalities, accuracy, f1, clue, label in (
        ("VideoChatGPT", VT, 63.09, 58.34, 5.43, 7.14),
        ("Video-LLaVA", VT, 60.53, 48.35, 5.18, 7.12),
        ("Chat-UniVi", VT, 58.24, 43.50, 5.18, 6.60),
        ("Movie-Chat", VT, 57.49, 43.31, 5.04, 6.45),
        ("Video-LLaMA", VAT, 64.46, 61.83, 5.39, 6.92),
        ("PandaGPT", VAT, 61.49, 52.61, 5.45, 6.77),
        ("Emotion-LLaMA", VAT, 63.41, 61.58, 5.41, 7.22),
        ("AffectGPT", VAT, 64.74, 62.09, 5.12, 6.66),
        ("DEEMO-LLaMA", VAT, 74.49, 74.45, 6.20, 7.66),
    )
)

# With different inputs to one model.
TABLE_4 = tuple(
    PublishedRow(4, letters, modalities, round(accuracy / 100, 4), round(f1 / 100, 4))
    for letters, modalities, accuracy, f1 in (
        ("V", "video", 44.77, 32.98),
        ("A", "audio", 53.19, 50.12),
        ("N", "nfbl", 53.19, 52.14),
        ("T", "transcript", 66.67, 63.13),
        ("TV", VT, 70.16, 69.32),
        ("TVA", VAT, 74.49, 74.45),
        ("TVAN", "all", 75.29, 75.21),
    )
)
