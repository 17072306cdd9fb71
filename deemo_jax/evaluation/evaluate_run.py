"""Evaluates a run: answers and scores; a finished evaluation is read, and an interrupted one goes on."""

import dataclasses
import functools
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import jax

from deemo_jax.core.errors import UserError
from deemo_jax.core.files import check_place, read_json, sha256, write_jsonl
from deemo_jax.core.recipe import DataRecipe
from deemo_jax.core.schema import Modality, set_name
from deemo_jax.data import fingerprint
from deemo_jax.data.clip_source import ClipSource, dataset_labels, open_builder
from deemo_jax.data.run_data import check_run
from deemo_jax.evaluation import model_card, output_folder, report, results
from deemo_jax.evaluation.answer_log import AnswerLog
from deemo_jax.evaluation.answer_split import answer_split
from deemo_jax.evaluation.calibrate import calibrate
from deemo_jax.evaluation.modality_sets import allowed_sets
from deemo_jax.evaluation.output_folder import Setting
from deemo_jax.evaluation.predictions import by_set, read_predictions, with_truth
from deemo_jax.evaluation.results import Results
from deemo_jax.evaluation.truth import Truth, read_truth
from deemo_jax.generation import calibration as calibrations
from deemo_jax.generation.calibration import Calibration
from deemo_jax.generation.load import checkpoint_identity, chosen_step, load_run, read_recipe


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class EvaluationRequest:
    """What a person asks for, by the flags of `evaluate --workdir`.

    Attributes:
        workdir: of the run.
        sets: modality sets, as `modality_sets.parse_sets` reads them; empty for all that the run is shown, and for
            transcript, video and audio alone.
        split: of the dataset; empty for the recipe's test split.
        limit: clips, at most; 0 for all.
        step: of the checkpoint; None for the newest.
        batch_size: clips at once; they are divided over as many devices as divide it.
        max_new_tokens: tokens of an answer, at most.
        data_dir: folder of the dataset; empty for the one that the run's config names.
        accept_data_change, verify_data: see `deemo_jax.data.run_data.check_run`.
        truth: file whose labels are used in place of the dataset's; None for none.
        out: folder of the evaluation; None for one below the workdir's `evaluation/`.
        overwrite: whether an evaluation that is there is made again.
        calibrate: whether temperatures are learnt; None to learn them where there are none and the whole split is
            evaluated.
    """

    workdir: Path
    sets: str = ""
    split: str = ""
    limit: int = 0
    step: int | None = None
    batch_size: int = 32
    max_new_tokens: int = 160
    data_dir: str = ""
    accept_data_change: bool = False
    verify_data: bool = False
    truth: Path | None = None
    out: Path | None = None
    overwrite: bool = False
    calibrate: bool | None = None


def evaluate_run(request: EvaluationRequest) -> tuple[Results, Path, bool]:
    """Answers and scores a run.

    An interrupted evaluation goes on where it stopped, with the same result. A finished one is read, not made again. Of
    two processes that evaluate into one folder, the second is refused.

    Returns:
        The scores, the evaluation's folder, and whether it was there already.

    Raises:
        UserError: there is no run or dataset; the run is not shown a modality; or the folder holds another evaluation,
            or another process evaluates into it.
    """
    recipe = read_recipe(request.workdir, request.data_dir)
    sets = allowed_sets(request.sets, recipe)
    step = chosen_step(request.workdir, request.step)
    weights = checkpoint_identity(request.workdir, step)
    remarks = check_run(request.workdir, recipe.data, accept=request.accept_data_change, verify=request.verify_data)
    setting = Setting(
        split=request.split or recipe.data.test_split,
        limit=request.limit,
        step=step,
        weights=weights,
        sets=tuple(map(set_name, sets)),
        max_new_tokens=request.max_new_tokens,
        data=_content(recipe.data),
        truth=sha256(request.truth) if request.truth else "",
    )
    stamp = setting.to_json()
    folder = request.out or output_folder.place(request.workdir / "evaluation", setting.name, stamp)
    # A split that is not there is told here, before a calibration that takes its time.
    labels = ClipSource(recipe.data.data_dir, recipe.data.dataset, setting.split).labels
    truth = read_truth(request.truth, labels) if request.truth else None
    if _there(request, folder, stamp) and not request.calibrate:
        return _read(folder, truth), folder, True
    with output_folder.lock_of(folder) as lock:
        known = folder.is_dir()
        if known:
            lock.take()
        # Another process may have finished it meanwhile.
        if (there := _there(request, folder, stamp)) and not request.calibrate:
            return _read(folder, truth), folder, True
        output_folder.check(folder, stamp, overwrite=request.overwrite)
        check_place(folder)
        begin = functools.partial(output_folder.begin, folder, stamp, None if known else lock)
        return _evaluate(request, folder, setting, sets, truth, remarks, begin, there=there), folder, there


def _there(request: EvaluationRequest, folder: Path, stamp: dict[str, Any]) -> bool:
    """Whether the folder holds the finished evaluation that is asked for."""
    return output_folder.finished(folder) and output_folder.holds(folder, stamp) and not request.overwrite


def _evaluate(
    request: EvaluationRequest,
    folder: Path,
    setting: Setting,
    sets: Sequence[frozenset[Modality]],
    truth: Truth | None,
    remarks: Sequence[str],
    begin: Callable[[], None],
    *,
    there: bool,
) -> Results:
    """Answers and scores a run; where a finished evaluation is `there`, its answers are scored again."""
    opened = load_run(request.workdir, setting.step, request.data_dir, side_by_side(request.batch_size))
    labels = dataset_labels(opened[0].data.data_dir, opened[0].data.dataset)
    calibration, note = _calibration(request, opened, setting)
    if request.overwrite:
        output_folder.clear(folder)
    log = AnswerLog(folder / output_folder.ANSWERS, begin)
    if there:
        rows = list(read_predictions(folder / output_folder.PREDICTIONS, labels=labels))
        notes = _source_and_notes(folder)[1][:-1]
    else:
        answers = answer_split(
            *opened,
            sets,
            batch_size=request.batch_size,
            max_new_tokens=request.max_new_tokens,
            split=request.split,
            limit=request.limit,
            log=log,
        )
        rows = with_truth(answers.predictions, truth) if truth else answers.predictions
        notes = (*remarks, *answers.notes)
    rows = [dataclasses.replace(row, temperature=calibration.of(row.modalities)) for row in rows]
    found = results.score(by_set(rows), _source(request.workdir, setting), (*notes, note), truth=truth, labels=labels)
    write_jsonl(folder / output_folder.PREDICTIONS, (row.to_json() for row in rows))
    split = f"{setting.split}[:{setting.limit}]" if setting.limit else setting.split
    model_card.write(model_card.trained(request.workdir, opened[0], setting.step), found, split, folder)
    report.write(found, folder)
    log.remove()
    return found


def side_by_side(batch_size: int) -> int:
    """How many devices of this process can answer equal shares of a batch."""
    return max(count for count in range(1, jax.local_device_count() + 1) if batch_size % count == 0)


def _source(workdir: Path, setting: Setting) -> str:
    """What was evaluated, in a line."""
    clips = f", first {setting.limit} clips" if setting.limit else ""
    step = "" if setting.step is None else f", step {setting.step}"
    return f"Run {workdir}{step}, split {setting.split}{clips}"


def _read(folder: Path, truth: Truth | None) -> Results:
    """The scores of a finished evaluation."""
    labels = output_folder.scored_labels(folder)
    rows = read_predictions(folder / output_folder.PREDICTIONS, labels=labels)
    return results.score(by_set(rows), *_source_and_notes(folder), truth=truth, labels=labels)


def _source_and_notes(folder: Path) -> tuple[str, tuple[str, ...]]:
    """`source` and `notes` of a finished evaluation, as `Results` has them.

    Raises:
        UserError: its scores are damaged.
    """
    row = read_json(folder / output_folder.SCORES)
    try:
        return str(row["source"]), tuple(map(str, row["notes"]))
    except (TypeError, KeyError) as error:
        raise UserError(f"{folder / output_folder.SCORES}: is damaged; give --overwrite to evaluate again") from error


def _content(data: DataRecipe) -> str:
    """A hash of a dataset's content, wherever it lies."""
    builder = open_builder(data.data_dir, data.dataset)
    known = fingerprint.stored(builder)
    if known is None:
        return sha256(Path(builder.data_path) / "dataset_info.json")
    return known.digest


def _calibration(request: EvaluationRequest, opened: tuple[Any, Any, Any], setting: Setting) -> tuple[Calibration, str]:
    """The run's calibration, learnt first if that is asked for, and a sentence on it for a reader of the scores."""
    path = calibrations.path_of(request.workdir, setting.step)
    found = calibrations.load(path, setting.weights)
    missing = found is None or not found.sets
    if request.calibrate or (request.calibrate is None and not request.limit and missing):
        try:
            check_place(path.parent)
        except UserError:
            if request.calibrate:
                raise
            return Calibration(), f"Probabilities are not calibrated: {path.parent} cannot be written."
        found = calibrate(*opened, batch_size=request.batch_size)
        calibrations.save(found, path, setting.weights)
    if found is None:
        return Calibration(), "Probabilities are not calibrated; --calibrate does it."
    if not found.sets:
        return found, f"Probabilities are not calibrated: {found.why_not}."
    clips = max(temperature.n for temperature in found.sets.values())
    itself = ", which are scored here" if calibrations.takes(setting.split) else ""
    return found, (
        f"Temperatures were learnt on {clips} clips of split {calibrations.SPLIT!r}{itself}, for each modality set."
    )
