"""Labels that answers state beside the labels whose statements are likeliest, on the same clips."""

import dataclasses
from collections.abc import Sequence
from typing import Any

import numpy as np

from deemo_jax.core.schema import DEEMO_LABELS, Labels
from deemo_jax.core.stats import Interval
from deemo_jax.evaluation.predictions import PROTOCOLS, Prediction, indices, label_of, persons
from deemo_jax.evaluation.scores.clustered import clustered
from deemo_jax.evaluation.scores.metrics import Recognition, recognition


@dataclasses.dataclass(frozen=True, slots=True)
class ProtocolScores:
    """Both protocols on one modality set.

    Attributes:
        answer, likelihood: recognition by each; what a protocol has no label for is unparsed, and wrong.
        agreement: share of clips for which both give the same label, of those for which each gives one.
        both: how many these are.
    """

    answer: Recognition
    likelihood: Recognition
    agreement: Interval
    both: int

    def to_json(self) -> dict[str, Any]:
        """The scores as recognition.json has them."""
        return {
            **{name: getattr(self, name).to_json() for name in PROTOCOLS},
            "agreement": self.agreement.value if self.both else None,
            "agreement_interval": self.agreement.bounds(),
            "both": self.both,
        }


def protocol_scores(rows: Sequence[Prediction], labels: Labels = DEEMO_LABELS) -> ProtocolScores | None:
    """Scores one modality set by both protocols; None where one of them has no label for any clip."""
    true, of_person = indices([row.emotion_true for row in rows], labels), persons(rows)
    said = {protocol: indices([label_of(row, protocol) for row in rows], labels) for protocol in PROTOCOLS}
    if any((one == len(labels)).all() for one in said.values()):
        return None
    known = (said["answer"] < len(labels)) & (said["likelihood"] < len(labels))
    alike = known & (said["answer"] == said["likelihood"])
    return ProtocolScores(
        **{protocol: recognition(true, one, labels, of_person) for protocol, one in said.items()},
        agreement=clustered(_share, np.stack([alike, known], axis=1).astype(np.float64), of_person),
        both=int(known.sum()),
    )


def _share(sums: np.ndarray) -> np.ndarray:
    """Hits of looks; NaN where there are none."""
    return np.divide(sums[:, 0], sums[:, 1], out=np.full(len(sums), np.nan), where=sums[:, 1] > 0)
