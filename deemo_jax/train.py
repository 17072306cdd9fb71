"""Trains a recipe on any number of devices and hosts.

    python -m deemo_jax.train --config configs/sample.py --workdir runs/sample
    python -m deemo_jax.train --config configs/sample.py --workdir runs/sample --resume
    python -m deemo_jax.train --config configs/sample.py --workdir runs/warm --config.optimizer.lr=3e-4
    python -m deemo_jax.train --config configs/sample.py --workdir runs/part --config.trainable='[".*/projector/.*"]'
    python -m deemo_jax.train --config configs/sample.py --show_batch
    python -m deemo_jax.train --config configs/sample.py --show_config

Ctrl-C, SIGTERM, SIGHUP, SIGUSR1 and SIGUSR2 save before they end; a second one ends at once. Exit code 0: trained to
the last step; 75: stopped by a signal and saved, so run it again with --resume; 130: the same after Ctrl-C; 2: a
mistake that you can mend. What a run writes: config.json, data.json, metrics.jsonl, checkpoints/, tensorboard/
(docs/train.md).
JAX_COMPILATION_CACHE_DIR=DIR keeps compiled steps between runs.
"""

import sys

from absl import flags
from ml_collections import ConfigDict, config_flags

from deemo_jax.core import cli
from deemo_jax.core.config import define_config, shown
from deemo_jax.core.errors import UserError
from deemo_jax.core.recipe import Recipe

CONFIG = define_config("A recipe, e.g. configs/sample.py; --config.a.b=value changes a key of it.")
WORKDIR = flags.DEFINE_string("workdir", "", "Folder of the run.")
RESUME = flags.DEFINE_bool("resume", False, "Go on with the run in --workdir, or begin one.")
OVERWRITE = flags.DEFINE_bool("overwrite", False, "Remove the run in --workdir and begin anew.")
FROM_STEP = flags.DEFINE_integer(
    "from_step", None, "With --resume: go on from this checkpoint; newer ones are set aside.", lower_bound=0
)
SHOW_BATCH = flags.DEFINE_bool(
    "show_batch", False, "Print what the model would read and learn in the first batch, and end. Needs no --workdir."
)
SHOW_CONFIG = flags.DEFINE_bool(
    "show_config", False, "Print the whole recipe, with where each value comes from, and end. Needs no --workdir."
)
ACCEPT_DATA_CHANGE = flags.DEFINE_bool(
    "accept_data_change", False, "With --resume: go on with other data than the run was begun with; put on record."
)
VERIFY_DATA = flags.DEFINE_bool(
    "verify_data", False, "Before the start, hold the hash of every shard against what build recorded."
)
DISTRIBUTED = flags.DEFINE_bool(
    "distributed", False, "One of several processes; JAX finds the others (SLURM, TPU, GKE)."
)


def main() -> int:
    if CONFIG.value is None or not (WORKDIR.value or SHOW_BATCH.value or SHOW_CONFIG.value):
        raise UserError("name a recipe with --config and a folder with --workdir")
    if not isinstance(CONFIG.value, ConfigDict):  # a file that is missing shows only when a key is asked for
        path = config_flags.get_config_filename(flags.FLAGS["config"])
        raise UserError(
            f"--config {path}: is not there or gives no ConfigDict; name a recipe such as configs/sample.py"
        )
    if SHOW_CONFIG.value:
        flag = flags.FLAGS["config"]
        recipe, changed = Recipe.from_config(CONFIG.value), config_flags.get_override_values(flag)
        print(shown(recipe.resolved(), CONFIG.value, config_flags.get_config_filename(flag), changed, sys.argv[1:]))
        return 0
    if SHOW_BATCH.value:
        from deemo_jax.training.batch_preview import preview

        print(preview(CONFIG.value))
        return 0
    # JAX is imported only here, so that mistakes in flags and --help answer at once.
    if DISTRIBUTED.value:
        from deemo_jax.training.cluster import join_cluster

        join_cluster()
    from deemo_jax.training.loop import train

    outcome = train(
        CONFIG.value,
        WORKDIR.value,
        resume=RESUME.value,
        overwrite=OVERWRITE.value,
        from_step=FROM_STEP.value,
        accept_data_change=ACCEPT_DATA_CHANGE.value,
        verify_data=VERIFY_DATA.value,
    )
    return 0 if outcome.finished else cli.EXIT_STOPPED


if __name__ == "__main__":
    cli.run(main)
