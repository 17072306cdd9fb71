"""Trains a recipe on any number of devices and hosts.

    python -m deemo_jax.train --config configs/sample.py --workdir runs/sample
    python -m deemo_jax.train --config configs/sample.py --workdir runs/sample --resume
    python -m deemo_jax.train --config configs/sample.py --workdir runs/warm --config.optimizer.lr=3e-4
    python -m deemo_jax.train --config configs/sample.py --workdir runs/part --config.trainable='[".*/projector/.*"]'
    python -m deemo_jax.train --config configs/sample.py --show_batch
    python -m deemo_jax.train --config configs/sample.py --show_config

In a cluster each process runs the same command with --distributed. Without a launcher that JAX knows:

    python -m deemo_jax.train ... --distributed --coordinator node0:12345 --processes 2 --process 0   # on node0
    python -m deemo_jax.train ... --distributed --coordinator node0:12345 --processes 2 --process 1   # on node1

Ctrl-C, SIGTERM, SIGHUP, SIGUSR1 and SIGUSR2 save before they end; a second one ends at once. Exit code 0: trained to
the last step; 75: stopped by a signal and saved, so run it again with --resume; 130: the same after Ctrl-C; 2: a
mistake that you can mend. What a run writes: config.json, data.json, metrics.jsonl, checkpoints/, tensorboard/
(docs/train.md).
"""

from deemo_jax.core.start_signals import end_when_asked

if __name__ == "__main__":
    end_when_asked()  # the imports that follow take their time

import sys
import time
from pathlib import Path

from absl import flags
from ml_collections import config_flags

from deemo_jax.core import cli
from deemo_jax.core.compilation_cache import default_folder, keep_compiled
from deemo_jax.core.config import shown
from deemo_jax.core.errors import UserError
from deemo_jax.core.recipe import Recipe
from deemo_jax.core.recipe_flag import define_config, given

BEGAN = time.monotonic()
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
    "distributed", False, "One of several processes; JAX finds the others (SLURM, Open MPI, TPU, GKE)."
)
COORDINATOR = flags.DEFINE_string(
    "coordinator", None, "With --distributed: HOST:PORT of process 0 (or JAX_COORDINATOR_ADDRESS)."
)
PROCESSES = flags.DEFINE_integer(
    "processes", None, "With --distributed: how many processes there are (or JAX_NUM_PROCESSES).", lower_bound=1
)
PROCESS = flags.DEFINE_integer(
    "process", None, "With --distributed: number of this process, from 0 (or JAX_PROCESS_ID).", lower_bound=0
)
JOIN_TIMEOUT_S = flags.DEFINE_float(
    "join_timeout_s", 300.0, "Seconds within which all processes must have joined.", lower_bound=1.0
)
STUCK_AFTER_S = flags.DEFINE_float(
    "stuck_after_s",
    900.0,
    "Seconds without progress after which the stacks of all threads are written and the run ends, and that processes "
    "wait for each other between joining and the first step; 0 for ever.",
    lower_bound=0.0,
)
cli.finite("join_timeout_s", "stuck_after_s")
PROFILE = flags.DEFINE_string(
    "profile", None, "START:STOP writes a trace of these steps for xprof into the folder profile of --workdir."
)
COMPILATION_CACHE = flags.DEFINE_string(
    "compilation_cache",
    None,
    "Folder that keeps compiled steps between runs; empty: none. Default: JAX_COMPILATION_CACHE_DIR, else "
    "~/.cache/deemo_jax/compiled.",
)


def main() -> int:
    if CONFIG.value is None or not (WORKDIR.value or SHOW_BATCH.value or SHOW_CONFIG.value):
        raise UserError("name a recipe with --config and a folder with --workdir")
    config = given(CONFIG)
    if SHOW_CONFIG.value:
        flag = flags.FLAGS["config"]
        recipe, changed = Recipe.from_config(config), config_flags.get_override_values(flag)
        print(shown(recipe.resolved(), config, config_flags.get_config_filename(flag), changed, sys.argv[1:]))
        return 0
    if SHOW_BATCH.value:
        from deemo_jax.training.batch_preview import preview

        print(preview(config))
        return 0
    # JAX is imported only here, so that mistakes in flags and --help answer at once.
    from deemo_jax.training.cluster.join import ByHand, join
    from deemo_jax.training.loop import Watch, train
    from deemo_jax.training.watch.trace import parse_steps

    profile = parse_steps(PROFILE.value) if PROFILE.value is not None else None
    cache = COMPILATION_CACHE.value if COMPILATION_CACHE.value is not None else default_folder()
    if remark := keep_compiled(cache):
        print(f"warning: {remark}", file=sys.stderr)
    by_hand = ByHand(COORDINATOR.value, PROCESSES.value, PROCESS.value)
    place = None
    if DISTRIBUTED.value:
        place = join(Path(WORKDIR.value), by_hand, JOIN_TIMEOUT_S.value)
    elif by_hand != ByHand():
        raise UserError("--coordinator, --processes and --process say where the others are: give --distributed, too")

    outcome = train(
        config,
        WORKDIR.value,
        resume=RESUME.value,
        overwrite=OVERWRITE.value,
        from_step=FROM_STEP.value,
        accept_data_change=ACCEPT_DATA_CHANGE.value,
        verify_data=VERIFY_DATA.value,
        watch=Watch(JOIN_TIMEOUT_S.value, STUCK_AFTER_S.value, profile, BEGAN, place),
    )
    return 0 if outcome.finished else cli.EXIT_STOPPED


if __name__ == "__main__":
    cli.run(main)
