"""One run of a sweep: it is trained to its end, and answers what its rows ask."""

import dataclasses
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from deemo_jax.ablation.cells import Cell
from deemo_jax.ablation.overrides import overridden
from deemo_jax.ablation.shared_features import share_features
from deemo_jax.ablation.sweep_folder import SweepFolder
from deemo_jax.core.recipe import Recipe
from deemo_jax.core.schema import Modality, set_name
from deemo_jax.evaluation import output_folder
from deemo_jax.evaluation.evaluate_run import EvaluationRequest, evaluate_run
from deemo_jax.evaluation.modality_sets import shown_to
from deemo_jax.models.deemo_llama import DeemoLlama, DeemoLlamaConfig, param_shapes
from deemo_jax.models.params import trainable_paths
from deemo_jax.models.weights import flatten
from deemo_jax.training.loop import train


@dataclasses.dataclass(frozen=True)
class Answered:
    """What a run of a sweep gave.

    Attributes:
        predictions: file of its answers.
        bayes: modality set -> the best accuracy that is possible, 0 to 1, where it is known.
    """

    predictions: Path
    bayes: Mapping[str, float]


def run_config(config: Mapping[str, Any], cell: Cell) -> dict[str, Any]:
    """The config of the run that a cell needs.

    Where nothing learns, since what the run is shown leaves every trainable branch of the model at rest, one step is
    all: more would change no parameter.

    Args:
        config: that all runs of the sweep change, as plain nested dicts.
        cell: one that the run answers.

    Raises:
        UserError: the config is wrong.
    """
    changed = overridden(config, {**cell.overrides, "seed": cell.seed})
    return changed if learns(Recipe.from_config(changed)) else overridden(changed, {"train.steps": 1})


def learns(recipe: Recipe) -> bool:
    """Whether any parameter changes in training.

    Raises:
        UserError: the model's config, or `config.trainable`, is wrong.
    """
    paths = flatten(param_shapes(DeemoLlama(DeemoLlamaConfig.from_config(recipe.model))))
    return any(path.split("/")[0] not in recipe.resting() for path in trainable_paths(paths, recipe.trainable))


def asked(cell: Cell, recipe: Recipe) -> frozenset[Modality]:
    """The modalities that a cell's model is given when it answers."""
    return shown_to(recipe) if cell.modalities is None else cell.modalities


def do_run(
    folder: SweepFolder,
    config: Mapping[str, Any],
    cells: Sequence[Cell],
    request: EvaluationRequest,
    *,
    cache: bool = False,
) -> Answered | None:
    """Trains and evaluates; what is done already is not done again, and what was begun goes on.

    Args:
        folder: of the sweep, begun.
        config: of the run, as `run_config` gives it.
        cells: all that the run answers.
        request: how each run is evaluated; its workdir, sets and folder are not used.
        cache: whether features of frozen encoders that are missing are made first.

    Returns:
        The answers; None where a signal stopped the training, and its checkpoint is saved.

    Raises:
        InUseError: another process is at this run.
        UserError: as `train` and `evaluate_run`.
    """
    recipe, name = Recipe.from_config(config), cells[0].run
    with folder.lock(name) as lock:
        lock.take()
        if cache and output_folder.newest(folder.run(name) / "evaluation") is None:
            share_features(folder, recipe, request.split)
        ended = train(
            config,
            folder.run(name),
            resume=True,
            accept_data_change=request.accept_data_change,
            verify_data=request.verify_data,
        )
        if not ended.finished:
            return None
        sets = ";".join(dict.fromkeys(set_name(asked(cell, recipe)) for cell in cells))
        found, place, _ = evaluate_run(dataclasses.replace(request, workdir=folder.run(name), sets=sets, out=None))
        return Answered(place / output_folder.PREDICTIONS, found.bayes)
