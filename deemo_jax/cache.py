"""Runs the frozen encoders of a recipe once over its dataset and keeps what they give, for training and evaluation.

    python -m deemo_jax.cache --config configs/sample.py --data_dir runs/sample_data/tfds
    python -m deemo_jax.cache --config configs/deemo_llama_7b.py --data_dir DATA --config.init=weights/deemo_llama_7b

The features lie beside the dataset, in DATA_DIR/features/. `train` and `evaluate` find them there by themselves, and
refuse those of other weights, another config or another dataset. Bytes a clip and in all are printed first. Stopped by
Ctrl-C or a kill, the same command goes on (docs/cache.md).
"""

from pathlib import Path

from absl import flags

from deemo_jax.core import cli
from deemo_jax.core.errors import UserError
from deemo_jax.core.recipe_flag import define_config, given

CONFIG = define_config("A recipe, e.g. configs/sample.py; --config.a.b=value changes a key of it.")
DATA_DIR = flags.DEFINE_string("data_dir", "", "Folder of the dataset; default: the recipe's config.data.data_dir.")
SPLIT = flags.DEFINE_list("split", [], "Splits, comma-separated; default: all of the dataset.")
DTYPE = flags.DEFINE_enum("dtype", None, ["float32", "bfloat16"], "As stored; default: the model's.")
OVERWRITE = flags.DEFINE_bool("overwrite", False, "Make features again that are there.")
DISTRIBUTED = flags.DEFINE_bool(
    "distributed", False, "One of several processes; JAX finds the others (SLURM, TPU, GKE)."
)

# Seconds within which all processes must have joined.
JOIN_TIMEOUT_S = 300.0


def main() -> int:
    if CONFIG.value is None:
        raise UserError("name a recipe with --config, such as configs/sample.py")
    config = given(CONFIG).copy_and_resolve_references()
    if DATA_DIR.value:
        config.data.data_dir = DATA_DIR.value
    # JAX is imported only here, so that mistakes in flags and --help answer at once.
    if DISTRIBUTED.value:
        from deemo_jax.training.cluster.join import ByHand, join

        join(Path(config.data.data_dir), ByHand(), JOIN_TIMEOUT_S)
    from deemo_jax.data.features.make import make_features

    folders = make_features(config, splits=SPLIT.value, dtype=DTYPE.value or "", overwrite=OVERWRITE.value)
    print("\n".join(map(str, folders)))
    return 0


if __name__ == "__main__":
    cli.run(main)
