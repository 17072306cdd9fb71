"""The input pipeline's speed beside training's: `python -m benchmarks.input_pipeline [--steps 60] [--repeats 5]`.

Times the input pipeline alone (read, decode, prompt, batch) on the sample's dataset, with frames although there may be
features. Then trains for some steps and takes from the metrics how long a step took and which share of the time was
spent waiting for data. `make train` makes the dataset.
"""

import json
import sys
import tempfile
import time
from pathlib import Path

import jax

from benchmarks.ratios import spread
from configs import sample
from deemo_jax.core import cli
from deemo_jax.core.recipe import Recipe
from deemo_jax.data.pipeline import make_pipeline
from deemo_jax.models.from_recipe import make_model
from deemo_jax.training.loop import train


def main() -> int:
    """Prints one table."""
    parser = cli.Parser("python -m benchmarks.input_pipeline", description=__doc__)
    parser.add_argument("--steps", type=int, default=60, help="steps to train, and batches per repeat")
    parser.add_argument("--repeats", type=int, default=5, help="passes over the pipeline alone")
    flags = parser.parse_args()
    config = sample.get_config()
    config.train.steps = flags.steps
    recipe = Recipe.from_config({**config.to_dict(), "data": {**config.data.to_dict(), "cached_views": 0}})
    pipeline = make_pipeline(recipe, make_model(recipe).config.tokens, train=True)
    alone, of_a_core = [], []
    batches = pipeline.iterate(0)
    next(batches)
    for _ in range(flags.repeats):
        start, worked = time.perf_counter(), time.process_time()
        for _ in range(flags.steps):
            next(batches)
        alone.append(flags.steps * recipe.data.batch_size / (time.perf_counter() - start))
        of_a_core.append(flags.steps * recipe.data.batch_size / (time.process_time() - worked))
    with tempfile.TemporaryDirectory() as folder:
        outcome = train(config, folder)
        rows = [json.loads(line) for line in Path(folder, "metrics.jsonl").read_text(encoding="utf-8").splitlines()]
    steps = [recipe.data.batch_size / row["examples_per_s"] for row in rows]
    print(f"device: {jax.devices()[0].device_kind}, batch of {recipe.data.batch_size}")
    print(f"input pipeline alone: {spread(alone, '.3g')} examples/s (n = {len(alone)} x {flags.steps} batches)")
    print(f"a core prepares {spread(of_a_core, '.3g')} examples in a second of processor time (fit's --decode_rate)")
    print(f"training step: {spread(steps, '.3g')} s (n = {len(steps)} means of {recipe.train.log_every} steps)")
    print(f"share of the loop spent waiting for data: {outcome.data_wait:.2%} (goal: under 2 %)")
    return 0


if __name__ == "__main__":
    sys.exit(cli.guarded(main))
