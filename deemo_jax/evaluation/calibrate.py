"""Learns the temperatures that calibrate a run's probabilities, on the split that `build` set apart for this."""

import itertools
from typing import Any

import numpy as np

from deemo_jax.core.recipe import Recipe
from deemo_jax.core.schema import Modality, set_name
from deemo_jax.data.clip_source import open_builder
from deemo_jax.evaluation.answer_log import AnswerLog
from deemo_jax.evaluation.answer_split import SplitAsker, read_records
from deemo_jax.evaluation.modality_sets import shown_to
from deemo_jax.generation.calibration import SPLIT, Calibration, fit, lacking, takes
from deemo_jax.generation.label_odds import log_odds
from deemo_jax.models.deemo_llama import DeemoLlama

# Clips on which the temperature of a modality set is fitted, at most: enough for a single number.
MOST_CLIPS = 256


def calibrate(recipe: Recipe, model: DeemoLlama, params: Any, *, batch_size: int) -> Calibration:
    """A temperature for every modality set that the run can be shown.

    Args:
        recipe: of the run.
        model: of the run.
        params: of the model.
        batch_size: clips at once.

    Returns:
        The temperatures; or none and why not: the dataset has no split `validation`, it is too small, or the run was
            trained on it.

    Raises:
        UserError: the dataset cannot be opened.
    """
    data = recipe.data
    if SPLIT not in open_builder(data.data_dir, data.dataset).info.splits:
        return Calibration(why_not=f"the dataset has no split {SPLIT!r}")
    if takes(data.train_split):
        return Calibration(why_not=f"the run was trained on split {SPLIT!r}")
    # Answers of one token: only the likelihoods of the labels are used.
    everything = shown_to(recipe)
    asker = SplitAsker(
        recipe, model, params, 1, split=SPLIT, batch_size=batch_size, sets=(everything,), limit=MOST_CLIPS
    )
    whole = asker.pipeline(everything)
    count = min(len(whole), MOST_CLIPS)
    records, _ = read_records(whole, count)
    asker.check_prompts(records, (everything,))
    truth = {index: asker.labels.index(record.clip.emotion) for index, record in records.items()}
    if why_not := lacking(np.array([*truth.values()], int)):
        return Calibration(why_not=why_not)
    known = [modality for modality in Modality if modality in everything]
    found = {}
    for size in range(len(known), 0, -1):
        for chosen in map(frozenset, itertools.combinations(known, size)):
            said = asker.ask(chosen, count, AnswerLog(), "calibrates")
            odds = {index: said[index].log_likelihoods for index in records}
            kept = {index: values for index, values in odds.items() if values and np.isfinite(values).all()}
            of_kept = np.array([truth[index] for index in kept], int)
            if not lacking(of_kept):
                found[set_name(chosen)] = fit(log_odds(np.array([*kept.values()])), of_kept)
    return Calibration(found, "" if found else f"the records of split {SPLIT!r} cannot be read")
