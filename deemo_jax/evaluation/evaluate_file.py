"""Scores a file of predictions, of whatever system; no model is needed."""

import dataclasses
from pathlib import Path
from typing import Any

from deemo_jax.core.errors import UserError
from deemo_jax.core.files import sha256
from deemo_jax.core.schema import DEEMO_LABELS, Labels
from deemo_jax.evaluation import output_folder, report, results
from deemo_jax.evaluation.predictions import Protocol, by_set, read_predictions
from deemo_jax.evaluation.reading.synonyms import label_synonyms
from deemo_jax.evaluation.results import Results
from deemo_jax.evaluation.truth import read_truth


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class FileRequest:
    """What a person asks for; see `python -m deemo_jax.evaluate --help`.

    Attributes:
        predictions: JSON lines.
        truth: a file that overrules the labels in the predictions; None for none.
        labels: the emotions that both name.
        synonyms: a file of other words for labels, by which answers are read; None for none.
        workdir: the evaluation gets a folder below its `evaluation/`; None for none.
        out: the folder of the evaluation instead. Without either, nothing is written.
        overwrite: removes another evaluation that is there.
        protocol: how labels are got from predictions.
    """

    predictions: Path
    truth: Path | None = None
    labels: Labels = DEEMO_LABELS
    synonyms: Path | None = None
    workdir: Path | None = None
    out: Path | None = None
    overwrite: bool = False
    protocol: Protocol = "answer"


def evaluate_file(request: FileRequest) -> tuple[Results, Path | None]:
    """Scores the predictions.

    Returns:
        The scores, and the folder that they were written to; None where none was asked for.

    Raises:
        UserError: a file is missing or malformed, the workdir holds a run of its own, or the folder another evaluation.
    """
    file, labels, workdir = request.predictions, request.labels, request.workdir
    if workdir and (workdir / "config.json").exists():
        raise UserError(f"{workdir}: holds a run of its own; give the scores of {file} another --workdir")
    truth = read_truth(request.truth, labels) if request.truth else None
    synonyms = label_synonyms(request.synonyms, labels) if request.synonyms else None
    rows = list(read_predictions(file, truth, labels, synonyms, request.protocol))
    clips = len({row.clip_id for row in rows})
    notes = (f"{clips} of the {len(truth.rows)} clips in {request.truth} were predicted and scored.",) if truth else ()
    found = results.score(
        by_set(rows), f"Predictions of {file}", notes, truth=truth, labels=labels, protocol=request.protocol
    )
    stamp: dict[str, Any] = {"predictions": sha256(file), "truth": sha256(request.truth) if request.truth else ""}
    # DEEMO's labels are left out, so that an evaluation by a version that knew no others is found.
    stamp |= {} if labels == DEEMO_LABELS else {"labels": list(labels)}
    stamp |= {} if request.protocol == "answer" else {"protocol": request.protocol}
    stamp |= {"synonyms": sha256(request.synonyms)} if request.synonyms else {}
    if request.out:
        folder = request.out
    elif workdir:
        folder = output_folder.place(workdir / "evaluation", file.stem, stamp)
    else:
        return found, None
    output_folder.check(folder, stamp, overwrite=request.overwrite)
    if request.overwrite:
        output_folder.clear(folder, keep=file)
    output_folder.begin(folder, stamp)
    report.write(found, folder)
    return found, folder
