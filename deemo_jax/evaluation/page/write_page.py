"""Writes the page that `evaluate --report` asks for."""

import dataclasses
from collections.abc import Sequence
from pathlib import Path

from deemo_jax.core.errors import UserError
from deemo_jax.core.files import atomic, check_place, open_output
from deemo_jax.core.schema import Labels, set_name
from deemo_jax.evaluation.compared_systems import System, labels_of, predictions_of, read_systems, systems_of_sets
from deemo_jax.evaluation.comparison import compare
from deemo_jax.evaluation.modality_sets import parse_sets
from deemo_jax.evaluation.output_folder import PAGE
from deemo_jax.evaluation.page.clip_material import dataset_of, read_materials
from deemo_jax.evaluation.page.frame_grid import budget
from deemo_jax.evaluation.page.judge_scores import judged_scores
from deemo_jax.evaluation.page.metadata import read_metadata
from deemo_jax.evaluation.page.page_view import MOST_CLIPS, View, view
from deemo_jax.evaluation.page.render import render
from deemo_jax.evaluation.published import TABLE_5
from deemo_jax.evaluation.reading.synonyms import label_synonyms
from deemo_jax.evaluation.truth import Truth, read_truth


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class PageRequest:
    """What a person asks for, by the flags of `evaluate --report`.

    Attributes:
        paths: runs, evaluations or files of predictions; each other system is compared with the first.
        out: folder of the page.
        modalities: sets, as `parse_sets` reads them: of one path, those that are shown; of several paths, the one that
            is shown of each. Empty for all sets of one path, and for the fullest of each of several.
        labels: of files of predictions; None for those of the runs among them.
        truth: file whose labels and persons are used in place of the systems'; None for none.
        synonyms: file of other words for labels; None for none.
        published: whether the paper's rows are shown beside.
        metadata: file by whose columns scores are grouped; None for none.
        data_dir: where the dataset lies; empty for the place that the first run's config names.
        deid: folder of de-identified films whose frames are shown; None for those of the dataset.
        include_raw_text: whether clips are shown whose words may hold names.
        overwrite: whether a page that is there is made again.
    """

    paths: Sequence[Path]
    out: Path | None
    modalities: str = ""
    labels: Labels | None = None
    truth: Path | None = None
    synonyms: Path | None = None
    published: bool = False
    metadata: Path | None = None
    data_dir: str = ""
    deid: Path | None = None
    include_raw_text: bool = False
    overwrite: bool = False


def write_page(request: PageRequest) -> tuple[Path, View]:
    """Writes the page, whole or not at all.

    Returns:
        Its path, and what it shows.

    Raises:
        UserError: nothing to show or nowhere to write to; a page is there; a file or folder is missing or malformed;
            or the systems answered different clips.
    """
    if not request.paths:
        raise UserError("name runs or files of predictions behind --report")
    if request.out is None:
        raise UserError("--report writes a page: name its folder with --out")
    path = open_output(request.out, make=False) / PAGE
    if path.exists() and not request.overwrite:
        raise UserError(f"{path}: is there already; name another folder with --out, or give --overwrite")
    check_place(request.out)
    labels = request.labels or labels_of([predictions_of(path) for path in request.paths])
    truth = read_truth(request.truth, labels) if request.truth else None
    systems = _systems(request, labels, truth)
    metadata = read_metadata(request.metadata, systems[0].rows) if request.metadata else None
    judged = judged_scores(systems)
    dataset = dataset_of(request.paths, request.data_dir)
    clips = [row.clip_id for row in systems[0].rows[:MOST_CLIPS]]
    materials = read_materials(clips, dataset, request.deid, budget(len(clips)))
    best = truth.corpus.optimal_accuracy if truth and truth.corpus else None
    found = compare(systems, labels, TABLE_5 if request.published else (), best=best)
    shown = view(
        found,
        labels,
        materials,
        metadata,
        judged,
        include_raw_text=request.include_raw_text,
        own_references=truth is None,
    )
    with atomic(path) as temporary:
        temporary.write_text(render(shown), encoding="utf-8")
    return path, shown


def _systems(request: PageRequest, labels: Labels, truth: Truth | None) -> list[System]:
    names = [set_name(chosen) for chosen in parse_sets(request.modalities)] if request.modalities else []
    synonyms = label_synonyms(request.synonyms, labels) if request.synonyms else None
    if len(request.paths) == 1:
        chosen = {name: name for name in names} or None
        return systems_of_sets(predictions_of(request.paths[0]), labels, chosen, truth, synonyms)
    if len(names) > 1:
        raise UserError("--report shows one set of each of several systems; name one with --modalities, or none")
    return read_systems(request.paths, labels, truth, names[0] if names else "", synonyms)
