"""What frozen encoders make of clips, made once for all runs of a sweep."""

import time

from deemo_jax.ablation.sweep_folder import SweepFolder
from deemo_jax.core.recipe import BRANCHES, Recipe
from deemo_jax.core.run_folder.lock import InUseError
from deemo_jax.data.features.make import make_features

# Seconds between two looks whether another process of the sweep has made them.
LOOK_S = 1.0


def share_features(folder: SweepFolder, recipe: Recipe, split: str = "") -> None:
    """Makes the features that a run reads and nobody has made yet, as `python -m deemo_jax.cache` does.

    Of several processes of a sweep one makes them, and the others wait.

    Args:
        folder: of the sweep, begun.
        recipe: of the run.
        split: that will be answered; empty for the recipe's test split.

    Raises:
        UserError: as `make_features`.
    """
    data = recipe.data
    if not data.cached_views or not data.shown & BRANCHES:
        return
    splits = dict.fromkeys(filter(None, (data.train_split, data.validation_split, split or data.test_split)))
    while True:
        with folder.lock("features") as lock:
            try:
                lock.take()
            except InUseError:
                time.sleep(LOOK_S)
                continue
            make_features(recipe.resolved(), splits=list(splits))
            return
