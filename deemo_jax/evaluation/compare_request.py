"""One table of runs and files of predictions, as `evaluate --compare` asks for it: the paper's Table 5."""

import dataclasses
from collections.abc import Sequence
from pathlib import Path

from deemo_jax.core.errors import UserError
from deemo_jax.core.schema import Labels, set_name
from deemo_jax.evaluation import comparison_report
from deemo_jax.evaluation.compared_systems import labels_of, predictions_of, read_systems
from deemo_jax.evaluation.comparison import Comparison, compare
from deemo_jax.evaluation.judge.joined_scores import joined_scores
from deemo_jax.evaluation.modality_sets import parse_sets
from deemo_jax.evaluation.published import TABLE_5
from deemo_jax.evaluation.reading.synonyms import label_synonyms
from deemo_jax.evaluation.truth import read_truth


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class CompareRequest:
    """What a person asks for, by the flags of `evaluate --compare`.

    Attributes:
        paths: runs, evaluations or files of predictions; each other one is compared with the first.
        modalities: one set, as `parse_sets` reads it; empty for the fullest of each system.
        labels: of files of predictions; None for those of the runs among them.
        truth: file whose labels are used in place of the systems'; None for none.
        synonyms: file of other words for labels; None for none.
        published: whether the paper's rows are shown beside.
        out: folder of the table; None to write nothing.
        overwrite: whether a table that is there is made again.
    """

    paths: Sequence[Path]
    modalities: str = ""
    labels: Labels | None = None
    truth: Path | None = None
    synonyms: Path | None = None
    published: bool = False
    out: Path | None = None
    overwrite: bool = False


def compare_systems(request: CompareRequest) -> Comparison:
    """Reads systems, compares the first with each other one, and writes the table where `out` names a folder.

    Raises:
        UserError: no system, or more than one modality set, is named; as `read_systems` and `comparison_report.write`.
    """
    if not request.paths:
        raise UserError("name runs or files of predictions behind --compare")
    sets = parse_sets(request.modalities) if request.modalities else []
    if len(sets) > 1:
        raise UserError(
            "--compare compares one set; name one with --modalities, or none for the fullest of each system"
        )
    labels = request.labels or labels_of([predictions_of(path) for path in request.paths])
    truth = read_truth(request.truth, labels) if request.truth else None
    synonyms = label_synonyms(request.synonyms, labels) if request.synonyms else None
    systems = read_systems(request.paths, labels, truth, set_name(sets[0]) if sets else "", synonyms)
    found = compare(systems, labels, TABLE_5 if request.published else (), judged=joined_scores(systems))
    if request.out:
        comparison_report.write(found, request.out, overwrite=request.overwrite)
    return found
