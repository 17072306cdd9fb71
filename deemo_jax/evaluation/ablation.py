"""The ablation of the paper's Table 4: one run, answering with one subset of modalities after the other."""

import dataclasses
from pathlib import Path

from deemo_jax.core.errors import UserError
from deemo_jax.core.recipe import BRANCHES
from deemo_jax.core.schema import set_name
from deemo_jax.data.features.make import make_features
from deemo_jax.evaluation import output_folder
from deemo_jax.evaluation.compared_systems import systems_of_sets
from deemo_jax.evaluation.comparison import Comparison, compare
from deemo_jax.evaluation.evaluate_run import EvaluationRequest, evaluate_run
from deemo_jax.evaluation.modality_sets import shown_to
from deemo_jax.evaluation.published import TABLE_4
from deemo_jax.evaluation.subsets import parse_subsets
from deemo_jax.generation.load import read_recipe


def ablate(
    request: EvaluationRequest, subsets: str, *, published: bool = False, cache: bool = False
) -> tuple[Comparison, Path]:
    """Evaluates a run with each subset, as `evaluate_run` does, and compares them.

    Args:
        request: of the evaluation; its sets are not used.
        subsets: as `parse_subsets` reads them; the last one is the reference of all differences.
        published: whether the paper's rows are shown beside.
        cache: whether features of frozen encoders that are missing are made first, so that each clip is encoded once.

    Returns:
        The comparison, and the folder of the evaluation, which holds the predictions.

    Raises:
        UserError: as `evaluate_run` and `parse_subsets`; or the run is not shown a modality.
    """
    chosen = parse_subsets(subsets)
    recipe = read_recipe(request.workdir, request.data_dir)
    known = shown_to(recipe)
    if unknown := [name for name, of_name in chosen.items() if of_name - known]:
        raise UserError(f"--subsets {','.join(unknown)}: this run is shown {set_name(known)} only; leave them out")
    names = {name: set_name(of_name) for name, of_name in chosen.items()}
    if cache and recipe.data.cached_views and known & BRANCHES:
        make_features(recipe.resolved(), splits=[request.split or recipe.data.test_split])
    found, folder, _ = evaluate_run(dataclasses.replace(request, sets=";".join(names.values())))
    file, labels = folder / output_folder.PREDICTIONS, output_folder.scored_labels(folder)
    rows = [row for row in TABLE_4 if published and row.modalities in names.values()]
    return compare(systems_of_sets(file, labels, names), labels, rows, reference=[*names][-1], best=found.bayes), folder
