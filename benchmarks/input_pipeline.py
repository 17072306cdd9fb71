"""The input pipeline's speed beside training's: `python -m benchmarks.input_pipeline [--steps 60] [--repeats 5]`.

Times the input pipeline alone (read, decode, prompt, batch) on the sample's dataset, with frames although there may be
features. Then trains for some steps and takes from the metrics how long a step took and which share of the time was
spent waiting for data. `make train` makes the dataset.

`--paper` times the pipeline at the paper's shapes instead: batches of 2 clips with 8 frames and 8 spectrograms of 512
positions, from pixels, and from kept features (8 x 32 x 768 of frames and 8 x 1024 of sound, bfloat16, which small
towers make here); and beside it a step from features of the 7B recipe in small (`benchmarks.feature_cache`), which is
shorter than one of 7B on any machine.
"""

import json
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jax

from benchmarks import feature_cache
from benchmarks.ratios import spread
from configs import sample
from deemo_jax.core import cli
from deemo_jax.core.recipe import Recipe
from deemo_jax.data.clip_source import ClipSource
from deemo_jax.data.features.encoded_clips import with_features
from deemo_jax.data.features.make import make_features
from deemo_jax.data.pipeline import make_pipeline
from deemo_jax.models import mesh as mesh_lib
from deemo_jax.models.from_recipe import build, make_model
from deemo_jax.training.loop import train

# Clips of which features are made.
KEPT = 64
# What one H200 takes of the 7B recipe from features, examples a second (docs/performance.md: 16 in 384 ms).
H200 = 41.7


def main() -> int:
    """Prints some lines."""
    parser = cli.Parser("python -m benchmarks.input_pipeline", description=__doc__)
    parser.add_argument("--steps", type=int, default=60, help="steps to train, and batches per repeat")
    parser.add_argument("--repeats", type=int, default=5, help="passes over the pipeline alone")
    parser.add_argument("--paper", action="store_true", help="at the paper's shapes, beside a step from features")
    flags = parser.parse_args()
    return _paper(flags.steps, flags.repeats) if flags.paper else _sample(flags.steps, flags.repeats)


def _sample(steps_of_run: int, repeats: int) -> int:
    config = sample.get_config()
    config.train.steps = steps_of_run
    recipe = Recipe.from_config({**config.to_dict(), "data": {**config.data.to_dict(), "cached_views": 0}})
    pipeline = make_pipeline(recipe, make_model(recipe).config.tokens, train=True)
    alone, of_a_core = _rates(pipeline.iterate(0), recipe.data.batch_size, steps_of_run, repeats)
    with tempfile.TemporaryDirectory() as folder:
        outcome = train(config, folder)
        rows = [json.loads(line) for line in Path(folder, "metrics.jsonl").read_text(encoding="utf-8").splitlines()]
    steps = [recipe.data.batch_size / row["examples_per_s"] for row in rows]
    print(f"device: {jax.devices()[0].device_kind}, batch of {recipe.data.batch_size}")
    print(f"input pipeline alone: {spread(alone, '.3g')} examples/s (n = {len(alone)} x {steps_of_run} batches)")
    print(f"a core prepares {spread(of_a_core, '.3g')} examples in a second of processor time")
    print(f"training step: {spread(steps, '.3g')} s (n = {len(steps)} means of {recipe.train.log_every} steps)")
    print(f"share of the loop spent waiting for data: {outcome.data_wait:.2%} (goal: under 2 %)")
    return 0


def _paper(batches_a_pass: int, repeats: int) -> int:
    rates = {}
    with tempfile.TemporaryDirectory() as folder:
        Path(folder, "deemo_mer").symlink_to(Path(sample.get_config().data.data_dir, "deemo_mer").resolve())
        for kept in (False, True):
            recipe = paper_shapes(folder, kept)
            if kept:
                make_features(recipe.resolved(), splits=[recipe.data.train_split])
            mesh = mesh_lib.make_mesh(recipe.mesh)
            setup = build(recipe, mesh)
            source = ClipSource(folder, recipe.data.dataset, recipe.data.train_split)
            read = with_features(source, recipe, setup.model, setup.frozen, recipe.data.train_split)
            pipeline = make_pipeline(recipe, setup.model.config.tokens, train=True, source=read)
            _, rates[kept] = _rates(pipeline.iterate(0), recipe.data.batch_size, batches_a_pass, repeats)
            of = "kept features" if kept else "pixels and spectrograms"
            print(f"a core prepares {spread(rates[kept], '.3g')} examples in a second from {of}, n {repeats}")
    small = feature_cache.scaled(512)
    _, step = feature_cache.steps(small)
    step()
    needs = []
    for _ in range(repeats):
        worked = time.process_time()
        step()
        needs.append(small.data.batch_size / (time.process_time() - worked))
    times = [made / need for made, need in zip(rates[True], needs, strict=True)]
    print(f"a step of the 7B recipe in small takes {spread(needs, '.3g')} examples a second of processor time")
    print(f"times as many from features as this step takes, on this machine: {spread(times, '.3g')} (goal: 5)")
    of_h200 = [made / H200 for made in rates[True]]
    print(f"times as many as the 7B step takes on an H200 ({H200}), for each core: {spread(of_h200, '.3g')}")
    return 0


def paper_shapes(data_dir: str, kept: bool) -> Recipe:
    """The sample's towers with outputs of the paper's sizes; features are kept behind the Q-Former on each frame."""
    config = sample.get_config()
    model = config.model
    model.dtype, config.init, config.trainable = "bfloat16", "", ["paper"]
    model.audio.encoder.head = 1024
    model.video.connector.frame.update({"queries": 32, "width": 768, "heads": 12, "mlp": 768})
    config.data.update(
        {"data_dir": data_dir, "train_split": f"train[:{KEPT}]", "batch_size": 2, "max_length": 512, "clips": 8}
    )
    config.data.update({"modality_dropout": {}, "cached_views": int(kept)})
    return Recipe.from_config(config)


def _rates(batches: Iterator[Any], size: int, count: int, repeats: int) -> tuple[list[float], list[float]]:
    """Examples a second by the clock, and a second of processor time, of each pass over `count` batches."""
    next(batches)
    clock, processor = [], []
    for _ in range(repeats):
        start, worked = time.perf_counter(), time.process_time()
        for _ in range(count):
            next(batches)
        clock.append(count * size / (time.perf_counter() - start))
        processor.append(count * size / (time.process_time() - worked))
    return clock, processor


if __name__ == "__main__":
    sys.exit(cli.guarded(main))
